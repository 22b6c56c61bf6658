"""The publisher: follows the journal and appends what came of each record to the event log.

A process of its own: it needs the events that a fold makes, which the replica's does not give out; a replica
stands still for every snapshot, and runs when nothing else does. It keeps nothing: the log says how far it
is, and what follows is folded again from the newest snapshot before that.

A batch of a topic is of as many records of the journal as were there. So a log that is made again, and that
of a standby, have the same events with the same numbers in batches of their own. A batch always begins where
a record does, or where one before it was full.

Trades are appended before the executions of the same records: who knows of an execution finds its trade. What
administrators changed is appended before both, for the log's executions say where a publisher goes on.
"""

from __future__ import annotations

import contextlib
import logging
import signal
import threading
import time
from collections.abc import Callable
from typing import Final

from exchange.bus.log.embedded import EmbeddedLog
from exchange.bus.log.events import batch_of_rows, stream_of
from exchange.bus.log.interface import Batch, EventLog, TopicWriter
from exchange.bus.topics import Topic, TopicTable
from exchange.config.settings import Durability, Settings
from exchange.domain.events.catalogue import COMMAND_ANSWERED, TRADE_EXECUTED, EventType
from exchange.errors import LogUnavailable, StorageError
from exchange.runtime.changes import CHANGES, ChangePublisher
from exchange.runtime.core_status import CoreStatistics
from exchange.runtime.exits import ExitCode
from exchange.runtime.follower_metrics import tell_progress
from exchange.runtime.garbage import spare_what_is_there
from exchange.runtime.log import log
from exchange.runtime.vitals import telling
from exchange.storage.directory import DataDirectory
from exchange.storage.executions import ExecutionFold, Rows, starting_fold
from exchange.storage.venue_limits import limits_of

NAME: Final = "publisher"
EXECUTIONS: Final = COMMAND_ANSWERED.topic
TRADES: Final = TRADE_EXECUTED.topic

_SLICE_COMMANDS: Final = 4_096
_EVERYTHING: Final = 1 << 62
_GATHER_S: Final = 0.01  # many records at once cost half as much each
_PAUSE_WITHOUT_ROOM_S: Final = 1.0
_PAUSE_ANEW_S: Final = 2.0


class ExecutionPublisher:
    """Publishes what a fold makes. One thread.

    Args:
        fold: What is published; not beyond what the log has.
        topics: Rows of the two topics, by `domain.stream`.
        writers: Their writers, likewise.
        changes: Publishes what administrators changed.
        limit: Sequence of the last command that may be published: it will not be undone.
    """

    def __init__(
        self,
        fold: ExecutionFold,
        topics: dict[str, Topic],
        writers: dict[str, TopicWriter],
        changes: ChangePublisher,
        limit: Callable[[], int],
    ) -> None:
        self._fold = fold
        self._heads = {
            EXECUTIONS: _last_seq(topics[EXECUTIONS], writers[EXECUTIONS], COMMAND_ANSWERED) or 0,
            TRADES: _last_seq(topics[TRADES], writers[TRADES], TRADE_EXECUTED) or 0,
        }
        self._changes = changes
        self._topics = topics
        self._writers = writers
        self._limit = limit
        self._waiting: dict[str, list[Batch]] = {TRADES: [], EXECUTIONS: []}

    @property
    def sequence(self) -> int:
        """Of the last command whose events were made."""
        return self._fold.sequence

    @property
    def closed(self) -> bool:
        """Whether one of its writers takes no more: another publisher has to go on where the log ends."""
        return any(writer.closed for writer in self._writers.values())

    def advance(self, most_commands: int) -> int:
        """Publishes what there is, up to so many commands, or a record more; how many it was.

        Raises:
            JournalCorrupt: The journal cannot be followed.
            LogRefused: The log has another past.
            LogUnavailable: The log cannot be written now; nothing is lost by trying again.
        """
        self._flush()
        done = 0
        for outcome in self._fold.stretch(self._limit(), most_commands):
            done += outcome.commands
            self._changes.take(outcome)
            for rows in outcome.trades:
                self._add(TRADES, outcome.epoch, rows)
            for rows in outcome.executions:
                self._add(EXECUTIONS, outcome.epoch, rows)
        self._flush()
        return done

    def _add(self, topic: str, epoch: int, rows: Rows) -> None:
        head = self._heads[topic]
        if rows.first <= head < rows.last:  # the log passes over what it has, but by whole batches
            self._add(topic, epoch, rows.part(rows.first, head))
            rows = rows.part(head + 1, rows.last)
        made = batch_of_rows(
            self._topics[topic], rows.kind, rows.rows, rows.first, epoch=epoch, tenants=rows.tenants
        )
        self._waiting[topic].append(made)

    def _flush(self) -> None:
        self._changes.flush()
        for topic, batches in self._waiting.items():
            if batches:
                self._writers[topic].append(batches)
                batches.clear()

    def check_past(self, executions: int, trades: int | None) -> None:
        """Looks whether the journal, which was followed to its end, has all that the log had.

        Args:
            executions: Number of the last report or answer in the log.
            trades: Of the last trade; None: none.

        Raises:
            StorageError: It has not: they are of two pasts.
        """
        if self._fold.executions < executions or self._fold.trades < (trades or 0):
            raise StorageError(
                f"the event log ends with event {executions} and trade {trades or 0}, the journal with"
                f" {self._fold.executions} and {self._fold.trades}: two pasts"
            )


