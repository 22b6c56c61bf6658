"""`exchange log`."""

from __future__ import annotations

import argparse
import asyncio
import os
from datetime import UTC, datetime

from cmatch.cli.words import INT64_MAX, whole
from exchange.bus.context import new_context
from exchange.bus.curve import KeyPair
from exchange.bus.log.events import events_of
from exchange.bus.log.interface import EventLog
from exchange.bus.rpc import NO_CONTEXT, Metadata, RpcClient, SocketChannel, Stub
from exchange.bus.topics import TopicTable
from exchange.cli.common import add_settings, check_made, settings_of, table
from exchange.cli.connecting import add_identity
from exchange.config import Settings
from exchange.domain.contracts import TAIL_EVENTS
from exchange.domain.contracts.event_log import TailEventsRequest
from exchange.domain.enums import TailStart
from exchange.resilience import Policies
from exchange.runtime.publisher import open_log
from exchange.runtime.tail import record_of
from exchange.schema.events import event_json, time_json

DESCRIPTION = """Read the event log of a data directory, whether the exchange runs or not.

  topics   what each topic holds, and who consumes it
  show     events of a topic as JSON, a line each: from an offset, a time, or the oldest
  tail     the newest events of a topic, and those that come

With --remote the events come from the read replica over RPC, so the data directory may be elsewhere: `tail`
alone, and for the operator alone."""

_COUNT = 10
_LOOK_S = 0.5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument(
        "what", choices=("topics", "show", "tail"), metavar="WHAT", help="topics, show or tail"
    )
    parser.add_argument(
        "topic", nargs="?", metavar="TOPIC", help="domain.stream, as in execution.trades; or its whole name"
    )
    add_settings(parser)
    parser.add_argument(
        "--from",
        dest="start",
        type=_where,
        metavar="WHERE",
        help="with show: an offset, or a time as in 2026-02-12T12:34:56Z (default: the oldest)",
    )
    parser.add_argument(
        "--count",
        type=whole(0, INT64_MAX),
        default=None,
        metavar="N",
        help=f"with show: at most so many events; with tail: begin so many records back ({_COUNT})",
    )
    parser.add_argument(
        "--remote", action="store_true", help="ask the read replica (endpoints.queries), which has to run"
    )
    add_identity(parser)
    parser.set_defaults(refuse=parser.error)


def run(options: argparse.Namespace) -> int:
    """Prints; returns 0."""
    settings = settings_of(options)
    if options.remote:
        if options.what != "tail" or options.topic is None or options.start is not None:
            options.refuse("--remote is for tail, with a topic and without --from")
        asyncio.run(_tail_remote(options, settings))
        return 0
    if options.what != "show" and options.start is not None:
        options.refuse("argument --from: is for show; tail begins --count records back")
    check_made(settings)
    with open_log(settings) as events:
        if options.what == "topics":
            print(_topics(events))
            return 0
        if options.topic is None:
            options.refuse(f"{options.what} needs a topic")
        known = TopicTable(settings.events.environment)
        topic = options.topic if options.topic in set(known) else known.full_name(options.topic)
        if options.what == "show":
            start = (
                events.extent(topic).begin if options.start is None else _offset(events, topic, options.start)
            )
            _print(events, topic, start, options.count, follow=False)
        else:
            extent = events.extent(topic)
            start = max(extent.begin, extent.end - (_COUNT if options.count is None else options.count))
            _print(events, topic, start, None, follow=True)
    return 0


async def _tail_remote(options: argparse.Namespace, settings: Settings) -> None:
    """Prints a topic as the replica sends it, until interrupted or the replica goes."""
    known = TopicTable(settings.events.environment)
    topic = options.topic if options.topic in set(known) else known.full_name(options.topic)
    back = _COUNT if options.count is None else options.count
    request = TailEventsRequest(topic=topic, start=TailStart.NEWEST, back=back)
    keys = KeyPair.read(options.key) if options.key else None
    metadata = Metadata(f"cli-{os.getpid()}", str(options.tenant), options.user, NO_CONTEXT)
    context = new_context()
    try:
        channel = SocketChannel(
            context, settings.endpoints.queries, keys=keys, server_public=options.server_key
        )
        async with RpcClient(channel, Policies().of("cli", "replica")) as client:
            tail = Stub(client).stream(TAIL_EVENTS, request, metadata=metadata)
            async with tail as batches:
                async for batch in batches:
                    for event in events_of(record_of(batch)):
                        print(event_json(event), flush=True)
    finally:
        context.destroy(linger=0)


def _topics(events: EventLog) -> str:
    rows = []
    for topic in events.topics():
        extent = events.extent(topic)
        with events.reader(topic) as reader:
            oldest = reader.read(records_max=1)
        groups = ", ".join(
            f"{group.name} {'lost' if group.lost else f'-{group.lag}'}" for group in events.groups(topic)
        )
        since = time_json(oldest[0].batch.ts_ns) if oldest else ""
        rows.append((topic, str(extent.begin), str(extent.end), f"{extent.size:,}", since, groups))
    return table(("topic", "begin", "end", "bytes", "oldest", "groups and their lag"), rows)


def _where(word: str) -> int | datetime:
    """An offset or a time, as a type of argparse."""
    if word.isascii() and word.isdigit():
        return whole(0, INT64_MAX)(word)
    try:
        when = datetime.fromisoformat(word)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{word!r} is no offset and no time: expected 1200 or 2026-02-12T12:34:56Z"
        ) from None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def _offset(events: EventLog, topic: str, where: int | datetime) -> int:
    if isinstance(where, int):
        return where
    return events.offset_at(topic, int(where.timestamp() * 1_000) * 1_000_000)


def _print(events: EventLog, topic: str, start: int, count: int | None, *, follow: bool) -> None:
    left = count
    with events.reader(topic, start) as reader:
        while left is None or left > 0:
            records = reader.read(records_max=16)
            if not records:
                if not follow:
                    return
                reader.wait(_LOOK_S)
            for record in records:
                for event in events_of(record)[:left]:
                    print(event_json(event), flush=follow)
                    left = None if left is None else left - 1
