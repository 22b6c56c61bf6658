"""What a hot frame has to look like, word by word: the checks of src/cmatch/io/frames.cpp, in the same order.

pycapnp would read more than these: other segments, far pointers, lists that overlap the root. Nothing that we
write has them, and what nobody writes only an attacker sends.
"""

from collections.abc import Iterable
from typing import Final, TypeVar

from exchange.domain.enums import CommandList, FrameFault, ReportList
from exchange.domain.messages import SCHEMA_VERSION
from exchange.errors import WireError

FRAME_BYTES_MAX: Final = 64 * 1024
"""Of a hot frame between client and core; the payload of a journal record may be larger."""

List = TypeVar("List", CommandList, ReportList)


class FrameError(WireError):
    """A hot frame cannot be read: `fault` says what exactly, `code` is the reject that its sender gets."""

    def __init__(self, fault: FrameFault, message: str) -> None:
        super().__init__(message)
        self.fault = fault
        self.code = fault.code


def check_frame(data: bytes, lists: Iterable[List], *, limit: int = FRAME_BYTES_MAX) -> List:
    """Looks at the words of what may be a hot frame.

    Args:
        data: The frame.
        lists: COMMANDS or REPORTS of `exchange.domain.messages`.
        limit: The most bytes that it may have.

    Returns:
        Which list the frame holds.

    Raises:
        FrameError: It is no frame.
    """
    if len(data) > limit:
        raise FrameError(FrameFault.TOO_LARGE, f"the frame has {len(data)} bytes, more than {limit}")
    if len(data) < 16 or len(data) % 8:
        raise FrameError(FrameFault.LENGTH, f"the frame has {len(data)} bytes, which is no whole frame")
    total = len(data) // 8
    if _word(data, 0) != (total - 1) << 32:
        raise FrameError(FrameFault.SEGMENTS, "the frame is not one segment of its own length")
    root = _word(data, 1)
    data_words, pointers = root >> 32 & 0xFFFF, root >> 48
    if root & 3 == 2:
        raise FrameError(FrameFault.FAR_POINTER, "the root is a far pointer")
    if root & 0xFFFFFFFF or not data_words or not pointers or 2 + data_words + pointers > total:
        raise FrameError(FrameFault.ROOT, "the root is no struct with a list that lies right behind it")
    header = _word(data, 2)
    version = header & 0xFFFF
    if version != SCHEMA_VERSION:
        raise FrameError(FrameFault.VERSION, f"the frame has version {version}, not {SCHEMA_VERSION}")
    number = _word(data, 3) & 0xFFFF if data_words > 1 else 0
    found = next((known for known in lists if known == number), None)
    if found is None:
        raise FrameError(FrameFault.LIST_KIND, f"list {number} is not known here")
    _check_list(data, 2 + data_words, pointers, header >> 32)
    return found


def _word(data: bytes, at: int) -> int:
    return int.from_bytes(data[8 * at : 8 * at + 8], "little")


def _check_list(data: bytes, first: int, pointers: int, said: int) -> None:
    """The list behind the first of the root's pointers, which is word `first`; the header counts `said`."""
    total = len(data) // 8
    pointer = _word(data, first)
    if pointer & 3 == 2:
        raise FrameError(FrameFault.FAR_POINTER, "the list is a far pointer")
    words = pointer >> 35
    end = first + pointers + 1 + words
    if (
        pointer & 3 != 1
        or pointer >> 32 & 7 != 7
        or (pointer & 0xFFFFFFFF) >> 2 != pointers - 1
        or end > total
    ):
        raise FrameError(FrameFault.LIST, "the list is none of structs that lies right behind the root")
    tag = _word(data, first + pointers)
    count, size = (tag & 0xFFFFFFFF) >> 2, tag >> 32 & 0xFFFF
    if tag & 3 or tag >> 48 or not size or not count or count * size != words:
        raise FrameError(FrameFault.ELEMENTS, "the structs of the list are not data alone, or do not fill it")
    if end != total or any(_word(data, first + at) for at in range(1, pointers)):
        raise FrameError(FrameFault.TRAILING, "there is more in the frame than its list")
    if said not in {0, count}:
        raise FrameError(FrameFault.COUNT, f"the frame counts {said} and has {count}")
