"""From a venue's effects to commands of a price-time matcher.

A feed tells what became of resting orders; a matcher wants to be told what came in. Orders that came become
limit orders under the venue's id; changes become replaces and cancels. An execution becomes an incoming
order of the other side (immediate or cancel, at the executed price, under an id above all of the venue's),
provided that the queue names the venue's maker. Where it does not, the fill is listed with its reason and
taken off the venue's maker directly, so that the book stays true to the venue. Every trade the engine must
then make is written down.

Three habits of real venues are followed:
- an order that the venue cancels later in the same packet, and that stands in the way of a trade or of an
  order that rests, was withdrawn by the venue's self-match prevention: it is canceled first;
- an order that comes in crossed while the instrument's next trade is an auction belongs to a call: the
  instrument is in a call until then, and the engine's own uncross is compared with the venue's;
- an order that still stands in the way was gone at the venue without a word (seen where a feed shows only
  some levels): it is taken out and counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from cmatch.replay.desk import Desk
from cmatch.replay.effects import EffectFlag, EffectKind, Records, Row, Tape
from cmatch.replay.executions import Executions
from cmatch.replay.flow import TRADE_DTYPE, Flow

_CHUNK = 1 << 16
_LAST = int(EffectFlag.LAST)
# As plain ints: the loop over all effects compares with them.
_ADD, _SET, _REDUCE, _DELETE, _FILL, _UNCROSS, _, _CLEAR, _PHASE, _CONFIRM = (
    int(kind) for kind in EffectKind
)


def translate(tape: Tape, progress: Callable[[int, int], None] | None = None) -> Flow:
    """Makes the commands for a tape. Deterministic; needs no engine."""
    desk = Desk(tape.effects, len(tape.instruments))
    executions = Executions(desk, tape.trade_words)
    after = [len(desk.out)]
    for rows in _chunks(tape.effects):
        _take(rows, desk, executions, after)
        desk.start += len(rows)
        if progress:
            progress(desk.start, tape.effects.size)
    return _flow(tape, desk, executions, np.array(after, np.int64))


def _chunks(effects: Records) -> Iterator[list[Row]]:
    """Rows as tuples, in pieces that end where a packet and a run of fills end."""
    is_fill = effects["kind"] == EffectKind.FILL
    ends = (effects["flags"] & _LAST).astype(bool)
    ends[:-1] &= ~(is_fill[:-1] & is_fill[1:])
    places = np.flatnonzero(ends) + 1
    start = 0
    while start < effects.size:
        k = int(np.searchsorted(places, min(start + _CHUNK, effects.size)))
        stop = int(places[k]) if k < places.size else effects.size
        yield effects[start:stop].tolist()
        start = stop


def _take(rows: list[Row], desk: Desk, executions: Executions, after: list[int]) -> None:
    """Translates a piece that ends where a packet ends; notes how many commands there are after each row."""
    k = 0
    while k < len(rows):
        timestamp, order_id, price, qty, _, _, _, instrument, kind, _, _ = rows[k]
        desk.now = timestamp
        used = 1
        if kind == _ADD:
            desk.add(rows[k], rows, k)
        elif kind == _SET:
            desk.amend(rows[k], rows, k)
        elif kind == _REDUCE:
            desk.reduce(order_id, qty)
        elif kind == _DELETE:
            desk.reduce(order_id, None)
        elif kind == _FILL:
            used = executions.fills(rows, k)
        elif kind == _CONFIRM:
            executions.confirm(rows, k)
        elif kind == _UNCROSS:
            used = executions.uncross(rows, k)
        elif kind == _CLEAR:
            desk.clear(instrument)
        elif kind == _PHASE:
            desk.phase(instrument, price)
        after.extend([len(desk.out)] * used)
        k += used


def _flow(
    tape: Tape, desk: Desk, executions: Executions, after: np.ndarray[tuple[int], np.dtype[np.int64]]
) -> Flow:
    last = (tape.effects["flags"] & _LAST).astype(bool)
    return Flow(
        path=tape.path,
        format=tape.format,
        instruments=tape.instruments,
        commands=desk.out.commands(),
        max_orders=desk.live_most + 2,
        max_order_ids=desk.out.new_orders + 1,
        rows=tape.rows,
        unit=tape.unit,
        after=after,
        steps=np.column_stack((after[1:][last], tape.effects["instrument"][last].astype(np.int64) + 1)),
        expected=np.array(desk.expected, TRADE_DTYPE),
        resting=desk.resting(),
        agreement=executions.agreement(tape.effects),
        book_checks=tape.book_checks,
        path_checks=tape.path_checks,
        counts=tape.counts,
        notes=tape.notes + _notes(desk, executions),
        level_orders=tape.level_orders,
    )


def _notes(desk: Desk, executions: Executions) -> list[str]:
    told = (
        (desk.unknown, "changes of orders that never came into the book were passed over"),
        (desk.duplicates, "orders came twice: the second was taken as a change"),
        (desk.requeued, "orders were entered anew, behind an older one that came late"),
        (desk.stale, "orders stood in the way of a resting one, gone at the venue unseen: taken out"),
        (executions.repriced, "executions were at another price than the maker's: matched at the maker's"),
    )
    return [f"{count:,} {words}" for count, words in told if count]
