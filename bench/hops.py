"""What a trade costs on its way from the journal to a subscriber: processor time of each hop, one at a time.

``python -m bench.hops [--commands N] [--record N ...] [--gather N]``: a load of which two commands in
five trade is written into a journal in records of so many commands; then each hop takes all of it in one
process, as many commands at once as it would find. *Engine* is the applying of commands alone, which
publisher and answering have in them.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.loaded import trading
from bench.measure import machine, table
from cmatch._core import Journal, JournalReader, Venue
from cmatch.frames import CommandHeader, CommandList, decode_commands, encode_commands
from exchange.bench.flow import Load, plan_load
from exchange.bench.market import INSTRUMENT, Market
from exchange.bus.log.embedded import EmbeddedLog
from exchange.bus.topics import TopicTable
from exchange.config import Settings, load
from exchange.domain.contracts.marketdata import TickRun
from exchange.runtime.changes import CHANGES, ChangePublisher
from exchange.runtime.consumer import Consumer
from exchange.runtime.publisher import EXECUTIONS, TRADES, ExecutionPublisher
from exchange.runtime.service_host import JournalWay
from exchange.schema.codec import decode_message, encode_message
from exchange.schema.tick_rows import ticks_of
from exchange.services.marketdata.board import Board
from exchange.services.marketdata.books import BookFold
from exchange.services.marketdata.mirrors import Mirrors
from exchange.services.marketdata.service import SPEC
from exchange.storage.directory import DataDirectory
from exchange.storage.executions import starting_fold
from exchange.storage.sql import open_store
from exchange.storage.venue_limits import limits_of

ACCOUNTS, RATE, EVERYTHING = 1_000, 10_000, 1 << 62
START_NS = 1_700_000_000_000_000_000


class Written(Market):
    """A market whose commands are appended to a journal.

    Args:
        directory: Of the journal.
    """

    def __init__(self, directory: Path) -> None:
        self.sockets = []
        directory.mkdir(parents=True)
        self._journal = Journal(str(directory), segment_bytes=256 << 20, write_bytes=1 << 20)
        self._now = START_NS

    def close(self) -> None:
        """Lets the journal go."""
        self._journal.close()

    def append(self, kind: CommandList, rows: npt.NDArray[np.void]) -> None:
        """One record."""
        self._now += 50_000 * len(rows)
        first = int(self._journal.written_sequence) + 1
        payload = encode_commands(kind, rows, CommandHeader(0, 1, first, self._now), limit=1 << 20)
        self._journal.append(first, len(rows), self._now, payload)

    def trade(self, commands: int, size: int) -> None:
        """A load, in records of so many commands."""
        of = Load(rate=RATE, seconds=commands / RATE, batch=size, accounts=ACCOUNTS)
        planned = plan_load(trading(of))
        for frame in planned.arena.reshape(len(planned.plan), -1):
            rows = decode_commands(frame.tobytes())[2].copy()
            rows["tenant"], rows["sent_at"] = 1, 0
            self.append(CommandList.ORDERS, rows)

    def _ask(self, kind: CommandList, rows: npt.NDArray[np.void], known: int = 0) -> None:
        for at in range(0, len(rows), 200):
            self.append(kind, rows[at : at + 200])


def timed(step: Callable[[], object]) -> float:
    """Processor seconds until a step says that there is no more."""
    start = time.process_time()
    while step():
        pass
    return time.process_time() - start


def engine(settings: Settings, way: JournalWay) -> float:
    """Applies all."""
    venue, records = Venue(**limits_of(settings)), iter(JournalReader(str(way.directory.journal), 1))

    def step() -> bool:
        record = next(records, None)
        if record is not None:
            venue.apply_payload(record.payload)
        return record is not None

    return timed(step)


def published(settings: Settings, log: EmbeddedLog, topics: TopicTable, gather: int) -> float:
    """Publishes all."""
    names = {topic: topics.full_name(topic) for topic in (TRADES, EXECUTIONS, CHANGES)}
    rows = {topic: topics.find(name) for topic, name in names.items()}
    with ExitStack() as opened:
        writers = {topic: opened.enter_context(log.writer(name)) for topic, name in names.items()}
        fold = starting_fold(
            DataDirectory(settings.data_directory), limits_of(settings), executions=0, trades=0
        )
        changes = ChangePublisher(rows[CHANGES], writers[CHANGES], log)
        publisher = ExecutionPublisher(fold, rows, dict(writers), changes, lambda: EVERYTHING)
        return timed(lambda: publisher.advance(gather))


def answered(way: JournalWay, gather: int) -> tuple[float, list[bytes]]:
    """Folds all and tells one watcher; its messages."""
    fold, told = BookFold(way), list[bytes]()
    fold.mirrors = Mirrors(fold.venue)
    board = Board(str, time.monotonic_ns)
    fold.tell = board.traded
    with board.watching([INSTRUMENT]) as watcher:
        watcher.take()

        def step() -> int:
            done = fold.advance(gather)
            while (run := watcher.take()) is not None:
                told.append(encode_message(TickRun(last=run.last, before=run.before)))
            return done

        return timed(step), told


def read(told: list[bytes]) -> tuple[float, int]:
    """Reads all messages; how many ticks they are."""
    start = time.process_time()
    ticks = sum(1 for message in told for _ in ticks_of(decode_message(TickRun, message)))
    return time.process_time() - start, ticks


def kept(directory: Path, log: EmbeddedLog, topics: TopicTable) -> float:
    """Takes all trades into rows and candles."""
    with (
        open_store(str(directory), SPEC.name, SPEC.tables) as store,
        Consumer(SPEC, store, log, topics) as consumer,
    ):
        return timed(consumer.step)


def measure(directory: Path, commands: int, size: int, gather: int) -> list[str]:
    """A row."""
    settings = load(environment={}, data_directory=directory / "data")
    place = DataDirectory(settings.data_directory)
    with Written(place.journal) as market:
        market.define()
        market.fund(ACCOUNTS)
        market.trade(commands, size)
    way = JournalWay(place, lambda: limits_of(settings), lambda: EVERYTHING)
    topics = TopicTable("bench")
    with EmbeddedLog(directory / "log", directory / "run", topics) as log:
        applying = engine(settings, way)
        publishing = published(settings, log, topics, gather)
        answering, told = answered(way, gather)
        reading, trades = read(told)
        keeping = kept(directory / "stores", log, topics)
    hops = [f"{spent / trades * 1e6:.1f}" for spent in (applying, publishing, answering, reading, keeping)]
    return [f"{size}", f"{gather}", f"{trades:,}", *hops]


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description="Processor time of a trade, hop by hop.")
    parser.add_argument("--commands", type=int, default=200_000, help="in the journal (200000)")
    parser.add_argument(
        "--record", type=int, nargs="+", default=[10, 50], help="commands in a record (10 50)"
    )
    parser.add_argument("--gather", type=int, default=300, help="commands taken at once (300)")
    options = parser.parse_args()
    print(machine(), flush=True)
    rows = []
    for size in options.record:
        for gather in (1, options.gather):
            with tempfile.TemporaryDirectory() as made:
                rows.append(measure(Path(made), options.commands, size, gather))
    heads = ["record", "at once", "trades", "engine us", "publisher", "answering", "client", "keeping"]
    print(table(heads, rows))


if __name__ == "__main__":
    main()
