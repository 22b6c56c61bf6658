"""One line an event: as key=value, what a person reads and a machine splits, or as JSON, `log.format = json`.

ts=2026-04-01T12:00:00.123456Z level=info process=supervisor event="child started" name=core pid=4711
{"ts": "2026-04-01T12:00:00.123456Z", "level": "info", "process": "supervisor", "event": "child started", ...}

The first fields are the same in every line and in this order: `ts`, `level`, `process`, `event`; behind them
`correlation_id` and `tenant` of the request that the work is for, and `trace_id` and `span_id` where it is
traced. Then come the event's own. What looks like a password in a URL is never written, and of an event that
comes too often only so many lines a window.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import IO, Final

from exchange.config.settings import Log
from exchange.observability.catalogue import METRICS
from exchange.observability.correlation import current_correlation
from exchange.observability.openmetrics import Family
from exchange.observability.tracing import current_ids

LOGGER = logging.getLogger("exchange")
WINDOW_S: Final = 10.0
_FIXED: Final = ("ts", "level", "process", "event", "correlation_id", "tenant", "trace_id", "span_id")
_PASSWORD: Final = re.compile(r"(?<=://)([^\s:/@]*):[^\s/]+@")


class KeyValueFormatter(logging.Formatter):
    """Writes a record as key=value pairs; values with spaces, quotes or line ends are quoted and escaped."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        pairs = self._pairs(record)
        return " ".join(f"{key}={_value(value)}" for key, value in pairs.items())

    def _pairs(self, record: logging.LogRecord) -> dict[str, object]:
        when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds")
        pairs: dict[str, object] = {
            "ts": when.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "process": self._process,
            "event": record.getMessage(),
        }
        if correlation := current_correlation():
            pairs["correlation_id"] = correlation.correlation_id
            pairs["tenant"] = correlation.tenant
        pairs |= current_ids()
        fields: dict[str, object] = getattr(record, "fields", {})
        pairs |= {f"{key}_" if key in _FIXED and key in pairs else key: of for key, of in fields.items()}
        if record.exc_info:
            pairs["error"] = self.formatException(record.exc_info)
        return {key: _without_passwords(value) for key, value in pairs.items()}


class JsonFormatter(KeyValueFormatter):
    """Writes a record as one JSON object; numbers and truth values as such, all else as text."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        pairs = self._pairs(record)
        # Enumerations are their words here as they are in text.
        plain = {
            key: value if type(value) in (int, float, bool, type(None)) else str(value)
            for key, value in pairs.items()
        }
        return json.dumps(plain, ensure_ascii=False, allow_nan=True)


@dataclass
class _Window:
    began: float
    lines: int = 0
    held: int = 0


class RepeatFilter(logging.Filter):
    """Lets so many lines of one event pass in a window; the first one after it says how many were held back.

    Args:
        lines_max: Of one event and level; 0: any number.
        now: The time, seconds.
    """

    def __init__(self, lines_max: int, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._lines_max = lines_max
        self._now = now
        self._windows: dict[tuple[str, int], _Window] = {}
        self.lines: Counter[str] = Counter()
        self.held = 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether it is written. The logger's lock is held."""
        self.lines[record.levelname.lower()] += 1
        if not self._lines_max or record.levelno >= logging.CRITICAL:
            return True
        now, key = self._now(), (record.getMessage(), record.levelno)
        window = self._windows.setdefault(key, _Window(now))
        if now >= window.began + WINDOW_S:
            if window.held:
                record.fields = {**getattr(record, "fields", {}), "held_back": window.held}
            window = self._windows[key] = _Window(now)
        if window.lines >= self._lines_max:
            window.held += 1
            self.held += 1
            return False
        window.lines += 1
        return True


def configure(
    process: str, stream: IO[str] | None = None, level: int | None = None, settings: Log | None = None
) -> None:
    """Sends the lines of this process to a stream.

    Args:
        process: What the lines call it.
        stream: Standard error where None.
        level: The least that is written; what the settings say where None.
        settings: Form and measure; the defaults where None.
    """
    settings = settings or Log()
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter(process) if settings.format == "json" else KeyValueFormatter(process))
    handler.addFilter(RepeatFilter(settings.repeats_max))
    LOGGER.handlers[:] = [handler]
    LOGGER.setLevel(logging.getLevelName(settings.level.upper()) if level is None else level)
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


def log_families() -> Iterator[Family]:
    """How many lines this process wrote, as metrics."""
    for handler in LOGGER.handlers:
        for each in handler.filters:
            if isinstance(each, RepeatFilter):
                yield METRICS["exchange_log_lines"].family(
                    ((level,), number) for level, number in sorted(each.lines.items())
                )
                yield METRICS["exchange_log_lines_suppressed"].one(each.held)


def _without_passwords(value: object) -> object:
    text = str(value)
    return _PASSWORD.sub(r"\1:***@", text) if "://" in text else value


def _value(value: object) -> str:
    text = str(value)
    if text and all(character.isprintable() and character not in ' "=\\' for character in text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return f'"{escaped}"'
