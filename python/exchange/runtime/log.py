"""One line an event, as key=value: what a person reads and a machine splits.

ts=2026-04-01T12:00:00.123456Z level=info process=supervisor event="child started" name=core pid=4711
"""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from types import TracebackType
from typing import IO

LOGGER = logging.getLogger("exchange")


class KeyValueFormatter(logging.Formatter):
    """Writes a record as key=value pairs; values with spaces, quotes or line ends are quoted and escaped."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds")
        pairs: dict[str, object] = {
            "ts": when.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "process": self._process,
            "event": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            pairs["error"] = self.formatException(record.exc_info)
        return " ".join(f"{key}={_value(value)}" for key, value in pairs.items())


def configure(process: str, stream: IO[str] | None = None, level: int = logging.INFO) -> None:
    """Sends the lines of this process to a stream; standard error where None."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(KeyValueFormatter(process))
    LOGGER.handlers[:] = [handler]
    LOGGER.setLevel(level)
    LOGGER.propagate = False


def log(
    event: str, *, level: int = logging.INFO, error: BaseException | None = None, **fields: object
) -> None:
    """Writes one event with its fields."""
    LOGGER.log(level, event, extra={"fields": fields}, exc_info=error)


def log_crash(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Writes what ended the process as one event with its traceback: for `sys.excepthook`."""
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    else:
        log("crashed", level=logging.CRITICAL, error=error)


def _value(value: object) -> str:
    text = str(value)
    if text and all(character.isprintable() and character not in ' "=\\' for character in text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return f'"{escaped}"'
