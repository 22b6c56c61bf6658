from collections.abc import Sequence
from enum import IntEnum
from os import PathLike
from types import TracebackType
from typing import NamedTuple, Self, TypeAlias, TypedDict, final, overload

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
ALL_SHARDS: int

def encode_command_frame(
    kind: int,
    records: _Records,
    limit: int,
    stream: int,
    epoch: int,
    first_seq: int,
    ts_ns: int,
    event_digest: int,
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
def decode_command_frame(
    data: Buffer, limit: int, /
) -> int | tuple[int, bytearray, int, int, int, int, int]: ...
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

class JournalState(IntEnum):
    open = 1
    read_only = 2
    failed = 3

class CrashKind(IntEnum):
    lost = 1
    torn = 2
    reordered = 3
    kept = 4

class DiskOperation(IntEnum):
    open = 1
    read = 2
    write = 3
    sync = 4
    size = 5
    allocate = 6
    truncate = 7
    rename = 8
    remove = 9
    sync_directory = 10
    make_directory = 11
    list = 12
    free_bytes = 13
    lock = 14

_Path: TypeAlias = str | bytes | PathLike[str] | PathLike[bytes]

class Disk:
    def list(self, path: _Path) -> list[str]: ...
    def free_bytes(self, path: _Path) -> int: ...

class PosixDisk(Disk):
    def __init__(self) -> None: ...

class MemoryDisk(Disk):
    def __init__(self, *, capacity_bytes: int | None = None, tracks_crashes: bool = True) -> None: ...
    def crash(self, kind: CrashKind, seed: int = 0) -> None: ...
    def cut_power_after(self, operations: int) -> None: ...
    def fail(
        self, operation: DiskOperation, nth: int, *, error: int = 0, after_bytes: int = 0, times: int = 1
    ) -> None: ...
    def clear_faults(self) -> None: ...
    def set_capacity(self, capacity_bytes: int | None) -> None: ...
    def operations(self, operation: DiskOperation | None = None) -> int: ...
    def contents(self, path: _Path) -> bytes: ...
    def set_contents(self, path: _Path, contents: Buffer) -> None: ...

class _JournalCut(TypedDict):
    file: str
    offset: int
    reason: str
    discarded_bytes: int
    lost_first: int
    lost_last: int
    message: str

class _JournalRecovery(TypedDict):
    created: bool
    segments: int
    records: int
    last_sequence: int
    durable_sequence: int
    rewritten_bytes: int
    cut: _JournalCut | None

class _JournalCounters(TypedDict):
    records: int
    writes: int
    bytes: int
    syncs: int
    rotations: int
    segments_made_late: int
    refusals: int

class Journal:
    def __init__(
        self,
        directory: _Path,
        *,
        disk: Disk | None = None,
        segment_bytes: int = 67108864,
        write_bytes: int = 4194304,
        epoch: int = 0,
        first_sequence: int = 1,
        journal_id: int = 0,
        recover_from: int = 0,
    ) -> None: ...
    @property
    def next_sequence(self) -> int: ...
    @property
    def written_sequence(self) -> int: ...
    @property
    def durable_sequence(self) -> int: ...
    @property
    def epoch(self) -> int: ...
    @property
    def last_ts_ns(self) -> int: ...
    @property
    def journal_id(self) -> int: ...
    @property
    def state(self) -> JournalState: ...
    @property
    def segment(self) -> int: ...
    @property
    def tail_offset(self) -> int: ...
    @property
    def reason(self) -> str: ...
    @property
    def directory(self) -> str: ...
    @property
    def counters(self) -> _JournalCounters: ...
    @property
    def recovery(self) -> _JournalRecovery: ...
    def append(self, first_sequence: int, count: int, ts_ns: int, payload: Buffer) -> None: ...
    def append_many(self, records: Sequence[tuple[int, int, int, Buffer]]) -> None: ...
    def sync(self) -> None: ...
    def note_durable(self, sequence: int) -> None: ...
    def try_resume(self) -> bool: ...
    def prepare_spare(self) -> None: ...
    def raise_epoch(self, epoch: int) -> None: ...
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

class JournalRecord(NamedTuple):
    first_sequence: int
    commands: int
    ts_ns: int
    epoch: int
    payload: bytes

class JournalReader:
    def __init__(self, directory: _Path, from_sequence: int = 0, *, disk: Disk | None = None) -> None: ...
    @property
    def next_sequence(self) -> int: ...
    @property
    def segment(self) -> str: ...
    @property
    def offset(self) -> int: ...
    def next(self) -> JournalRecord | None: ...
    def check_tail(self) -> None: ...
    def __iter__(self) -> Self: ...
    def __next__(self) -> JournalRecord: ...

def prepare_spare(directory: _Path, segment_bytes: int, *, disk: Disk | None = None) -> bool: ...
def remove_segments_before(directory: _Path, sequence: int, *, disk: Disk | None = None) -> int: ...
def sync_segments(directory: _Path, *, disk: Disk | None = None) -> None: ...
def list_segments(directory: _Path, *, disk: Disk | None = None) -> list[int]: ...

class FrameKind(IntEnum):
    whole = 0
    oversize = 1
    malformed = 2

class SendResult(IntEnum):
    sent = 0
    would_block = 1
    gone = 2

class Stat(IntEnum):
    frames_in = 0
    in_bytes = 1
    frames_oversize = 2
    frames_malformed = 3
    frames_foreign = 4
    frames_bad = 5
    frames_out = 6
    out_bytes = 7
    sends_blocked = 8
    sends_gone = 9
    commands = 10
    orders = 11
    cancels = 12
    replaces = 13
    expiries = 14
    answers = 15
    duplicates = 16
    queries = 17
    rejects_gateway = 18
    rejects_accounts = 19
    rejects_risk = 20
    rejects_matching = 21
    rejects_settlement = 22
    throttled = 23
    trades = 24
    reports = 25
    batches = 26
    ticks = 27
    loop_iterations = 28
    busy_ns = 29
    idle_ns = 30
    journal_bytes = 31
    journal_syncs = 32
    journal_spares_missed = 33
    journal_sequence_written = 34
    journal_sequence_durable = 35
    event_sequence = 36
    sessions = 37
    live_orders = 38
    accounts = 39
    instruments = 40
    queue_depth = 41
    breaker_state = 42
    read_only = 43
    ready = 44
    batch_size_max = 45
    epoch = 46
    pid = 47
    started_at_ns = 48
    heartbeat_ns = 49
    journal_sequence_replicated = 50
    followers = 51
    standby_in_sync = 52
    answers_waiting = 53
    solo = 54
    standing_by = 55
    disk_nearly_full = 56
    proposals = 57
    proposals_late = 58
    orders_unjudged = 59
    accounts_stage = 60
    risk_stage = 61
    memory_untouched_bytes = 62

class Timing(IntEnum):
    batch_service = 0
    stage_drain = 1
    stage_decode = 2
    stage_journal = 3
    stage_apply = 4
    stage_send = 5
    batch_size = 6
    verdicts = 7

class Inbound:
    def __init__(self, max_frames: int, max_bytes: int) -> None: ...
    def __len__(self) -> int: ...
    @property
    def bytes_used(self) -> int: ...
    @property
    def max_frames(self) -> int: ...
    @property
    def max_bytes(self) -> int: ...
    def frame(self, index: int) -> tuple[int, bytes, FrameKind, bool]: ...
    def user_id(self, index: int) -> str: ...

class _TransportCounts(TypedDict):
    frames_in: int
    bytes_in: int
    frames_oversize: int
    frames_malformed: int
    frames_foreign: int
    frames_out: int
    bytes_out: int
    sends_blocked: int
    sends_gone: int

class Transport:
    def __init__(self, *args: object, **kwargs: object) -> None: ...
    @property
    def counts(self) -> _TransportCounts: ...
    def wait(self, timeout_ns: int) -> bool: ...
    def drain(self, inbound: Inbound, max_frames: int, max_bytes: int) -> int: ...
    def send(self, connection: int, data: Buffer) -> SendResult: ...
    def echo(self, inbound: Inbound) -> int: ...
    def user_id(self, connection: int) -> str: ...
    def forget(self, connection: int) -> None: ...

def seed_addresses() -> None: ...

class ZmqTransport(Transport):
    def __init__(self, underlying: int, library: str = "", owner: object = None) -> None: ...
    @property
    def library(self) -> str: ...
    @staticmethod
    def find_library() -> str: ...

class MemoryTransport(Transport):
    def __init__(self, capacity: int) -> None: ...
    @property
    def waiting(self) -> int: ...
    def open(self, user_id: str = "") -> int: ...
    def close(self, connection: int) -> bool: ...
    def push(self, connection: int, data: Buffer, parts: int = 1) -> bool: ...
    def take(self, connection: int) -> bytes | None: ...

class Histogram:
    def __init__(self) -> None: ...
    @property
    def count(self) -> int: ...
    @property
    def sum(self) -> int: ...
    @property
    def max(self) -> int: ...
    def record(self, value: int, times: int = 1) -> None: ...
    def merge(self, other: Histogram) -> None: ...
    def clear(self) -> None: ...
    def percentile(self, parts_per_million: int) -> int: ...
    def buckets(self) -> list[tuple[int, int]]: ...

class SharedStats:
    def __init__(self, path: str | None = None) -> None: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...
    def begin(self) -> None: ...
    def end(self) -> None: ...
    def add(self, stat: Stat, n: int = 1) -> None: ...
    def set(self, stat: Stat, value: int) -> None: ...
    def raise_to(self, stat: Stat, value: int) -> None: ...
    def get(self, stat: Stat) -> int: ...
    def histogram(self, timing: Timing) -> Histogram: ...
    def tally_reports(self, reports: Buffer) -> None: ...
    def tally_answers(self, answers: Buffer) -> None: ...

class LoopTimer:
    def __init__(self, stats: SharedStats) -> None: ...
    def idle(self) -> None: ...
    def stage(self, timing: Timing) -> None: ...
    def finish(self, transport: Transport, frames: int) -> None: ...

class AnswerReader:
    def __init__(self, *args: object, **kwargs: object) -> None: ...

class EchoReader(AnswerReader):
    def __init__(self) -> None: ...

class _ReportCounts(TypedDict):
    reports: int
    accepted: int
    rejected: int
    canceled: int
    expired: int
    replaced: int
    cancel_rejected: int
    fills: int
    taker_fills: int
    duplicates: int
    refused_frames: int
    other_frames: int
    bad_frames: int
    out_of_order: int

class ReportReader(AnswerReader):
    def __init__(self) -> None: ...
    @property
    def counts(self) -> _ReportCounts: ...
    @property
    def rejects(self) -> dict[int, int]: ...
    def clear(self) -> None: ...

class _LoadCounts(TypedDict):
    frames_sent: int
    frames_received: int
    bytes_received: int
    requests_sent: int
    answered: int
    lost: int
    duplicates: int
    unknown: int
    blocked: int
    elapsed_ns: int

class LoadGenerator:
    def __init__(self, sockets: Sequence[int], library: str = "", owner: object = None) -> None: ...
    @property
    def counts(self) -> _LoadCounts: ...
    @property
    def latency(self) -> Histogram: ...
    @property
    def lateness(self) -> Histogram: ...
    def run(
        self,
        plan: _Records | Buffer,
        arena: npt.NDArray[np.uint8] | npt.NDArray[np.uint64] | Buffer,
        reader: AnswerReader,
        *,
        measure_from_ns: int = 0,
        linger_ns: int = ...,
        settle_ns: int = 10_000_000,
        spin_ns: int = 5_000,
    ) -> None: ...
    def latencies(self) -> bytes: ...

class Clock:
    def now_ns(self) -> int: ...
    def steady_ns(self) -> int: ...

class SystemClock(Clock):
    def __init__(self) -> None: ...

class VirtualClock(Clock):
    def __init__(self, start_ns: int = 0) -> None: ...
    def set(self, ns: int) -> None: ...
    def advance(self, ns: int) -> None: ...

class Toucher:
    def __init__(self, sequencer: Sequencer, processors: Sequence[int] = ()) -> None: ...
    @property
    def left(self) -> int: ...
    def stop(self) -> None: ...

class Sequencer:
    def __init__(
        self,
        venue: Venue,
        journal: Journal,
        transport: Transport,
        clock: Clock,
        stats: SharedStats,
        *,
        epoch: int = 1,
        durability: int = 1,
        max_frames: int = 4_096,
        max_batch_bytes: int = 4_194_304,
        max_sessions: int = 4_096,
        ring_reports: int = 262_144,
        silence_ns: int = ...,
        orders_per_s: int = 0,
        orders_burst: int = 1,
        cancels_per_s: int = 0,
        cancels_burst: int = 1,
        shards: int = 0,
        trusts_peers: bool = True,
        leads: bool = True,
        follow_bytes: int = 16_777_216,
        standby_timeout_ns: int = ...,
        standby: str = "standby",
        accounts: bool = False,
        risk: bool = False,
        proposal_timeout_ns: int = ...,
        orders_behind: int = 4_096,
    ) -> None: ...
    def permit(
        self,
        user_id: str,
        tenant: int,
        trades: bool,
        administers: bool,
        follows: bool = False,
        shards: bool = False,
        stages: bool = False,
    ) -> None: ...
    def revoke(self, user_id: str) -> None: ...
    def replay(self, reader: JournalReader, until: int) -> int: ...
    def begin(self) -> None: ...
    def wait(self, timeout_ns: int) -> bool: ...
    def drain(self) -> None: ...
    def decode(self) -> None: ...
    @property
    def pending(self) -> bool: ...
    def propose(self) -> bool: ...
    @property
    def waits(self) -> bool: ...
    def append(self) -> bool: ...
    def apply(self) -> None: ...
    def sync(self) -> None: ...
    def answer(self) -> None: ...
    def finish(self) -> None: ...
    def keep_house(self) -> None: ...
    def close_sessions(self) -> None: ...
    def set_stage(self, away: bool, shard: int = 0) -> None: ...
    def set_disk_nearly_full(self, nearly_full: bool) -> None: ...
    def shard_link(self, shard: int) -> tuple[int, int]: ...
    def set_judge(self, judge: int, away: bool) -> None: ...
    def judge_link(self, judge: int) -> tuple[int, int]: ...
    @property
    def next_timer(self) -> int: ...
    @property
    def syncs(self) -> bool: ...
    @property
    def fenced_by(self) -> int: ...
    @property
    def replicated(self) -> int: ...
    @property
    def standby_in_sync(self) -> bool: ...
    @property
    def now(self) -> int: ...
    @property
    def steady(self) -> int: ...
    @property
    def sequence(self) -> int: ...
    @property
    def read_only(self) -> bool: ...
    @property
    def sessions(self) -> int: ...

class StandbyState(IntEnum):
    asking = 1
    streaming = 2
    behind = 3
    ahead = 4
    diverged = 5
    leading = 6

class Standby:
    def __init__(
        self,
        core: Sequencer,
        *,
        name: str = "standby",
        timeout_ns: int = ...,
        in_sync: bool = False,
    ) -> None: ...
    def connected(self) -> None: ...
    def take(self, frame: Buffer, now: int) -> None: ...
    def take_history(self, payload: Buffer) -> bool: ...
    def resume(self) -> None: ...
    @property
    def pending(self) -> bool: ...
    def write(self) -> bool: ...
    def fold(self) -> None: ...
    def say(self, now: int) -> bytes: ...
    def promote_as_asked(self, now: int) -> tuple[int, int, int, int, int, int] | None: ...
    @property
    def state(self) -> StandbyState: ...
    @property
    def in_sync(self) -> bool: ...
    @property
    def next_sequence(self) -> int: ...
    @property
    def last_epoch(self) -> int: ...
    @property
    def leader_epoch(self) -> int: ...
    @property
    def leader_sequence(self) -> int: ...
    @property
    def heard_at(self) -> int: ...

class Venue:
    def __init__(
        self,
        *,
        max_accounts: int = 131_072,
        max_assets: int = 256,
        max_balances: int = 524_288,
        max_holds: int = 131_072,
        max_transfers: int = 4_194_304,
        max_instruments: int = 1_024,
        max_orders: int = 1_048_576,
        max_order_ids: int = 16_777_216,
        max_positions: int = 262_144,
        max_client_ids: int = 4_194_304,
        max_recent_orders: int = 65_536,
        max_sessions: int = 16_384,
        queue_capacity: int = 10_000,
        queue_ttl: int = ...,
        prefault: bool = False,
        deltas: bool = False,
        tape: int = 1_024,
        hash_seed: int = 0,
        shard: int = 0,
    ) -> None: ...
    @staticmethod
    def restore(
        data: Buffer,
        *,
        prefault: bool = False,
        deltas: bool = False,
        tape: int = 1_024,
        hash_seed: int = 0,
        shard: int = 0,
    ) -> Venue: ...
    def apply(
        self, family: int, first_sequence: int, timestamp: int, commands: _Records, *, epoch: int = 1
    ) -> tuple[_Records, _Records]: ...
    def apply_payload(self, payload: Buffer) -> tuple[_Records, _Records]: ...
    def apply_orders(
        self, reader: JournalReader, most_commands: int, until: int
    ) -> tuple[int, int, JournalRecord | None]: ...
    def state_hash(self) -> int: ...
    def snapshot(self) -> bytes: ...
    def check_invariants(self) -> None: ...
    def sessions(self) -> _Records: ...
    @property
    def sequence(self) -> int: ...
    @property
    def event_sequence(self) -> int: ...
    @property
    def event_digest(self) -> int: ...
    @property
    def clock(self) -> int: ...
    @property
    def epoch(self) -> int: ...
    @property
    def next_timer(self) -> int: ...
    @property
    def away(self) -> bool: ...
    @property
    def solo(self) -> bool: ...
    @property
    def queue_room(self) -> int: ...
    def balances(self, account: int = 0) -> _Records: ...
    def holds(self, account: int) -> _Records: ...
    def accounts(self) -> _Records: ...
    def assets(self) -> _Records: ...
    def collateral(self, account: int, asset: int) -> int: ...
    def order(self, order_id: int) -> _Records: ...
    def find_order(self, account: int, client_order_id: str) -> _Records: ...
    def open_orders(self, account: int, instrument: int = 0) -> _Records: ...
    def positions(self, account: int) -> _Records: ...
    def limits(self, account: int, instrument: int = 0) -> _Records: ...
    def instruments(self) -> _Records: ...
    def status(self) -> _Records: ...
    def l2(self, instrument: int, side: int, depth: int = 0) -> _Records: ...
    def l3(self, instrument: int) -> _Records: ...
    def trades(self) -> _Records: ...
    def shards(self) -> _Records: ...
    def shard_events(self, shard: int, from_number: int = 0, most: int = 4_096) -> _Records: ...

class Follower:
    def __init__(
        self,
        directory: str,
        venue: Venue,
        *,
        orders_per_account: int = 10_000,
        max_orders: int = 4_194_304,
        max_accounts: int = 131_072,
        max_instruments: int = 4_096,
        disk: Disk | None = None,
    ) -> None: ...
    @property
    def next_sequence(self) -> int: ...
    @property
    def segment(self) -> str: ...
    @property
    def offset(self) -> int: ...
    @property
    def order_count(self) -> int: ...
    @property
    def dropped(self) -> int: ...
    def advance(self, most_commands: int) -> int: ...
    def check_tail(self) -> None: ...
    def orders(
        self,
        account: int,
        limit: int,
        *,
        instrument_id: int = 0,
        order_status: int = 0,
        from_ns: int = 0,
        to_ns: int = 0,
        before: int = 0,
        client_order_id: str = "",
    ) -> _Records: ...
    def order(self, order_id: int) -> _Records: ...
    def fills(self, account: int, limit: int, *, instrument_id: int = 0, before: int = 0) -> _Records: ...
    def trades(self, instrument_id: int, limit: int, *, before: int = 0) -> _Records: ...
    def prices(self, instrument_id: int) -> tuple[int | None, int | None, int | None]: ...
