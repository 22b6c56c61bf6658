"""``python -m tests.inbox.victim STORE DIRECTORY STEP``: kills a service at every STEP-th point of its work.

A point is before every statement that goes to the database, before and after every commit, before and after
every append to the log, every sync and every move of the group's cursor. For each, a process of its own
takes the same events and kills itself there with SIGKILL; a second one takes what is left. Prints a line of
JSON for each point: its name, and what was there in the end. The first is of a life that nothing interrupts.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import shutil
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event, text

from exchange.bus.log.embedded.groups import EmbeddedGroup
from exchange.bus.log.embedded.writer import EmbeddedWriter
from exchange.schema.events import decode_events, encode_events
from exchange.storage.sql import Store, open_store
from exchange.storage.sql.dead_letters import DeadLetters
from exchange.storage.sql.tables import METADATA
from tests.inbox.world import DEAD, TABLES, TRADES, World, placed

KILLED = -signal.SIGKILL


class Points:
    """Counts the points that are passed, and kills at one.

    Args:
        kill_at: Its number, from 1; 0: none.
        told: Where the names are written.
    """

    def __init__(self, kill_at: int, told: Path) -> None:
        self._kill_at = kill_at
        self._passed = 0
        self._told = told.open("w", encoding="utf-8")

    def passed(self, name: str) -> None:
        """One more."""
        self._passed += 1
        self._told.write(f"{name}\n")
        self._told.flush()
        if self._passed == self._kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self, store: Store) -> None:
        """From now on all of this process are counted."""

        def statement(_: Any, __: Any, sql: str, *___: Any) -> None:
            self.passed(f"statement {' '.join(sql.split())[:48]}")

        event.listen(store.engine, "before_cursor_execute", statement)
        dialect: Any = store.engine.dialect
        dialect.do_commit = self._around("commit", dialect.do_commit)
        EmbeddedWriter.append = self._around("append", EmbeddedWriter.append)  # type: ignore[method-assign]
        EmbeddedWriter.sync = self._around("sync", EmbeddedWriter.sync)  # type: ignore[method-assign]
        EmbeddedGroup.commit = self._around("cursor", EmbeddedGroup.commit)  # type: ignore[method-assign]

    def _around(self, name: str, func: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*given: Any) -> Any:
            self.passed(f"before {name}")
            result = func(*given)
            self.passed(f"after {name}")
            return result

        return watched


def prepare(store_url: str, root: Path) -> None:
    """What is to be taken: a hot batch with an event that never can be, one behind that, one that fails."""
    with World(store_url, root) as world:
        world.place_rows(1, 2, 3)
        world.publish(placed(4, 2, tenant="7"))
        world.publish(placed(5, 4, tenant="7"))


def live(store_url: str, root: Path, kill_at: int, first: int | None = None) -> None:
    """One life of the service, until there is nothing left to do; then it tells what there is.

    Args:
        store_url: Its store.
        root: Where its log lies.
        kill_at: At which point it ends; 0: at none.
        first: How the life before it ended, where there was one.
    """
    told = root / ("points" if first is None else "points after")
    points = Points(kill_at, told)
    with World(store_url, root) as world:
        world.mood.always["2"] = "invalid"
        world.mood.say("4", "broken", "broken")
        points.watch(world.store)
        world.settle(1.0 if first is None else 2.0, pace=0.5)  # the second fails twice again
    name = "whole"
    if first is not None:
        passed = (root / "points").read_text(encoding="utf-8").splitlines()
        name = f"{len(passed)} {passed[-1]}"
    line = json.dumps({"point": name, "outcome": outcome(store_url, root)}) + "\n"
    os.write(sys.stdout.fileno(), line.encode("ascii"))  # whole, as no pipe cuts so little


def outcome(store_url: str, root: Path) -> dict[str, object]:
    """What was there in the end, but for times that are the machine's."""
    with World(store_url, root) as world:
        trades = [
            (trade.event_id, trade.entity.sequence, trade.entity.entity_id, trade.causation_id)
            for trade in world.published(TRADES)
        ]
        dead = [
            (each.entity.sequence, each.payload.reason, each.causation_id) for each in world.published(DEAD)
        ]
        with world.store.read() as tx:
            processed = (
                tx.execute(text("SELECT event_id FROM processed_events ORDER BY event_id")).scalars().all()
            )
            cursors = tx.execute(text("SELECT next_offset FROM cursors")).scalars().all()
        return {
            "applied": world.applied(),
            "totals": sorted(world.totals().items()),
            "trades": trades,
            "letters": world.letters(),
            "dead": dead,
            "outbox": world.count("outbox"),
            "processed": list(processed),
            "cursor": list(cursors),
        }


def apart(work: Callable[[], object]) -> int:
    """Does it in a process of its own; how that ended."""
    process = os.fork()
    if process == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def reset(store_url: str, prepared: Path, root: Path) -> None:
    """The log and the store as they were prepared."""
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(prepared / "world", root, ignore=shutil.ignore_patterns("run"))
    if "://" not in store_url:
        shutil.rmtree(store_url)
        shutil.copytree(prepared / "stores", store_url)
        return
    engine = engine_of(store_url)
    tables = [*METADATA.tables, "applied", "totals"]
    with engine.begin() as connection:
        names = ", ".join(f"matching.{table}" for table in tables)
        connection.execute(text(f"TRUNCATE {names} RESTART IDENTITY"))
    engine.dispose()


def engine_of(store_url: str) -> Engine:
    """Of a PostgreSQL server; it connects when it is used."""
    return create_engine(store_url.replace("postgresql:", "postgresql+psycopg:"))


def warm(store_url: str, directory: Path) -> None:
    """Loads what every life needs, once for all of them; without a socket or a thread."""
    if "://" in store_url:
        engine_of(store_url).dispose()  # the driver
    schema = decode_events(encode_events([placed(1, 1)]), 1, 1)
    assert schema[0].event_type == "OrderPlaced"
    with open_store(directory, "matching", TABLES) as store, store.read() as tx:
        assert DeadLetters("matching").due(tx) is None


def main(arguments: Sequence[str]) -> None:
    """Every so-many-th point."""
    store_url, directory = arguments[0], Path(arguments[1])
    prepared, root = directory / "prepared", directory / "world"
    logging.disable()
    assert apart(lambda: prepare(store_url, prepared / "world")) == 0
    if "://" not in store_url:
        shutil.copytree(store_url, prepared / "stores")
    warm(store_url, prepared / "warm")
    gc.freeze()
    for kill_at in (0, *range(1, 10_000, int(arguments[2]))):
        assert apart(lambda: reset(store_url, prepared, root)) == 0
        ended = apart(lambda at=kill_at: live(store_url, root, at))  # type: ignore[misc]
        if ended == KILLED:
            ended = apart(lambda: live(store_url, root, 0, KILLED))
        elif kill_at:
            return
        assert ended == 0, (kill_at, ended)


if __name__ == "__main__":
    main(sys.argv[1:])
