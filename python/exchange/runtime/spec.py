"""What a service is, in one value: the same for all of them, hosted by the same runner."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from exchange.bus.rpc.dispatch import DispatchLimits
from exchange.runtime.caller import Caller

if TYPE_CHECKING:  # SQLAlchemy is for those who have a store
    from exchange.storage.sql import Migration

# What answers a query: `query(ports, request, caller) -> reply`, messages of `domain.queries`. Of a kernel it
# runs between two batches of the follower, on one state, and must not block; of a service with a store its
# `ports` are a transaction that reads, and it runs in a thread.
Query = Callable[[Any, Any, Caller], Any]
# What takes a batch of events: `handle(tx, events) -> what to publish`: events, or `runtime.outbox.ToldRows`.
Handler = Callable[[Any, Any], Any]
# What makes the methods that need more than a transaction, by name, for as long as its block lasts:
# `async with serve(ground) as methods`, with what they stand on (`exchange.runtime.service_host.Ground`).
Serve = Callable[[Any], AbstractAsyncContextManager[Mapping[str, Any]]]
# What stands around the queries of a service with a store: `around(reference, request, ask) -> reply`, where
# `ask(request)` is the query. It may look instruments up (`runtime.reference`), outside of any transaction.
Around = Callable[[Any, Any, Callable[[Any], Any]], Any]
# What turns a request of an administrator into the record that is sequenced: `command(request) -> record`.
Command = Callable[[Any], Any]


@dataclass(frozen=True)
class ServiceSpec:
    """A service as the runner sees it.

    Args:
        name: The service, as in `exchange run NAME` and in the documents.
        reads: Streams that it follows.
        writes: Streams that it appends to.
        tables: Of its store, as numbered steps; empty where its state is a fold of the journal.
        handlers: By type of event.
        queries: By type of request message; each is called as `NAME.RequestType`.
        serve: Makes further methods, or others in the place of queries, of a service with a store.
        around: What stands around its queries; None: nothing.
        commands: By type of request message: what becomes a journaled command.
        needs: Services without which it refuses to work.
        limits: How many calls it serves at once; one whose readers are many has streams of them all.
    """

    name: str
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    tables: tuple[Migration, ...] = ()
    handlers: Mapping[type, Handler] = field(default_factory=dict)
    queries: Mapping[type, Query] = field(default_factory=dict)
    serve: Serve | None = None
    around: Around | None = None
    commands: Mapping[type, Command] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    limits: DispatchLimits = field(default_factory=DispatchLimits)

    def __post_init__(self) -> None:
        if not self.name.isidentifier() or not self.name.islower():
            raise ValueError(f"{self.name!r} is no name of a service: expected a lower-case word")


def check_table(specs: tuple[ServiceSpec, ...], outside: tuple[str, ...]) -> None:
    """Checks that a table of services fits together.

    Args:
        specs: the table.
        outside: streams that come from elsewhere: from clients.

    Raises:
        ValueError: a name twice, a need that nobody meets, a stream with two writers or with none.
    """
    names = [spec.name for spec in specs]
    if len(set(names)) != len(names):
        raise ValueError(f"a service is named twice: {', '.join(names)}")
    writers = dict.fromkeys(outside, "clients")
    for spec in specs:
        for stream in spec.writes:
            if stream in writers:
                raise ValueError(f"{stream} has two writers: {writers[stream]} and {spec.name}")
            writers[stream] = spec.name
    for spec in specs:
        for need in spec.needs:
            if need not in names:
                raise ValueError(f"{spec.name} needs {need}, which is not in the table")
        for stream in spec.reads:
            if stream not in writers:
                raise ValueError(f"{spec.name} reads {stream}, which nobody writes")
