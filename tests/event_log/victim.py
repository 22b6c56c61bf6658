"""A publisher and consumer that die at each step in turn: `python -m tests.event_log.victim ROOT TOPIC MANY`.

An append has MANY batches.

Every call that changes a file is a step. At it a process is killed before the call, or, if it writes, with
half of it written; each life is a process of its own, with a directory below ROOT named after its step.
Prints the exit code of each; the last one comes to its end, and says before that how many steps there were.
"""

from __future__ import annotations

import gc
import itertools
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.event_log.backends import Embedded, batch

BATCHES = [batch(seq, size=1_500) for seq in range(1, 5)]


class Steps:
    """Counts steps of two kinds: before a call, and in the midst of a write."""

    def __init__(self, fatal: int) -> None:
        self.fatal = fatal
        self.count = 0

    def here(self) -> bool:
        """Whether it is time to die."""
        self.count += 1
        return self.count == self.fatal

    def die(self) -> None:
        """As by kill -9."""
        os.kill(os.getpid(), signal.SIGKILL)

    def wrap(self, name: str) -> None:
        """Makes every call of a function of `os` a step."""
        real: Callable[..., Any] = getattr(os, name)

        def step(*arguments: Any, **words: Any) -> Any:
            if self.here():
                self.die()
            return real(*arguments, **words)

        setattr(os, name, step)

    def wrap_write(self, name: str) -> None:
        """Two steps: before it, and half-way."""
        real: Callable[..., int] = getattr(os, name)

        def step(descriptor: int, data: bytes | Sequence[bytes], position: int) -> int:
            if self.here():
                self.die()
            if self.here():
                whole = data if isinstance(data, bytes) else b"".join(data)
                os.lseek(descriptor, position, os.SEEK_SET)
                os.write(descriptor, whole[: len(whole) // 2])
                self.die()
            return real(descriptor, data, position)

        setattr(os, name, step)


def live(root: Path, topic: str, many: int, fatal: int) -> None:
    """Appends so many at once, and commits them as consumed; dies at the step."""
    steps = Steps(fatal)
    for name in ("fdatasync", "fsync", "ftruncate", "rename", "unlink", "mkdir"):
        steps.wrap(name)
    for name in ("pwritev", "pwrite"):
        steps.wrap_write(name)
    embedded = Embedded(root)
    log = embedded.open()
    with log.writer(topic) as writer, log.group("consumer", topic) as group:
        for at in range(0, len(BATCHES), many):
            writer.append(BATCHES[at : at + many])
            group.commit(writer.end)
    print(steps.count, flush=True)
    embedded.close()


def main(root: Path, topic: str, many: int) -> None:
    """All lives; forked, as each would load the same modules."""
    gc.freeze()
    code = -signal.SIGKILL
    for step in itertools.count(1):
        if code != -signal.SIGKILL:
            return
        process = os.fork()
        if process == 0:
            code = 1
            try:
                live(root / str(step), topic, many, step)
                code = 0
            except BaseException:  # noqa: BLE001 (it ends here, and must not go on with the parent's work)
                traceback.print_exc()
            finally:
                os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        print(code, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
