"""The last step of every feed reader: raw prices and sizes become ticks and lots, ids become the engine's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from cmatch.replay.effects import BookCheck, EffectFlag, EffectKind, PathCheck, Records, Tape
from cmatch.replay.errors import FeedError
from cmatch.replay.instruments import Instrument, common_step

_PRICED = (EffectKind.ADD, EffectKind.SET, EffectKind.FILL, EffectKind.UNCROSS, EffectKind.CONFIRM)
_SIZED = (*_PRICED, EffectKind.REDUCE, EffectKind.PRINT)
_TOLD_MAX: Final = 8  # symbols that a file has instead of one that it lacks


def no_orders(path: Path, format_name: str, wanted: Iterable[str], there: Iterable[str]) -> FeedError:
    """What says that nothing of a file is left to replay: of symbols that it lacks, which it has instead."""
    has = sorted(set(there))
    missing = sorted(set(wanted).difference(has))
    if not (missing and has):
        return FeedError(path, "", f"no order events in it (read as {format_name})")
    more = ", ..." if len(has) > _TOLD_MAX else ""
    return FeedError(path, "", f"there is no {missing[0]} in it: it has {', '.join(has[:_TOLD_MAX])}{more}")


def finish(
    path: Path,
    format_name: str,
    effects: Records,
    symbols: Sequence[str],
    *,
    price_decimals: Sequence[int],
    qty_decimals: Sequence[int],
    rows: int,
    unit: str,
    trade_words: str,
    book_checks: Sequence[BookCheck] = (),
    path_checks: Sequence[PathCheck] = (),
    counts: dict[str, int] | None = None,
    notes: Sequence[str] = (),
    level_orders: bool = False,
) -> Tape:
    """A tape of effects whose prices and quantities are still raw integers of the given decimals.

    A tick is the largest step that all the instrument's prices are multiples of, a lot that of its sizes:
    exact, and as dense as can be. Prices of prints are dropped, as they may lie between ticks.
    """
    if effects.size == 0:
        raise FeedError(path, "", f"no order events in it (read as {format_name})")
    instruments: list[Instrument] = []
    priced = np.isin(effects["kind"], _PRICED) & (effects["flags"] & EffectFlag.NO_PRICE == 0)
    sized = np.isin(effects["kind"], _SIZED)
    effects["price"][effects["kind"] == EffectKind.PRINT] = 0
    vendor = [(check, np.unique(check.instrument)) for check in book_checks]
    for index, symbol in enumerate(symbols):
        mine = effects["instrument"] == index
        prices, sizes = [effects["price"][mine & priced]], [effects["qty"][mine & sized]]
        for check, there in vendor:
            if index in there:
                rows_of = check.levels[check.instrument == index]
                filled = rows_of[..., 1 if "qty" in check.fields else 0] != 0
                prices.append(rows_of[..., 0][filled])
                sizes.append(rows_of[..., 1][filled])
        prices += [check.quotes[:, (0, 2)].ravel() for check in path_checks]
        sizes += [check.quotes[:, (1, 3)].ravel() for check in path_checks]
        tick, lot = common_step(np.concatenate(prices)), common_step(np.concatenate(sizes))
        instruments.append(Instrument(symbol, tick, price_decimals[index], lot, qty_decimals[index]))
        effects["price"][mine & priced] //= tick
        effects["qty"][mine & sized] //= lot
        for check, there in vendor:
            if index in there:
                check.levels[check.instrument == index, ..., 0] //= tick
                check.levels[check.instrument == index, ..., 1] //= lot
        for path_check in path_checks:
            path_check.quotes[:, (0, 2)] //= tick
            path_check.quotes[:, (1, 3)] //= lot
    tape_notes = list(notes)
    if note := _dense_ids(effects):
        tape_notes.append(note)
    return Tape(
        path=path,
        format=format_name,
        instruments=instruments,
        effects=effects,
        rows=rows,
        unit=unit,
        trade_words=trade_words,
        book_checks=list(book_checks),
        path_checks=list(path_checks),
        counts=counts or {},
        notes=tape_notes,
        level_orders=level_orders,
    )


def _dense_ids(effects: Records) -> str:
    """Numbers the orders anew where the venue's ids cannot be the engine's; says so, or nothing."""
    named = effects["order_id"] != 0
    ids = effects["order_id"][named]
    if ids.size == 0:
        return ""
    largest = int(ids.max())
    shared = False
    if effects["instrument"].any():
        pairs: npt.NDArray[np.void] = np.unique(effects[["instrument", "order_id"]][named])
        shared = np.unique(pairs["order_id"]).size != pairs.size
    if not shared and largest < 1 << 62:
        return ""
    _, codes = np.unique(effects[["instrument", "order_id"]][named], return_inverse=True)
    first = np.full(int(codes.max()) + 1, codes.size, np.int64)
    np.minimum.at(first, codes, np.arange(codes.size))
    rank = np.empty_like(first)
    rank[np.argsort(first)] = np.arange(first.size)
    effects["order_id"][named] = (rank[codes] + 1).astype(np.uint64)
    return (
        "order ids are numbered anew, in order of first appearance: the venue's are not unique or too large"
    )
