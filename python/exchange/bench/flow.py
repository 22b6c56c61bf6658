"""The load: new orders and cancels of many accounts in one instrument, as frames that are ready to be sent.

By default one new order in three takes, so that a fifth of all requests trade; every other one is cancelled
half a second later, whether or not it was taken by then: so two of five requests are cancels, and the book
keeps its size. Request n has the correlation id `n` or `c` and eight hexadecimal digits of its number, by
which its answer is known.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from cmatch.enums import CommandField, OrderType, Side, TimeInForce
from cmatch.frames import ORDER_COMMAND_DTYPE, CommandList, encode_commands
from exchange.domain.enums import OrderAction

PLAN_DTYPE: Final = np.dtype(
    [
        ("at_ns", "u8"),
        ("offset", "u8"),
        ("length", "u4"),
        ("socket", "u4"),
        ("first_request", "u4"),
        ("requests", "u4"),
    ]
)
_DRAWN: Final = np.dtype(
    [("account", "u4"), ("distance", "i2"), ("qty", "u1"), ("side", "u1"), ("new", "?"), ("takes", "?")]
)
_AT_ONCE: Final = 65_536  # requests of which records are made at a time
_WORDS: Final = 15  # of a record that are not zero: up to the first part of orig_client_order_id
BATCH_MAX: Final = 500  # of these requests in a client's frame
RUN_DIGITS: Final = 4  # a client order id: the run in hex, `n` or `c`, the request in hex
RUNS_MAX: Final = 16**RUN_DIGITS
_MID: Final = 50_000  # ticks
_HEX: Final = np.frombuffer(b"0123456789abcdef", np.uint8)


@dataclass(frozen=True)
class Load:
    """What is to be sent.

    Args:
        rate: requests a second.
        seconds: for how long.
        batch: requests in a message.
        accounts: how many, from 1 on; account a sends on socket a modulo sockets.
        sockets: connections.
        seed: of the choices.
        run: distinguishes the client order ids of runs against the same exchange, 0 to 65,535.
        taking: which part of new orders takes; the others rest until they are cancelled, at most 11 ticks
            from the middle.
        reach: so many ticks beyond the middle who takes would go.
    """

    rate: int
    seconds: float
    batch: int = 1
    accounts: int = 1_000
    sockets: int = 16
    seed: int = 1
    run: int = 0
    taking: float = 1 / 3
    reach: int = 3


@dataclass(frozen=True)
class Planned:
    """Frames with their times.

    Args:
        plan: (frames,) of PLAN_DTYPE.
        arena: their bytes.
        requests: how many in all.
    """

    plan: npt.NDArray[np.void]
    arena: npt.NDArray[np.uint8]
    requests: int


def plan_load(load: Load, instrument_id: int = 1) -> Planned:
    """Draws the requests and writes their frames.

    Args:
        load: what is to be sent.
        instrument_id: of all of it.

    Raises:
        ValueError: The number of the run is too large.
    """
    if not 0 <= load.run < 16**RUN_DIGITS:
        raise ValueError(f"there is no run {load.run}: client order ids have {RUN_DIGITS} digits for it")
    frames = max(1, round(load.rate * load.seconds / load.batch))
    requests = frames * load.batch
    arena = _frames(load, requests, instrument_id)
    plan = np.zeros(frames, PLAN_DTYPE)
    numbers = np.arange(frames, dtype=np.uint64)
    plan["at_ns"] = numbers * np.uint64(load.batch) * np.uint64(1_000_000_000) // np.uint64(load.rate)
    plan["offset"] = numbers * np.uint64(arena.shape[1])
    plan["length"] = arena.shape[1]
    plan["socket"] = numbers % np.uint64(load.sockets)
    plan["first_request"] = numbers * np.uint64(load.batch)
    plan["requests"] = load.batch
    return Planned(plan, arena.reshape(-1), requests)


def _drawn(load: Load, requests: int) -> tuple[npt.NDArray[np.void], int]:
    """What is drawn of each request; how many requests before its cancel an order is, on the same socket."""
    random = np.random.default_rng(load.seed)
    drawn = np.zeros(requests, _DRAWN)
    takes = random.random(requests) < load.taking
    lag = max(load.sockets * load.batch, min(load.rate // 2, requests // 4))
    lag -= lag % (load.sockets * load.batch)
    new, account = np.ones(requests, np.bool_), drawn["account"]
    for at in range(lag, requests, lag):
        before = slice(at - lag, min(at, requests - lag))
        new[at : at + lag][new[before] & ~takes[before]] = False
    account[:] = random.integers(0, max(1, load.accounts // load.sockets), requests)
    account *= load.sockets
    account += (np.arange(requests, dtype=np.uint32) // load.batch % load.sockets) + 1
    cancels = np.flatnonzero(~new)
    account[cancels] = account[cancels - lag]
    drawn["new"], drawn["takes"] = new, takes
    drawn["side"] = random.integers(1, 3, requests)
    inwards = random.integers(0, load.reach + 1, requests)
    drawn["distance"] = np.where(takes, -inwards, random.integers(1, 12, requests))
    drawn["qty"] = random.integers(1, 20, requests)
    return drawn, lag


def _records(
    load: Load, drawn: npt.NDArray[np.void], lag: int, first: int, instrument_id: int, start_ns: int
) -> npt.NDArray[np.void]:
    """The commands of requests that were drawn, the first of which has that number."""
    records = np.zeros(drawn.size, ORDER_COMMAND_DTYPE)
    new, side = drawn["new"], drawn["side"]
    records["kind"] = np.where(new, int(OrderAction.NEW_ORDER), int(OrderAction.CANCEL))
    records["instrument_id"] = instrument_id
    records["account"] = drawn["account"]
    records["side"] = np.where(new, side, 0)
    records["type"] = np.where(new, int(OrderType.LIMIT), 0)
    # Who takes does not rest: so every resting order has its cancel, and the book keeps its size.
    immediate = np.where(drawn["takes"], int(TimeInForce.IOC), int(TimeInForce.GTC))
    records["time_in_force"] = np.where(new, immediate, 0)
    records["qty"] = np.where(new, drawn["qty"], 0)
    distance = drawn["distance"].astype(np.int64)
    records["price"] = np.where(new, _MID + np.where(side == int(Side.BUY), -distance, distance), 0)
    records["present"] = np.where(new, int(CommandField.PRICE), 0)
    numbers = np.arange(first, first + drawn.size, dtype=np.uint64)
    # A core that has no room for more client order ids refuses what is as old as those that it forgot.
    records["sent_at"] = start_ns + numbers.astype(np.int64)
    letter = np.where(new, ord("n"), ord("c")).astype(np.uint8)
    _write_ids(records["correlation_id_head"], letter, numbers)
    _write_ids(records["client_order_id_head"], letter, numbers, load.run)
    target = np.where(new, 0, numbers - np.uint64(lag))
    _write_ids(records["orig_client_order_id_head"], np.full_like(letter, ord("n")), target, load.run)
    records["orig_client_order_id_head"][new] = b""
    return records


def _write_ids(
    column: npt.NDArray[np.bytes_],
    letter: npt.NDArray[np.uint8],
    numbers: npt.NDArray[np.uint64],
    run: int | None = None,
) -> None:
    prefix = 0 if run is None else RUN_DIGITS
    text = np.zeros((column.size, 16), np.uint8)
    if run is not None:
        text[:, :prefix] = np.frombuffer(b"%0*x" % (prefix, run), np.uint8)
    text[:, prefix] = letter
    for digit in range(8):
        text[:, prefix + 1 + digit] = _HEX[(numbers >> np.uint64(28 - 4 * digit)) & np.uint64(15)]
    column[:] = np.ascontiguousarray(text).view("S16").reshape(-1)


def _frames(load: Load, requests: int, instrument_id: int) -> npt.NDArray[np.uint8]:
    """(frames, bytes): all frames are of one size, so that one written by the codec is the pattern of all."""
    pattern = np.zeros(load.batch, ORDER_COMMAND_DTYPE)
    pattern["orig_client_order_id_head"] = b"0123456789abcdef"
    example = np.frombuffer(encode_commands(CommandList.ORDERS, pattern), np.uint8)
    body = load.batch * _WORDS * 8
    frames = np.empty((requests // load.batch, example.size), np.uint8)
    frames[:, :-body] = example[:-body]
    start_ns = time.time_ns()
    drawn, lag = _drawn(load, requests)
    some = max(1, _AT_ONCE // load.batch)  # records take more memory than frames
    for at in range(0, frames.shape[0], some):
        into = frames[at : at + some, -body:]
        first = at * load.batch
        part = drawn[first : first + into.shape[0] * load.batch]
        records = _records(load, part, lag, first, instrument_id, start_ns)
        words = records.view(np.uint64).reshape(records.size, -1)[:, :_WORDS]
        into[:] = np.ascontiguousarray(words).view(np.uint8).reshape(into.shape)
    return frames