def open_log(settings: Settings) -> EmbeddedLog:
    """The event log of an exchange."""
    directory = DataDirectory(settings.data_directory)
    return EmbeddedLog(
        directory.log,
        directory.run,
        TopicTable(settings.events.environment),
        segment_bytes=settings.events.segment_bytes,
    )


def limit_of(settings: Settings, statistics: CoreStatistics) -> Callable[[], int]:
    """What may be published: what an answer may stand for. Nothing while the core does not say.

    With durability `process` that is all that is written. A power cut may then leave a log that has more than
    the journal, which is found out.
    """
    if settings.durability is Durability.PROCESS:
        return lambda: _EVERYTHING

    def limit() -> int:
        values = statistics.values()
        if not values:
            return 0
        durable = values["journal_sequence_durable"]
        if settings.durability is Durability.DISK or values["solo"] or settings.replication.leader:
            return durable
        return min(durable, values["journal_sequence_replicated"])

    return limit


class PublisherProcess:
    """One run of a publisher, in one thread.

    Args:
        publisher: What it runs.
        say: Told how far it is, with every turn.
        stop: Set when it is to end.
    """

    def __init__(
        self,
        publisher: ExecutionPublisher,
        say: Callable[[int], object],
        stop: threading.Event,
    ) -> None:
        self._tell = say
        self._stop = stop
        self._publisher = publisher

    def catch_up(self) -> int:
        """Publishes what there is; how many commands it was.

        Raises:
            JournalCorrupt: The journal cannot be followed.
            LogRefused: The log has another past.
            LogUnavailable: A writer of the log is closed.
        """
        total = 0
        while not self._stop.is_set() and (done := self._advance()) != 0:
            total += done or 0
            self._say()
        return total

    def run(self) -> None:
        """Follows until it is told to stop; a log that cannot be written now is tried again.

        Raises:
            JournalCorrupt: The journal cannot be followed.
            LogRefused: The log has another past.
            LogUnavailable: A writer of the log is closed.
        """
        while not self._stop.is_set():
            self._say()
            done = self._advance()
            if done is not None and done < _SLICE_COMMANDS:
                time.sleep(_GATHER_S)

    def _advance(self) -> int | None:
        """Publishes some; how many commands it was. None: a full disk, and some time has passed."""
        try:
            return self._publisher.advance(_SLICE_COMMANDS)
        except LogUnavailable as error:
            if self._publisher.closed:
                raise
            log("the event log cannot be written", level=logging.ERROR, reason=error)
            self._stop.wait(_PAUSE_WITHOUT_ROOM_S)
            return None

    def _say(self) -> None:
        self._tell(self._publisher.sequence)


