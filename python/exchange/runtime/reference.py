"""Instruments and assets by id or symbol, for services that have none: of the replica, kept in a cache.

query ──▶ Reference ──▶ cache ──▶ what is there
│ missing
▼
replica, all of them at once ──▶ cache       admin.changes ──▶ forget
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

from exchange.bus.rpc import NO_CONTEXT, Metadata, RpcClient, current_scope
from exchange.domain.queries import AssetRow, InstrumentScales, InstrumentsReply, InstrumentsRequest
from exchange.errors import ExchangeError, ServiceUnavailableError
from exchange.runtime.caching import INSTRUMENTS
from exchange.runtime.caller import OPERATOR
from exchange.schema.codec import decode_message, encode_message
from exchange.storage.cache import Cache

_METHOD: Final = "matching.InstrumentsRequest"
_LOAD_MS: Final = 2_000
_PAUSE_S: Final = 1.0  # after a load that failed: nobody waits for another
_NONE: Final = b""  # there is no such instrument

Load = Callable[[int], InstrumentsReply]


class _Failure(NamedTuple):
    """A load that failed, and until when nobody tries again."""

    until: float
    why: str


class Reference:
    """Looks up instruments and assets. Any number of threads; one loads for all.

    Args:
        cache: Where they are kept.
        load: Asks for all of them, as of a sequence of the journal or later; blocks.
        changed: The sequence of the last command that is known to have changed one.
        clock: A steady clock, seconds.
    """

    def __init__(
        self,
        cache: Cache,
        load: Load,
        changed: Callable[[], int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cache = cache
        self._load = load
        self._changed = changed
        self._clock = clock
        self._loading = threading.Lock()
        self._failed: _Failure | None = None

    def instruments(self, ids: Iterable[int]) -> tuple[InstrumentScales, ...]:
        """Those of these ids that there are, by id.

        Raises:
            ServiceUnavailableError: One is not in the cache, and the replica cannot be asked.
        """
        found = self._look_up([f"i:{number}" for number in sorted(set(ids))])
        return tuple(decode_message(InstrumentScales, value) for value in found.values() if value)

    def assets(self, ids: Iterable[int]) -> tuple[AssetRow, ...]:
        """Likewise of assets."""
        found = self._look_up([f"a:{number}" for number in sorted(set(ids))])
        return tuple(decode_message(AssetRow, value) for value in found.values() if value)

    def instrument_id(self, symbol: str) -> int | None:
        """The instrument of a symbol; None: there is none.

        Raises:
            ServiceUnavailableError: As `instruments`.
        """
        value = self._look_up([f"s:{symbol}"])[f"s:{symbol}"]
        return decode_message(InstrumentScales, value).instrument_id if value else None

    def _look_up(self, keys: list[str]) -> dict[str, bytes]:
        """Each of the keys, in order; empty where there is no such thing."""
        values, generation = self._cache.look_up(INSTRUMENTS, keys)
        if len(values) < len(keys):
            if not self._loading.acquire(blocking=False):
                self._loading.acquire()
                values, generation = self._cache.look_up(INSTRUMENTS, keys)  # somebody has loaded them
            try:
                missing = [key for key in keys if key not in values]
                values = {**values, **self._loaded(missing, generation)}
            finally:
                self._loading.release()
        return {key: values[key] for key in keys}

    def _loaded(self, missing: list[str], generation: str) -> Mapping[str, bytes]:
        if not missing:
            return {}
        if self._failed is not None and self._clock() < self._failed.until:
            raise ServiceUnavailableError(self._failed.why)
        try:
            reply = self._load(self._changed())
        except ExchangeError as error:
            why = f"instruments cannot be asked for: {error}"
            self._failed = _Failure(self._clock() + _PAUSE_S, why)
            raise ServiceUnavailableError(why) from error
        self._failed = None
        loaded = {**dict.fromkeys(missing, _NONE), **_entries(reply)}
        self._cache.put(INSTRUMENTS, loaded, generation)
        return {key: loaded[key] for key in missing}


def _entries(reply: InstrumentsReply) -> dict[str, bytes]:
    """Everything that a replica told, by key."""
    entries: dict[str, bytes] = {}
    for row in reply.instruments:
        scales = InstrumentScales(
            instrument_id=row.instrument_id,
            symbol=row.symbol,
            base=row.base,
            quote=row.quote,
            price_scale=row.price_scale,
            qty_scale=row.qty_scale,
            tick_step=row.tick_step,
            lot_step=row.lot_step,
        )
        entries[f"i:{row.instrument_id}"] = entries[f"s:{row.symbol}"] = encode_message(scales)
    return entries | {f"a:{asset.asset}": encode_message(asset) for asset in reply.assets}


class ReplicaLoad:
    """Asks the replica, for threads that wait; on the event loop in which it is made.

    Args:
        client: Of the replica.
        user: Who asks: the service.
    """

    def __init__(self, client: RpcClient, user: str) -> None:
        self._client = client
        self._user = user
        self._loop = asyncio.get_running_loop()

    def __call__(self, min_seq: int) -> InstrumentsReply:
        """All instruments and assets, as of that sequence or later.

        Raises:
            ExchangeError: See `RpcClient.call`.
        """
        return asyncio.run_coroutine_threadsafe(self._ask(min_seq), self._loop).result()

    async def _ask(self, min_seq: int) -> InstrumentsReply:
        scope = current_scope()
        cause = self._user if scope is None else scope.metadata.correlation_id
        payload = await self._client.call(
            _METHOD,
            encode_message(InstrumentsRequest(min_seq=min_seq)),
            metadata=Metadata(cause, str(OPERATOR), self._user, NO_CONTEXT),
            timeout_ms=_LOAD_MS,
            repeatable=True,
        )
        return decode_message(InstrumentsReply, payload)
