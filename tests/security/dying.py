"""A process that is killed at one of its steps towards the disk; also in the midst of a write."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from functools import partial
from typing import Any

STEPS = ("fdatasync", "fsync", "ftruncate", "rename", "replace", "unlink", "mkdir")


def die_at(step: int, work: Callable[[Callable[[int], None]], None]) -> tuple[bool, list[int]]:
    """Runs `work(acknowledge)` in a process of its own that ends with SIGKILL at its step number `step`.

    A write is two steps: the first half, and the rest.

    Returns:
        Whether it died, and the numbers that it had acknowledged.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            _arm(step)
            work(partial(_say, writing))
            _plain_write(writing, b"end\n")
        except BaseException as error:  # noqa: BLE001 (the parent tells)
            _plain_write(writing, f"error {error!r}\n".encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as lines:
        said = lines.read().split("\n")[:-1]
    _, status = os.waitpid(child, 0)
    assert not any(line.startswith("error") for line in said), said
    died = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    assert died or said[-1] == "end"
    return died, [int(line) for line in said if line != "end"]


_plain_write = os.write


def _say(writing: int, number: int) -> None:
    _plain_write(writing, f"{number}\n".encode())


def _arm(fatal: int) -> None:
    count = 0

    def step() -> None:
        nonlocal count
        count += 1
        if count == fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    def wrap(real: Callable[..., Any]) -> Callable[..., Any]:
        def stepping(*args: Any, **kwargs: Any) -> Any:
            step()
            return real(*args, **kwargs)

        return stepping

    def write(descriptor: int, content: Any) -> int:
        step()
        data = bytes(content)
        half = len(data) // 2
        _plain_write(descriptor, data[:half])
        step()
        return half + _plain_write(descriptor, data[half:])

    for name in STEPS:
        setattr(os, name, wrap(getattr(os, name)))
    setattr(os, "write", write)  # noqa: B010 (no type checker takes it as an assignment)
