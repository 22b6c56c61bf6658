from typing import TypeAlias, TypedDict, final, overload

import numpy as np
import numpy.typing as npt
from typing_extensions import Buffer

from cmatch.enums import (
    BandMode,
    CancelReason,
    OrderFlag,
    OrderStatus,
    OrderType,
    Peg,
    Phase,
    RejectCode,
    Side,
    StopWrongSide,
    StpMode,
    TimeInForce,
    TriggerSource,
)
from cmatch.views import Indicative, Instrument, Order, QueuePosition

_Records: TypeAlias = npt.NDArray[np.void]

__version__: str
LAYOUTS: dict[str, tuple[int, tuple[tuple[str, str, int], ...]]]
FRAME_LAYOUTS: dict[str, tuple[int, tuple[tuple[str, str, int], ...]]]
CLIENT_FRAME_BYTES: int
RECORD_BYTES: int
SCHEMA_VERSION: int

def encode_command_frame(
    kind: int,
    records: _Records,
    limit: int,
    stream: int,
    epoch: int,
    first_seq: int,
    ts_ns: int,
    /,
) -> tuple[bytes, int]: ...
def encode_report_frame(
    kind: int,
    records: _Records,
    limit: int,
    durability: int,
    epoch: int,
    sequence: int,
    durable_sequence: int,
    ts_ns: int,
    /,
) -> tuple[bytes, int]: ...
def decode_command_frame(data: Buffer, limit: int, /) -> int | tuple[int, bytearray, int, int, int, int]: ...
def decode_report_frame(
    data: Buffer, limit: int, /
) -> int | tuple[int, bytearray, int, int, int, int, int]: ...

class _Options(TypedDict):
    prefault: bool
    deltas: bool
    keep_events: bool
    max_events: int
    tape: int

class _Limits(TypedDict):
    max_instruments: int
    max_orders: int
    max_order_ids: int

@final
class Trade:
    __match_args__ = (
        "trade_id",
        "instrument_id",
        "price",
        "qty",
        "maker_order_id",
        "maker_account",
        "maker_leaves",
        "taker_order_id",
        "taker_account",
        "taker_leaves",
        "taker_side",
    )
    def __new__(
        cls,
        trade_id: int,
        instrument_id: int,
        price: int,
        qty: int,
        maker_order_id: int,
        maker_account: int,
        maker_leaves: int,
        taker_order_id: int,
        taker_account: int,
        taker_leaves: int,
        taker_side: Side | int | str | None,
    ) -> Trade: ...
    @property
    def trade_id(self) -> int: ...
    @property
    def instrument_id(self) -> int: ...
    @property
    def price(self) -> int: ...
    @property
    def qty(self) -> int: ...
    @property
    def maker_order_id(self) -> int: ...
    @property
    def maker_account(self) -> int: ...
    @property
    def maker_leaves(self) -> int: ...
    @property
    def taker_order_id(self) -> int: ...
    @property
    def taker_account(self) -> int: ...
    @property
    def taker_leaves(self) -> int: ...
    @property
    def taker_side(self) -> Side | None: ...
    def __bool__(self) -> bool: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def __reduce__(self) -> tuple[type[Trade], tuple[object, ...]]: ...

@final
class Result:
    __match_args__ = (
        "order_id",
        "status",
        "reason",
        "filled",
        "remaining",
        "trades",
        "sequence",
    )
    def __new__(
        cls,
        order_id: int | None,
        status: OrderStatus | int | str,
        reason: RejectCode | CancelReason | int | None,
        filled: int,
        remaining: int,
        trades: tuple[Trade, ...],
        sequence: int,
    ) -> Result: ...
    @property
    def order_id(self) -> int | None: ...
    @property
    def status(self) -> OrderStatus: ...
    @property
    def reason(self) -> RejectCode | CancelReason | None: ...
    @property
    def filled(self) -> int: ...
    @property
    def remaining(self) -> int: ...
    @property
    def trades(self) -> tuple[Trade, ...]: ...
    @property
    def sequence(self) -> int: ...
    def __bool__(self) -> bool: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def __reduce__(self) -> tuple[type[Result], tuple[object, ...]]: ...

@final
class TopOfBook:
    __match_args__ = (
        "bid_price",
        "bid_qty",
        "ask_price",
        "ask_qty",
    )
    def __new__(
        cls, bid_price: int | None, bid_qty: int, ask_price: int | None, ask_qty: int
    ) -> TopOfBook: ...
    @property
    def bid_price(self) -> int | None: ...
    @property
    def bid_qty(self) -> int: ...
    @property
    def ask_price(self) -> int | None: ...
    @property
    def ask_qty(self) -> int: ...
    def __bool__(self) -> bool: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def __reduce__(self) -> tuple[type[TopOfBook], tuple[object, ...]]: ...

