"""Files as bytes, whatever they are compressed with."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

from cmatch.replay.errors import FeedError, byte

_CHUNK = 1 << 20
_CUT_SHORT = "the compressed file is cut short: its stream has no end"


def _parts(stream: BinaryIO) -> Iterator[bytes]:
    while part := stream.read(_CHUNK):
        yield part


def _plain(file: BinaryIO) -> Iterator[bytes]:
    return _parts(file)


def _gzip(file: BinaryIO) -> Iterator[bytes]:
    return _parts(cast("BinaryIO", gzip.GzipFile(fileobj=file, mode="rb")))


def _xz(file: BinaryIO) -> Iterator[bytes]:
    return _parts(cast("BinaryIO", lzma.LZMAFile(file, "rb")))


def _bz2(file: BinaryIO) -> Iterator[bytes]:
    return _parts(cast("BinaryIO", bz2.BZ2File(file, "rb")))


def _zstd(file: BinaryIO) -> Iterator[bytes]:
    """Frame by frame: zstandard's own stream reader ends a torn file without a word."""
    try:
        import zstandard
    except ImportError:
        raise ImportError("a .zst file needs the package zstandard: pip install 'cmatch[data]'") from None
    frame = None
    while part := file.read(1 << 16):
        while part:
            frame = frame or zstandard.ZstdDecompressor().decompressobj()
            try:
                yield frame.decompress(part)
            except zstandard.ZstdError as error:
                raise zlib.error(str(error)) from None
            part = frame.unused_data if frame.eof else b""
            frame = None if frame.eof else frame
    if frame is not None:
        raise EOFError


# One row a compression: its magic bytes, its suffix, how it is read.
COMPRESSIONS: tuple[tuple[bytes, str, Callable[[BinaryIO], Iterator[bytes]]], ...] = (
    (b"\x1f\x8b", ".gz", _gzip),
    (b"\xfd7zXZ\x00", ".xz", _xz),
    (b"\x28\xb5\x2f\xfd", ".zst", _zstd),
    (b"BZh", ".bz2", _bz2),
)


def plain_name(path: Path) -> str:
    """The file's name, lower case, without the suffix of a compression."""
    name = path.name.lower()
    for _, suffix, _ in COMPRESSIONS:
        name = name.removesuffix(suffix)
    return name


def read_bytes(path: Path, limit: int | None = None) -> bytes:
    """The file's decompressed bytes; the first `limit` of them where a limit is given.

    Raises:
        FeedError: there is no such file, it cannot be read, or its compressed stream is cut short or damaged.
    """
    done = 0
    parts: list[bytes] = []
    try:
        with path.open("rb") as file:
            magic = file.read(8)
            file.seek(0)
            reader = next((reader for start, _, reader in COMPRESSIONS if magic.startswith(start)), _plain)
            for part in reader(file):
                parts.append(part)
                done += len(part)
                if limit is not None and done >= limit:
                    break
    except ImportError as error:
        raise FeedError(path, "", str(error)) from None
    except EOFError:
        raise FeedError(path, byte(done), _CUT_SHORT) from None
    except (zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
        raise FeedError(path, byte(done), f"the compressed file is damaged ({error})") from None
    except OSError as error:
        if error.errno is None:
            raise FeedError(path, byte(done), f"the compressed file is damaged ({error})") from None
        raise FeedError(path, "", error.strerror or str(error)) from None
    return b"".join(parts)[:limit]
