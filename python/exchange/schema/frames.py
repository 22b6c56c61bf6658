"""Hot frames between arrays and bytes, by the compiled codec: what clients, services and tools use.

The arrays have the dtypes of `cmatch.frames`: `COMMAND_DTYPES` and `REPORT_DTYPES`, one a list.
"""

from cmatch import frames
from cmatch.frames import (
    COMMAND_DTYPES,
    REPORT_DTYPES,
    CommandHeader,
    CommandList,
    Records,
    ReportHeader,
    ReportList,
    command_frames,
    encode_commands,
    encode_reports,
)
from exchange.schema.frame_shape import FRAME_BYTES_MAX, FrameError

__all__ = [
    "COMMAND_DTYPES",
    "FRAME_BYTES_MAX",
    "REPORT_DTYPES",
    "CommandHeader",
    "FrameError",
    "ReportHeader",
    "command_frames",
    "decode_commands",
    "decode_reports",
    "encode_commands",
    "encode_reports",
]


def decode_commands(
    data: bytes | bytearray | memoryview, *, limit: int = FRAME_BYTES_MAX
) -> tuple[CommandHeader, CommandList, Records]:
    """Read a frame of commands: its header, its list, and a new array of shape (n,) of its records.

    Raises:
        FrameError: The bytes are no frame of commands.
    """
    try:
        return frames.decode_commands(data, limit=limit)
    except frames.BadFrame as error:
        raise FrameError(error.fault, str(error)) from None


def decode_reports(
    data: bytes | bytearray | memoryview, *, limit: int = FRAME_BYTES_MAX
) -> tuple[ReportHeader, ReportList, Records]:
    """Read a frame of reports; as decode_commands()."""
    try:
        return frames.decode_reports(data, limit=limit)
    except frames.BadFrame as error:
        raise FrameError(error.fault, str(error)) from None
