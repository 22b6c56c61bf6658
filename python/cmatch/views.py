"""What a reader sees of an engine, as tuples with names. Prices are ticks, quantities lots, times ns."""

from typing import NamedTuple

from cmatch.enums import (
    BandMode,
    OrderFlag,
    OrderPlace,
    OrderType,
    Peg,
    Phase,
    Side,
    StopWrongSide,
    StpMode,
    TimeInForce,
    TriggerSource,
)


class Order(NamedTuple):
    """A live order; ``order_qty == cum_qty + leaves_qty``."""

    order_id: int
    account: int
    instrument_id: int
    side: Side
    type: OrderType
    time_in_force: TimeInForce
    place: OrderPlace
    flags: OrderFlag
    stp_mode: StpMode
    stp_group: int | None
    order_qty: int
    cum_qty: int
    leaves_qty: int
    shown_qty: int  # 0 unless it rests and is displayed
    price: int | None  # in force; None of market orders and of a waiting peg
    stop_price: int | None
    trail: int | None
    peg: Peg | None
    offset: int | None
    worst_price: int | None  # of a pegged order
    display_qty: int | None
    expire_at: int | None
    arrival: int  # engine-wide; less is older


class Instrument(NamedTuple):
    """An instrument as it is defined, and its present phase and prices."""

    instrument_id: int
    phase: Phase
    last: int | None
    mark: int | None
    reference: int | None  # static
    live_orders: int
    tick_step: int
    lot_step: int
    min_price: int
    max_price: int
    max_qty: int
    max_notional: int
    max_parts: int
    max_pegs: int
    trigger_source: TriggerSource
    stop_wrong_side: StopWrongSide
    band_mode: BandMode
    collar: int | None
    static_band: int | None
    dynamic_band: int | None


class QueuePosition(NamedTuple):
    """What lies ahead of a resting order at its price."""

    orders_ahead: int
    qty_ahead: int


class Indicative(NamedTuple):
    """What an uncross would do now."""

    price: int
    volume: int
    surplus: int  # buys less sells that could trade at the price
