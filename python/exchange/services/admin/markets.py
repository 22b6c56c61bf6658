"""Instruments: defined, changed, closed and opened, and what is charged for their trades."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from exchange.bus.rpc import Call
from exchange.domain.contracts.admin import (
    InstrumentFees,
    InstrumentRecord,
    ListInstrumentsReply,
    ListInstrumentsRequest,
    SetFeesRequest,
    UpsertInstrumentRequest,
)
from exchange.domain.enums import Phase
from exchange.errors import RpcError, RpcStatus
from exchange.services.admin.changing import Body
from exchange.services.admin.core_link import Make
from exchange.services.admin.desk import Desk, check_version
from exchange.services.admin.instruments import definition_of, fees_of, keywords_of, record_of
from exchange.services.admin.pages import page_of
from exchange.services.admin.store import Entity, entities_of, entity_of

# In which an instrument may be defined anew: the day of trading begins in one of them.
_OF_DEFINITIONS = frozenset(map(str, (Phase.CLOSED, Phase.PRE_OPEN, Phase.CONTINUOUS)))


class Markets:
    """Instruments, for a desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def upsert(self, request: UpsertInstrumentRequest, call: Call) -> InstrumentRecord:
        """Defines one, or changes what is said of it; the core refuses what its open orders forbid.

        Raises:
            RpcError: As the core's reject; ABORTED, INVALID_ARGUMENT, NOT_FOUND.
        """
        record = request.instrument
        if record is None:
            raise RpcError(RpcStatus.INVALID_ARGUMENT, "instrument is missing")
        async with self._desk.turn:
            known = await self._known()
            there = _find(known, record)
            check_version(record.version, there.version if there else 0)
            number = int(there.entity_id) if there else record.instrument_id
            number = number or max((int(each.entity_id) for each in known), default=0) + 1
            before = there.body if there else None

            async def defined() -> Body:
                return definition_of(record, before, await self._desk.assets())

            body = await self._desk.patiently(defined)
            if before is None or _without_phase(body) != _without_phase(before):
                try:
                    await self._define(call, request.reason, number, body)
                except RpcError as error:
                    raise _told(error, body, before) from None
            elif body["phase"] != before["phase"]:
                await self._desk.command(call, request.reason, *_phases(number, body["phase"]))
            return record_of(await self._read(number), await self._desk.assets())

    async def list_all(self, request: ListInstrumentsRequest, _: Call) -> ListInstrumentsReply:
        """A page of them, by symbol."""
        assets = await self._desk.assets()
        records = [record_of(each, assets) for each in await self._known()]
        wanted = [each for each in records if each.active or not request.only_active]
        found, more = page_of(wanted, lambda each: each.symbol, request.after, request.limit)
        return ListInstrumentsReply(instruments=found, more=more)

    async def set_fees(self, request: SetFeesRequest, call: Call) -> InstrumentFees:
        """Has the core charge otherwise.

        Raises:
            RpcError: As the core's reject; ABORTED, NOT_FOUND.
        """
        fees = request.fees or InstrumentFees()
        async with self._desk.turn:
            there = await self._desk.patiently(lambda: self._named(fees.symbol))
            check_version(fees.version, there.version)
            number, body = int(there.entity_id), dict(there.body)
            body |= {"maker_rate": fees.maker_rate, "taker_rate": fees.taker_rate}
            if fees.fee_mode is not None:
                body["fee_mode"] = str(fees.fee_mode)
            await self._define(call, request.reason, number, body)
            return fees_of(await self._read(number))

    async def _define(self, call: Call, reason: str, number: int, body: Body) -> None:
        if body["phase"] not in _OF_DEFINITIONS:
            raise RpcError(
                RpcStatus.FAILED_PRECONDITION, f"{body['symbol']} is in {body['phase']}: close it before"
            )
        await self._desk.command(call, reason, lambda of: _definition(number, body, of))

    async def _known(self) -> list[Entity]:
        """Those whose definition is known: a log that begins later may have a phase of others."""
        found = await self._desk.see(lambda tx: entities_of(tx, "Instrument"))
        return [each for each in found if "symbol" in each.body]

    async def _named(self, symbol: str) -> Entity:
        there = _find(await self._known(), InstrumentRecord(symbol=symbol))
        if there is None:
            raise RpcError(RpcStatus.NOT_FOUND, f"there is no instrument {symbol!r}")
        return there

    async def _read(self, number: int) -> Entity:
        found = await self._desk.see(lambda tx: entity_of(tx, "Instrument", str(number)))
        if found is None:
            raise RpcError(RpcStatus.NOT_FOUND, f"instrument {number} is not known")
        return found


def _find(known: list[Entity], record: InstrumentRecord) -> Entity | None:
    """The one that a record means, by its number or else by its symbol."""
    if record.instrument_id:
        return next((each for each in known if int(each.entity_id) == record.instrument_id), None)
    return next((each for each in known if each.body["symbol"] == record.symbol), None)


def _told(error: RpcError, body: Body, before: Body | None) -> RpcError:
    """The core's refusal, with what its word does not say."""
    if before is None or all(body[scale] == before[scale] for scale in ("price_scale", "qty_scale")):
        return error
    return RpcError(error.code, f"{error.message} The decimals of its prices and quantities never change.")


def _without_phase(body: Body) -> Body:
    return {name: value for name, value in body.items() if name != "phase"}


def _definition(number: int, body: Body, correlation_id: str) -> Make:
    return lambda make: make.define_instrument(
        number, body["symbol"], correlation_id=correlation_id, **keywords_of(body)
    )


def _phases(number: int, phase: str) -> list[Callable[[str], Make]]:
    """The steps to a phase: a closed instrument opens by way of pre_open."""
    steps = [phase] if phase == str(Phase.CLOSED) else [str(Phase.PRE_OPEN), phase]
    return [partial(_phase, number, each) for each in steps]


def _phase(number: int, phase: str, correlation_id: str) -> Make:
    return lambda make: make.set_phase(number, phase, correlation_id=correlation_id)
