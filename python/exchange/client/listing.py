"""Requests of operators about assets and instruments: what there is, in which phase, at which prices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from exchange.client.instruments import Amount, Asset, Instrument
from exchange.client.operating import OperatorRequests
from exchange.client.requests import Request, number_of, whole
from exchange.client.results import AdminAnswer
from exchange.domain.enums import (
    BandMode,
    CommandList,
    DefinitionField,
    FeeMode,
    InstrumentAction,
    InstrumentKind,
    Phase,
    StopWrongSide,
    TriggerSource,
)

_SYMBOL_BYTES_MAX: Final = 24
_INT64_MAX: Final = 2**63 - 1


class ListingRequests(OperatorRequests):
    """Those of assets and instruments."""

    def define_asset(
        self, asset: int, symbol: str, scale: int, *, correlation_id: str | None = None
    ) -> Request[AdminAnswer]:
        """Make an asset known; one minor unit is 10**-scale. The same again is done again."""
        known = Asset(whole("asset", asset), symbol, whole("scale", scale))
        return self._instrument(
            InstrumentAction.DEFINE_ASSET,
            correlation_id,
            self._learn(known),
            asset=known.asset,
            symbol=_symbol(symbol),
            asset_scale=known.scale,
        )

    def define_instrument(
        self,
        instrument_id: int,
        symbol: str,
        *,
        base: int | str,
        quote: int | str,
        price_scale: int,
        qty_scale: int,
        kind: InstrumentKind | str = InstrumentKind.SPOT,
        fee_mode: FeeMode | str = FeeMode.RECEIVED,
        maker_rate: int = 0,
        taker_rate: int = 0,
        tick_step: Amount = 1,
        lot_step: Amount = 1,
        min_price: Amount = 1,
        max_price: Amount = 10**9,
        max_qty: Amount = 10**9,
        max_notional: int | None = None,
        max_parts: int = 10_000,
        max_pegs: int = 1024,
        collar: Amount | None = None,
        static_band: Amount | None = None,
        dynamic_band: Amount | None = None,
        reference: Amount | None = None,
        trigger_source: TriggerSource | str = TriggerSource.LAST,
        stop_wrong_side: StopWrongSide | str = StopWrongSide.REJECT,
        band_mode: BandMode | str = BandMode.REJECT,
        phase: Phase | str = Phase.CONTINUOUS,
        correlation_id: str | None = None,
    ) -> Request[AdminAnswer]:
        """Define an instrument, or define it anew.

        Args:
            instrument_id: Its number, above 0.
            symbol: 1 to 24 of A-Z, 0-9 and `-./_`.
            base: What is traded.
            quote: In which prices are.
            price_scale: One tick is 10**-price_scale of quote.
            qty_scale: One lot is 10**-qty_scale of base.
            kind: Spot.
            fee_mode: Which asset fees are taken in.
            maker_rate: Fee in 1e-9 of the notional; negative is a rebate.
            taker_rate: Likewise, never negative.
            tick_step: Prices are multiples of it.
            lot_step: Quantities are multiples of it.
            min_price: The lowest price.
            max_price: The highest; what a market buy in a book without a collar has to be able to pay.
            max_qty: Of one order.
            max_notional: Of one order, in ticks times lots; by default max_price times max_qty, or
                the most that the quote asset's 64 bits have room for.
            max_parts: That an iceberg may show.
            max_pegs: Pegged orders that may live.
            collar: How far from the reference a market order may trade.
            static_band: How far from the reference anything may trade.
            dynamic_band: How far from the last price anything may trade.
            reference: The reference price to begin with.
            trigger_source: What triggers stops.
            stop_wrong_side: What becomes of a stop that would trigger at once.
            band_mode: What becomes of an order that would trade beyond a band.
            phase: To begin with.
            correlation_id: Made where not given.
        """
        know = Instrument(
            whole("instrument_id", instrument_id),
            symbol,
            self._directory.asset_id(base),
            self._directory.asset_id(quote),
            whole("price_scale", price_scale),
            whole("qty_scale", qty_scale),
        )
        know = Instrument(
            know.instrument_id,
            symbol,
            know.base,
            know.quote,
            know.price_scale,
            know.qty_scale,
            know.ticks(tick_step),
            know.lots(lot_step),
        )
        optional = {"collar": collar, "static_band": static_band, "dynamic_band": dynamic_band}
        given = {
            name: know.ticks(value)
            for name, value in (optional | {"reference": reference}).items()
            if value is not None
        }
        highest, most = know.ticks(max_price), know.lots(max_qty)
        return self._instrument(
            InstrumentAction.DEFINE_INSTRUMENT,
            correlation_id,
            self._learn(know),
            present=sum(int(DefinitionField[name.upper()]) for name in given),
            instrument_id=know.instrument_id,
            base=know.base,
            quote=know.quote,
            instrument_kind=number_of(InstrumentKind, kind, "kind"),
            fee_mode=number_of(FeeMode, fee_mode, "fee_mode"),
            symbol=_symbol(symbol),
            price_scale=know.price_scale,
            qty_scale=know.qty_scale,
            phase=number_of(Phase, phase, "phase"),
            maker_rate=whole("maker_rate", maker_rate),
            taker_rate=whole("taker_rate", taker_rate),
            tick_step=know.tick_step,
            lot_step=know.lot_step,
            min_price=know.ticks(min_price),
            max_price=highest,
            max_qty=most,
            max_notional=min(highest * most, self._largest_notional(know))
            if max_notional is None
            else whole("max_notional", max_notional),
            max_parts=whole("max_parts", max_parts),
            max_pegs=whole("max_pegs", max_pegs),
            trigger_source=number_of(TriggerSource, trigger_source, "trigger_source"),
            stop_wrong_side=number_of(StopWrongSide, stop_wrong_side, "stop_wrong_side"),
            band_mode=number_of(BandMode, band_mode, "band_mode"),
            **given,
        )

    def set_phase(
        self, instrument: int | str, phase: Phase | str, *, correlation_id: str | None = None
    ) -> Request[AdminAnswer]:
        """Move an instrument to another phase; what orders do of it is reported to their owners."""
        return self._instrument(
            InstrumentAction.SET_PHASE,
            correlation_id,
            instrument_id=self._directory.instrument_id(instrument),
            phase=number_of(Phase, phase, "phase"),
        )

    def assign_shard(
        self, instrument: int | str, shard: int, *, correlation_id: str | None = None
    ) -> Request[AdminAnswer]:
        """Say which shard matches an instrument from now on, 0: the core itself; no order of it may live."""
        return self._instrument(
            InstrumentAction.ASSIGN_SHARD,
            correlation_id,
            instrument_id=self._directory.instrument_id(instrument),
            shard=whole("shard", shard),
        )

    def set_mark(
        self, instrument: int | str, price: Amount, *, correlation_id: str | None = None
    ) -> Request[AdminAnswer]:
        """Set an instrument's mark price."""
        return self._instrument(
            InstrumentAction.SET_MARK,
            correlation_id,
            instrument_id=self._directory.instrument_id(instrument),
            price=self._directory.ticks(instrument, price),
        )

    def set_reference(
        self, instrument: int | str, price: Amount, *, correlation_id: str | None = None
    ) -> Request[AdminAnswer]:
        """Set an instrument's reference price, from which collars and bands are measured."""
        return self._instrument(
            InstrumentAction.SET_REFERENCE,
            correlation_id,
            instrument_id=self._directory.instrument_id(instrument),
            price=self._directory.ticks(instrument, price),
        )

    def _largest_notional(self, know: Instrument) -> int:
        """In ticks times lots: half of 64 bits in minor units of quote, so that a fee fits beside it."""
        try:
            scale = self._directory.asset(know.quote).scale
        except LookupError:
            scale = 0
        units = int(10 ** max(0, scale - know.price_scale - know.qty_scale))
        return _INT64_MAX // (2 * units)

    def _learn(self, known: Asset | Instrument) -> Callable[[AdminAnswer], None]:
        def learn(answer: AdminAnswer) -> None:
            if answer.ok:
                self._directory.add(known)

        return learn

    def _instrument(
        self,
        action: InstrumentAction,
        correlation_id: str | None,
        done: Callable[[AdminAnswer], None] | None = None,
        **fields: Any,
    ) -> Request[AdminAnswer]:
        fields |= {"kind": int(action), "actor": self._actor}
        return self._request(CommandList.INSTRUMENTS, correlation_id, done, fields)


def _symbol(symbol: str) -> bytes:
    if not symbol.isascii() or not 0 < len(symbol) <= _SYMBOL_BYTES_MAX:
        raise ValueError(f"symbol must be 1 to {_SYMBOL_BYTES_MAX} ASCII characters, not {symbol!r}")
    return symbol.encode("ascii")
