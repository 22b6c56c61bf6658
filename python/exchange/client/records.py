"""The wire's records as this client uses them: one row from keywords, many rows to tuples. Never slow.

A record has 20 to 35 fields; assigning them one by one to a NumPy row costs more than all the rest of a
request, so a row is packed by `struct` from the dtype's own layout.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Records = npt.NDArray[np.void]

_FORMATS: Final = {"i1": "b", "u1": "B", "i2": "h", "u2": "H", "i4": "i", "u4": "I", "i8": "q", "u8": "Q"}
_HEAD: Final = 16


class Layout:
    """Packs rows of one dtype from keywords; fields that are not given are zero.

    Args:
        dtype: Integers, ASCII of fixed length, and pairs of u64, without gaps.
    """

    def __init__(self, dtype: np.dtype[np.void]) -> None:
        self.dtype = dtype
        order = sorted((dtype.fields or {}).items(), key=lambda item: item[1][1])
        self._zero: dict[str, Any] = {}
        codes = ["="]
        at = 0
        for name, (kind, offset, *_) in order:
            if offset != at:
                raise TypeError(f"{dtype} has a gap before {name}")
            code, zero = _code(kind)
            codes.append(code)
            self._zero[name] = zero
            at += kind.itemsize
        self._pairs = frozenset(name for name, zero in self._zero.items() if zero == (0, 0))
        self._struct = struct.Struct("".join(codes))
        if self._struct.size != dtype.itemsize:
            raise TypeError(f"{dtype} has a gap at its end")

    def pack(self, fields: dict[str, Any]) -> bytes:
        """The bytes of one row.

        Raises:
            TypeError: A field that the record does not have.
            OverflowError: A number that does not fit its field.
        """
        values = self._zero | fields
        if len(values) != len(self._zero):
            raise TypeError(f"no such field: {', '.join(sorted(fields.keys() - self._zero.keys()))}")
        flat = list(values.values())
        if self._pairs:
            flat = [
                each
                for name, value in values.items()
                for each in (value if name in self._pairs else (value,))
            ]
        try:
            return self._struct.pack(*flat)
        except struct.error as error:
            raise OverflowError(self._misfit(values) or str(error)) from None

    def rows(self, packed: bytes) -> Records:
        """Packed rows as an array that may be written to."""
        return np.frombuffer(bytearray(packed), self.dtype)

    def _misfit(self, values: dict[str, Any]) -> str:
        for name, value in values.items():
            kind = self.dtype[name]
            if kind.kind in "iu" and not (
                isinstance(value, int) and np.iinfo(kind).min <= value <= np.iinfo(kind).max
            ):
                return f"{name} must be an int of {kind}, not {value!r}"
        return ""


def _code(kind: np.dtype[Any]) -> tuple[str, Any]:
    if kind.kind == "S":
        return f"{kind.itemsize}s", b""
    if kind.shape == (2,):
        return "QQ", (0, 0)
    return _FORMATS[kind.str[1:]], 0


def halves(text: bytes) -> tuple[bytes, bytes]:
    """The two parts of a client's id in a record."""
    return text[:_HEAD], text[_HEAD:]


def joined(rows: Records, name: str) -> list[bytes]:
    """The ids of all rows, whole."""
    heads: list[bytes] = rows[f"{name}_head"].tolist()
    tails: list[bytes] = rows[f"{name}_tail"].tolist()
    return [head + tail for head, tail in zip(heads, tails, strict=True)] if any(tails) else heads


def some_of(dtype: np.dtype[np.void], *names: str) -> np.dtype[np.void]:
    """A dtype of whole records with some of their fields alone, for `rows.view(it).tolist()`."""
    fields: Mapping[str, tuple[Any, ...]] = dtype.fields or {}
    return np.dtype(
        {
            "names": names,
            "formats": [fields[name][0] for name in names],
            "offsets": [fields[name][1] for name in names],
            "itemsize": dtype.itemsize,
        }
    )


def as_bytes(rows: Records) -> npt.NDArray[np.uint8]:
    """Records as rows of bytes, which NumPy picks and puts whole; structs it copies field by field."""
    return rows.view(np.uint8).reshape(len(rows), rows.itemsize)


def narrow(number: int) -> tuple[int, int]:
    """The low and high 64 bits of a 128-bit id.

    Raises:
        OverflowError: Below 1 or above 2**128 - 1.
    """
    if not 0 < number < 1 << 128:
        raise OverflowError(f"{number} is no 128-bit id above 0")
    return number & (1 << 64) - 1, number >> 64
