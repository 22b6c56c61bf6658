"""What changed between two states of a book, as rows of a delta. Pure functions of arrays."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from exchange.domain.enums import BookAction, Side
from exchange.schema.book_rows import LEVEL_DTYPE, ORDER_DTYPE
from exchange.schema.event_rows import Records

_Places = npt.NDArray[np.intp]


def level_changes(before: Records, after: Records) -> Records:
    """Levels that are gone, with quantity and count 0, then those that are new or have others.

    Args:
        before: (n,) of LEVEL_DTYPE, a whole book, each price once a side.
        after: Likewise.
    """
    parts = []
    begin, end = _differing(before, after)
    before, after = before[begin : len(before) - end], after[begin : len(after) - end]
    for side in Side:
        old, new = before[before["side"] == side], after[after["side"] == side]
        gone = old[~np.isin(old["price"], new["price"], assume_unique=True)].copy()
        gone["qty"], gone["count"] = 0, 0
        at = _places(old["price"], new["price"])
        other = at < 0
        kept = ~other
        for name in ("qty", "count"):
            other[kept] |= old[name][at[kept]] != new[name][kept]
        parts += [gone, new[other]]
    return _joined(parts, LEVEL_DTYPE)


def order_changes(before: Records, after: Records) -> Records:
    """Orders that are gone, those with another quantity in the same place, and those that stand anew behind.

    An order keeps its place where it has the side and price that it had, and nobody who was behind it, or is
    new, stands before it. All others are removed and added, in the order in which they stand.

    Args:
        before: (n,) of ORDER_DTYPE, a whole book in order of priority, action 0.
        after: Likewise.
    """
    begin, end = _differing(before, after)
    if 0 < end < len(after):
        # Whoever stands behind a change at the same price is looked at, too.
        last, tail = after[-end - 1], after[-end:]
        other = (tail["price"] != last["price"]) | (tail["side"] != last["side"])
        end -= int(np.argmax(other)) if other.any() else end
    before, after = before[begin : len(before) - end], after[begin : len(after) - end]
    at = _places(before["order_id"], after["order_id"])
    there = at >= 0
    same = there.copy()
    for name in ("side", "price"):
        same[there] &= before[name][at[there]] == after[name][there]
    first = np.ones(len(after), bool)  # of its price
    first[1:] = (np.diff(after["price"]) != 0) | (after["side"][1:] != after["side"][:-1])
    late = ~same
    late[1:] |= ~first[1:] & (at[1:] < at[:-1])
    # Whoever stands behind one that does not keep its place does not keep his.
    counted = np.cumsum(late)
    start = np.maximum.accumulate(np.where(first, np.arange(len(after)), 0))
    kept: npt.NDArray[np.bool_] = counted - (counted[start] - late[start]) == 0
    still = np.zeros(len(before), bool)
    still[at[kept]] = True
    gone = before[~still].copy()
    gone["action"] = int(BookAction.REMOVE)
    changed = after[kept][before["qty"][at[kept]] != after["qty"][kept]].copy()
    changed["action"] = int(BookAction.SET)
    added = after[~kept].copy()
    added["action"] = int(BookAction.ADD)
    return _joined([gone, changed, added], ORDER_DTYPE)


def _differing(before: Records, after: Records) -> tuple[int, int]:
    """How many rows are the same at the beginning, and of the others at the end."""
    most = min(len(before), len(after))
    words = before.dtype.itemsize // 8
    if not most:
        return 0, 0
    old, new = (np.ascontiguousarray(rows).view(np.uint64) for rows in (before, after))
    size = most * words
    other = old[:size] != new[:size]
    begin = int(np.argmax(other)) // words if other.any() else most
    other = old[len(old) - size :] != new[len(new) - size :]
    end = int(np.argmax(other[::-1])) // words if other.any() else most
    return begin, min(end, most - begin)


def _places(of: npt.NDArray[np.generic], wanted: npt.NDArray[np.generic]) -> _Places:
    """Where each wanted value stands in `of`; -1 where it does not."""
    if not len(of):
        return np.full(len(wanted), -1, np.intp)
    order = np.argsort(of, kind="stable")
    near = np.minimum(np.searchsorted(of, wanted, sorter=order), len(of) - 1)
    places: _Places = order[near]
    return np.where(of[places] == wanted, places, -1)


def _joined(parts: list[Records], dtype: np.dtype[np.void]) -> Records:
    found = np.zeros(sum(map(len, parts)), dtype)
    at = 0
    for part in parts:
        found[at : at + len(part)] = part
        at += len(part)
    return found
