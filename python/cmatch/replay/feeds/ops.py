"""Our own op format: commands of the matcher as they lie in arrays, in three containers.

- `.npy`: one array of `cmatch.COMMAND_DTYPE`;
- `.npz`: that array as `commands`, and optionally `instruments` (INSTRUMENT_DTYPE) for symbols and decimals,
  and `limits` (LIMITS: int64) of the engine;
- `.parquet`: a column for each field of `cmatch.COMMAND_DTYPE` (columns that are left out are zero),
  instruments and limits as JSON in the metadata keys `cmatch.instruments` and `cmatch.limits`; needs pyarrow.

A define_instrument command is a row of the same bytes, read as `cmatch.DEFINITION_DTYPE`.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from cmatch.arrays import COMMAND_DTYPE
from cmatch.replay.commands import DEFINE, NEW
from cmatch.replay.effects import Records
from cmatch.replay.errors import FeedError
from cmatch.replay.feeds.options import FeedOptions
from cmatch.replay.files import read_bytes
from cmatch.replay.flow import Flow
from cmatch.replay.instruments import Instrument

NPY_MAGIC, ZIP_MAGIC, PARQUET_MAGIC = b"\x93NUMPY", b"PK\x03\x04", b"PAR1"
INSTRUMENTS_KEY, LIMITS_KEY = b"cmatch.instruments", b"cmatch.limits"
LIMITS = ("max_orders", "max_order_ids")

INSTRUMENT_DTYPE = np.dtype(
    [
        ("instrument_id", np.uint32),
        ("symbol", "S32"),
        ("tick", np.int64),  # 10^-price_decimals
        ("price_decimals", np.int64),
        ("lot", np.int64),  # 10^-qty_decimals
        ("qty_decimals", np.int64),
    ]
)


def sniff(path: Path, head: bytes) -> bool:
    """Whether the file is one of the three containers."""
    return head.startswith((NPY_MAGIC, ZIP_MAGIC, PARQUET_MAGIC))


def read(path: Path, options: FeedOptions) -> Flow:
    """Reads commands.

    Raises:
        FeedError: the file is none of the three, or does not hold commands.
    """
    data = read_bytes(path)
    if data.startswith(PARQUET_MAGIC):
        content, container = _read_parquet(path, data), "Parquet"
    elif data.startswith(ZIP_MAGIC):
        content, container = _read_npz(path, data), "NumPy archive"
    else:
        content, container = _Content(_read_npy(path, data)), "NumPy array"
    commands = content.commands
    enough = max(int((commands["kind"] == NEW).sum()), 1) + 1
    max_orders, max_order_ids = content.limits or (enough, enough)
    return Flow(
        path=path,
        format=f"cmatch commands ({container})",
        instruments=_instruments(commands, content.instruments),
        commands=commands,
        max_orders=max_orders,
        max_order_ids=max_order_ids,
        rows=int(commands.size),
        unit="command",
    )


@dataclass(frozen=True)
class _Content:
    """What a file holds."""

    commands: Records
    instruments: Records = field(default_factory=lambda: np.zeros(0, INSTRUMENT_DTYPE))
    limits: tuple[int, int] | None = None  # as LIMITS


def write(flow: Flow, path: Path) -> None:
    """Writes a flow's commands into the container that the file's suffix names.

    Raises:
        FeedError: the suffix is none of .npy, .npz, .parquet.
    """
    told = np.zeros(len(flow.instruments), INSTRUMENT_DTYPE)
    for k, instrument in enumerate(flow.instruments):
        told[k] = (
            k + 1,
            instrument.symbol.encode(),
            instrument.tick,
            instrument.price_decimals,
            instrument.lot,
            instrument.qty_decimals,
        )
    suffix = path.suffix.lower()
    if suffix == ".npy":
        np.save(path, flow.commands, allow_pickle=False)
    elif suffix == ".npz":
        limits = np.array([flow.max_orders, flow.max_order_ids], np.int64)
        np.savez_compressed(path, commands=flow.commands, instruments=told, limits=limits)
    elif suffix == ".parquet":
        _write_parquet(flow, told, path)
    else:
        raise FeedError(path, "", "commands are written as .npy, .npz or .parquet")


def _instruments(commands: Records, told: Records) -> list[Instrument]:
    """Instrument k has the id k + 1, so gaps are filled with nameless ones."""
    defined = commands["instrument_id"][commands["kind"] == DEFINE]
    most = int(max(defined.max(initial=0), told["instrument_id"].max(initial=0)))
    out = [Instrument(f"instrument {k + 1}") for k in range(min(most, 1 << 20))]
    rows: list[Any] = told.tolist()
    for row in rows:
        if 1 <= row[0] <= len(out):
            out[row[0] - 1] = Instrument(row[1].decode("utf-8", "replace"), *row[2:])
    return out


def _is_commands(path: Path, name: str, value: Any) -> Records:
    if not isinstance(value, np.ndarray) or value.dtype != COMMAND_DTYPE:
        dtype = getattr(value, "dtype", type(value).__name__)
        short = str(dtype) if len(str(dtype)) < 60 else "another record"
        raise FeedError(path, "", f"{name} has the dtype {short}, not cmatch.COMMAND_DTYPE")
    if value.ndim != 1:
        raise FeedError(path, "", f"{name} has {value.ndim} dimensions, not 1")
    # The module's own dtype object, which the engine knows at a glance, and not one that only equals it.
    return np.ascontiguousarray(value).view(COMMAND_DTYPE)


def _read_npy(path: Path, data: bytes) -> Records:
    try:
        value = np.load(io.BytesIO(data), allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise FeedError(path, "", f"it is no whole NumPy array ({error})") from None
    return _is_commands(path, "the array", value)


def _read_npz(path: Path, data: bytes) -> _Content:
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (ValueError, EOFError, OSError, zipfile.BadZipFile, zlib.error) as error:
        raise FeedError(path, "", f"it is no whole NumPy archive ({error})") from None
    if "commands" not in arrays:
        raise FeedError(
            path, "", f"the archive has no array `commands`, but {', '.join(arrays) or 'nothing'}"
        )
    commands = _is_commands(path, "commands", arrays["commands"])
    told = arrays.get("instruments", np.zeros(0, INSTRUMENT_DTYPE))
    if told.dtype != INSTRUMENT_DTYPE or told.ndim != 1:
        raise FeedError(path, "", f"instruments has the dtype {told.dtype}, not that of cmatch's archives")
    return _Content(commands, told, _limits(path, arrays["limits"].tolist() if "limits" in arrays else None))


def _limits(path: Path, told: Any) -> tuple[int, int] | None:
    if told is None:
        return None
    if (
        not isinstance(told, list)
        or len(told) != len(LIMITS)
        or not all(type(x) is int and x > 0 for x in told)
    ):
        raise FeedError(path, "", f"limits are {len(LIMITS)} whole numbers above 0: {', '.join(LIMITS)}")
    return told[0], told[1]


def _pyarrow(path: Path) -> Any:
    try:
        pyarrow: Any = import_module("pyarrow")
        import_module("pyarrow.parquet")
    except ImportError:
        reason = "a Parquet file needs the package pyarrow: pip install 'cmatch[data]'"
        raise FeedError(path, "", reason) from None
    return pyarrow


def _read_parquet(path: Path, data: bytes) -> _Content:
    pyarrow = _pyarrow(path)
    try:
        table = pyarrow.parquet.read_table(io.BytesIO(data))
    except (pyarrow.ArrowException, OSError) as error:
        raise FeedError(path, "", f"it is no whole Parquet file ({error})") from None
    names = COMMAND_DTYPE.names or ()
    if unknown := [name for name in table.column_names if name not in names]:
        raise FeedError(path, "", f"commands have no column {unknown[0]}")
    if missing := [name for name in ("instrument_id", "kind") if name not in table.column_names]:
        raise FeedError(path, "", f"the column {missing[0]} is missing")
    commands: Records = np.zeros(table.num_rows, COMMAND_DTYPE)
    for name in table.column_names:
        column = table.column(name)
        if column.null_count:
            raise FeedError(path, "", f"the column {name} has {column.null_count} empty values")
        wanted = pyarrow.from_numpy_dtype(COMMAND_DTYPE[name])
        try:
            commands[name] = column.cast(wanted).to_numpy()
        except pyarrow.ArrowException as error:
            raise FeedError(path, "", f"the column {name} does not fit {wanted} ({error})") from None
    metadata = table.schema.metadata or {}
    try:
        rows = [
            (row[0], row[1].encode(), *row[2:]) for row in json.loads(metadata.get(INSTRUMENTS_KEY, b"[]"))
        ]
        told = np.array(rows, INSTRUMENT_DTYPE)
        limits = json.loads(metadata.get(LIMITS_KEY, b"null"))
    except (ValueError, TypeError, IndexError, AttributeError, OverflowError) as error:
        raise FeedError(path, "", f"its metadata is not that of cmatch ({error})") from None
    return _Content(commands, told, _limits(path, limits))


def _write_parquet(flow: Flow, told: Records, path: Path) -> None:
    pyarrow = _pyarrow(path)
    columns = {name: np.ascontiguousarray(flow.commands[name]) for name in COMMAND_DTYPE.names or ()}
    listed: list[Any] = told.tolist()
    rows = [[row[0], row[1].decode(), *row[2:]] for row in listed]
    metadata = {INSTRUMENTS_KEY: rows, LIMITS_KEY: [flow.max_orders, flow.max_order_ids]}
    table = pyarrow.table(columns)
    table = table.replace_schema_metadata(
        {key: json.dumps(value).encode() for key, value in metadata.items()}
    )
    pyarrow.parquet.write_table(table, path, compression="zstd")