class Engine:
    @overload
    def __init__(
        self,
        *,
        max_instruments: int = 1024,
        max_orders: int = ...,
        max_order_ids: int = ...,
        prefault: bool = False,
        deltas: bool = False,
        keep_events: bool = False,
        max_events: int = ...,
        tape: int = 1024,
    ) -> None: ...
    @overload
    def __init__(
        self,
        snapshot: Buffer,
        *,
        prefault: bool = False,
        deltas: bool = False,
        keep_events: bool = False,
        max_events: int = ...,
        tape: int = 1024,
    ) -> None: ...
    @property
    def next_order_id(self) -> int: ...
    @property
    def clock(self) -> int: ...
    @property
    def command_sequence(self) -> int: ...
    @property
    def event_sequence(self) -> int: ...
    @property
    def trade_sequence(self) -> int: ...
    @property
    def live_orders(self) -> int: ...
    @property
    def remembered_ids(self) -> int: ...
    @property
    def retired_up_to(self) -> int: ...
    @property
    def memory_bytes(self) -> int: ...
    @property
    def instruments(self) -> tuple[int, ...]: ...
    @property
    def options(self) -> _Options: ...
    @property
    def limits(self) -> _Limits: ...
    def submit(
        self,
        instrument_id: int,
        side: Side | int | str,
        qty: int,
        price: int | None = None,
        *,
        account: int = 0,
        order_id: int | None = None,
        type: OrderType | int | str = "limit",  # noqa: A002
        time_in_force: TimeInForce | int | str = "gtc",
        flags: OrderFlag | int | str = 0,
        stp_mode: StpMode | int | str = "none",
        stp_group: int | None = None,
        stop_price: int | None = None,
        trail: int | None = None,
        peg: Peg | int | str | None = None,
        offset: int | None = None,
        display_qty: int | None = None,
        min_qty: int | None = None,
        expire_at: int | None = None,
        timestamp: int | None = None,
    ) -> Result: ...
    def cancel(
        self, instrument_id: int, order_id: int, account: int = 0, *, timestamp: int | None = None
    ) -> Result: ...
    def replace(
        self,
        instrument_id: int,
        order_id: int,
        qty: int | None = None,
        price: int | None = None,
        stop_price: int | None = None,
        *,
        account: int = 0,
        timestamp: int | None = None,
    ) -> Result: ...
    def submit_batch(self, commands: _Records) -> _Records: ...
    def best(self, instrument_id: int) -> TopOfBook: ...
    def define_instrument(
        self,
        instrument_id: int,
        *,
        tick_step: int = 1,
        lot_step: int = 1,
        min_price: int = 1,
        max_price: int = ...,
        max_qty: int = ...,
        max_notional: int = ...,
        max_parts: int = ...,
        max_pegs: int = 1024,
        trigger_source: TriggerSource | int | str = "last",
        stop_wrong_side: StopWrongSide | int | str = "reject",
        band_mode: BandMode | int | str = "reject",
        collar: int | None = None,
        static_band: int | None = None,
        dynamic_band: int | None = None,
        reference: int | None = None,
        phase: Phase | int | str = "continuous",
        timestamp: int | None = None,
    ) -> Result: ...
    def set_phase(
        self, instrument_id: int, phase: Phase | int | str, *, timestamp: int | None = None
    ) -> Result: ...
    def set_reference(self, instrument_id: int, price: int, *, timestamp: int | None = None) -> Result: ...
    def set_mark(self, instrument_id: int, price: int, *, timestamp: int | None = None) -> Result: ...
    def mass_cancel(
        self,
        *,
        instrument_id: int | None = None,
        account: int | None = None,
        side: Side | int | str | None = None,
        timestamp: int | None = None,
    ) -> Result: ...
    def advance_time(self, timestamp: int) -> Result: ...
    def retire_ids(self, up_to: int, *, timestamp: int | None = None) -> Result: ...
    def state_hash(self) -> int: ...
    def snapshot(self) -> bytes: ...
    def check_invariants(self) -> None: ...
    def _kept_events(self) -> bytes: ...
    def _keep_events(self, data: Buffer) -> None: ...
    def l2(self, instrument_id: int, depth: int | None = None) -> tuple[_Records, _Records]: ...
    def l3(self, instrument_id: int) -> _Records: ...
    def indicative(self, instrument_id: int) -> Indicative | None: ...
    def instrument(self, instrument_id: int) -> Instrument: ...
    def order(self, order_id: int) -> Order | None: ...
    def queue_position(self, order_id: int) -> QueuePosition | None: ...
    def trades(self) -> _Records: ...
    def drain_events(self) -> _Records: ...
    def drain_l2_deltas(self) -> _Records: ...
    def drain_l3_deltas(self) -> _Records: ...