def main(settings: Settings, limit: Callable[[], int]) -> int:
    """Publishes until a signal says to stop; its exit code. As `publish`."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    spare_what_is_there()
    publish(settings, limit, stop)
    return ExitCode.STOPPED


def publish(settings: Settings, limit: Callable[[], int], stop: threading.Event) -> None:
    """Publishes until it is told to stop, and then what there is.

    Args:
        settings: Of the exchange.
        limit: As of `limit_of`.
        stop: Set when it is to end.

    Raises:
        JournalCorrupt: The journal cannot be followed.
        ExchangeError: It cannot begin, or not go on.
    """
    sequence = 0

    def say(reached: int) -> None:
        nonlocal sequence
        sequence = reached
        vitals.beat(sequence=reached)

    with telling(settings, NAME, ["orders", "matching", "admin"]) as vitals, open_log(settings) as events:
        tell_progress(vitals, settings, lambda: sequence)
        while True:
            try:
                _publish(settings, events, limit, say, stop)
                break
            except LogUnavailable as error:  # nothing is lost: the next one goes on where the log ends
                log("the event log cannot be written", level=logging.ERROR, reason=error)
            say(sequence)
            if stop.wait(_PAUSE_ANEW_S):
                break
    log("publisher stopped", sequence=sequence)


def _publish(
    settings: Settings,
    events: EventLog,
    limit: Callable[[], int],
    say: Callable[[int], object],
    stop: threading.Event,
) -> None:
    """As `publish`, with writers that are its own.

    Raises:
        LogUnavailable: One of them cannot be had, or is closed; or the log could not be written at the end.
    """
    table = TopicTable(settings.events.environment)
    with contextlib.ExitStack() as opened:
        names = {topic: table.full_name(topic) for topic in (TRADES, EXECUTIONS, CHANGES)}
        topics = {topic: table.find(name) for topic, name in names.items()}
        writers: dict[str, TopicWriter] = {
            topic: opened.enter_context(events.writer(name)) for topic, name in names.items()
        }
        publisher, process = _begin(settings, events, topics, writers, limit, say, stop)
        process.run()
        while publisher.advance(_SLICE_COMMANDS):
            pass
        for writer in writers.values():
            writer.sync()
        say(publisher.sequence)


def _begin(
    settings: Settings,
    events: EventLog,
    topics: dict[str, Topic],
    writers: dict[str, TopicWriter],
    limit: Callable[[], int],
    say: Callable[[int], object],
    stop: threading.Event,
) -> tuple[ExecutionPublisher, PublisherProcess]:
    """Goes on where the log ends, and catches up with the journal."""
    directory = DataDirectory(settings.data_directory)
    start = time.monotonic()
    executions, trades = known_of(events, topics, writers)
    fold = starting_fold(
        directory,
        limits_of(settings),
        executions=executions,
        trades=trades,
        passed_over=lambda error: log("snapshot passed over", level=logging.WARNING, reason=error),
    )
    if fold.sequence and not executions:
        log("the event log begins late", level=logging.WARNING, sequence=fold.sequence)
    changes = ChangePublisher(topics[CHANGES], writers[CHANGES], events)
    publisher = ExecutionPublisher(fold, topics, writers, changes, limit)
    process = PublisherProcess(publisher, say, stop)
    commands = process.catch_up()
    if limit() == _EVERYTHING and not stop.is_set():
        publisher.check_past(executions, trades)
    log(
        "publisher caught up",
        commands=commands,
        sequence=publisher.sequence,
        seconds=f"{time.monotonic() - start:.3f}",
    )
    return publisher, process


def known_of(
    events: EventLog, topics: dict[str, Topic], writers: dict[str, TopicWriter]
) -> tuple[int, int | None]:
    """Numbers of the last execution and the last trade that the log has, as of `starting_fold`."""
    executions = _last_seq(topics[EXECUTIONS], writers[EXECUTIONS], COMMAND_ANSWERED)
    trades = _last_seq(topics[TRADES], writers[TRADES], TRADE_EXECUTED)
    if executions is None or trades is not None:
        return executions or 0, trades or 0
    with events.reader(writers[EXECUTIONS].topic) as reader:
        (first,) = reader.read(records_max=1)
    return executions, 0 if first.batch.first_seq == 1 else None


def _last_seq(topic: Topic, writer: TopicWriter, row: EventType) -> int | None:
    """Number of the last such event that a topic has; None: none."""
    head = writer.head(stream_of(topic, row.producers[0]))
    return None if head is None else head.last_seq
