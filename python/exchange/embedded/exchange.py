"""An exchange in this program: its time, its clients, its crashes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, Self

from cmatch._core import (
    CrashKind,
    Disk,
    JournalReader,
    MemoryDisk,
    PosixDisk,
    SharedStats,
    Stat,
    Venue,
    VirtualClock,
)
from exchange.client import AsyncClient, Client
from exchange.client.face import Makers, log_error
from exchange.client.ids import Names, base36
from exchange.client.session import Session, Settings
from exchange.client.stepping import AsyncDirectInquirer, AsyncStepRunner, DirectInquirer, Stepper, StepRunner
from exchange.client.streams import Hub
from exchange.embedded.core import Core, Options, Stage
from exchange.embedded.link import MemoryLink
from exchange.embedded.replica import Ports, Replica
from exchange.errors import StorageError
from exchange.runtime.core_status import CoreStatus

START_NS: Final = 1_700_000_000_000_000_000
_FOREVER_MS: Final = 2**32 - 1
_FOREVER_NS: Final = 2**63 - 1
_IN_MEMORY: Final = Path("/journal")
_NS_A_MS: Final = 1_000_000
_NS_A_S: Final = 1_000_000_000
_LOOK_NS: Final = 20 * _NS_A_MS
_BATCH_BYTES: Final = 1 << 18
_STEPS_MAX: Final = 1_000_000
# Small: a venue of this size costs no memory that is not used, and a program may make many.
_LIMITS: Final = {
    "max_accounts": 1 << 14,
    "max_orders": 1 << 18,
    "max_client_ids": 1 << 20,
    "max_positions": 1 << 16,
}
_HISTORY: Final = {"max_accounts": 1 << 14, "max_orders": 1 << 18, "max_instruments": 1 << 10}

Power = Literal["kept", "lost", "torn", "reordered"]


class Clock:
    """The time of an embedded exchange, ns since 1970. It stands still but for `advance` and `advance_to`.

    Args:
        exchange: Whose.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    @property
    def now_ns(self) -> int:
        """The time."""
        return self._exchange.now_ns()

    def advance(self, *, seconds: float = 0, ns: int = 0) -> None:
        """Let time pass; what is due happens at its time: expiries, countdowns, retries of clients."""
        self.advance_to(self.now_ns + round(seconds * _NS_A_S) + ns)

    def advance_to(self, ns: int) -> None:
        """Let time pass until `ns`.

        Raises:
            ValueError: That is over.
        """
        if ns < self.now_ns:
            raise ValueError(f"time does not run backwards: it is {self.now_ns}, and {ns} is over")
        self._exchange.advance_to(ns)


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay of the whole journal came to, equal to what the live venue is.

    Args:
        commands: How many there were.
        state_hash: Of the state after the last.
        event_digest: Of every report and answer ever made.
    """

    commands: int
    state_hash: int
    event_digest: int


class Exchange:
    """An exchange in this program. Made by `embedded`; used by one thread."""

    def __init__(self, disk: Disk, directory: Path, start_ns: int, options: Options) -> None:
        self._disk = disk
        self._directory = directory
        self._options = options
        self._clock = VirtualClock(start_ns)
        self._drivers: list[Stepper] = []
        self._links: dict[str, MemoryLink] = {}
        self._incarnations = 0
        self._settling = False
        self._shortest_heartbeat_ms = _FOREVER_MS
        self._ports: Ports | None = None
        self.stage = Stage()
        self.core: Core | None = None
        self.clock = Clock(self)
        self.restart()

    @classmethod
    def embedded(
        cls,
        directory: Path | str | None = None,
        *,
        start_ns: int = START_NS,
        durability: Literal["process", "disk"] = "process",
        segment_bytes: int = 1 << 23,
        capacity_bytes: int | None = None,
        orders_per_s: int = 0,
        cancels_per_s: int = 0,
        ring_reports: int = 1 << 16,
        **limits: int,
    ) -> Exchange:
        """Make one.

        Args:
            directory: Where the journal is kept; None: in memory. One that is there is gone on with.
            start_ns: The time that it starts with, ns since 1970; no earlier than that of the journal.
            durability: What an answer stands for: `process`, or `disk` (survives `crash(power="lost")`).
            segment_bytes: Size of a segment of the journal.
            capacity_bytes: Of the disk in memory: beyond it the exchange is read-only.
            orders_per_s: Of one session; 0 is no limit.
            cancels_per_s: Of one session; 0 is no limit.
            ring_reports: Reports that a client which comes back can be sent.
            limits: Of the venue, as `cmatch.Venue` has them: `max_orders`, `max_accounts`, ...

        Raises:
            JournalError: The journal in `directory` cannot be gone on with.
        """
        sequencer: dict[str, Any] = {
            "orders_per_s": orders_per_s,
            "cancels_per_s": cancels_per_s,
            "orders_burst": max(1, orders_per_s),
            "cancels_burst": max(1, cancels_per_s),
            "ring_reports": ring_reports,
            "silence_ns": _FOREVER_NS // 4,
            "max_batch_bytes": _BATCH_BYTES,
        }
        options = Options(durability == "disk", segment_bytes, _LIMITS | limits, sequencer)
        if directory is None:
            return cls(MemoryDisk(capacity_bytes=capacity_bytes), _IN_MEMORY, start_ns, options)
        return cls(PosixDisk(), Path(directory), start_ns, options)

    # Clients.

    def client(
        self,
        name: str = "client",
        *,
        tenant: int = 0,
        user: str = "user",
        account: int | None = None,
        cancel_on_disconnect: bool = False,
        after: int = 0,
        heartbeat_ms: int = _FOREVER_MS,
        timeout_ms: int = 5_000,
        retry_ms: int = 1_000,
    ) -> Client:
        """A client of this exchange: arguments and calls are those of `Client.connect`.

        A call makes the exchange go on until its answer is there, while time stands still; only where no
        answer comes does time pass, up to the request's retries and its deadline.
        """
        settings = Settings(
            name,
            user,
            tenant,
            cancel_on_disconnect,
            heartbeat_ms=heartbeat_ms,
            timeout_ms=timeout_ms,
            retry_ms=retry_ms,
        )
        session, link, hub, makers = self._parts(settings, account, after)
        runner = StepRunner(session, link, hub, self)
        client = Client(runner, DirectInquirer(Replica(self, tenant, session), makers.query), makers)
        self._join(runner)
        return client

    def async_client(
        self,
        name: str = "client",
        *,
        tenant: int = 0,
        user: str = "user",
        account: int | None = None,
        cancel_on_disconnect: bool = False,
        after: int = 0,
        heartbeat_ms: int = _FOREVER_MS,
        timeout_ms: int = 5_000,
        retry_ms: int = 1_000,
    ) -> AsyncClient:
        """An asynchronous client of this exchange; made within an event loop."""
        settings = Settings(
            name,
            user,
            tenant,
            cancel_on_disconnect,
            heartbeat_ms=heartbeat_ms,
            timeout_ms=timeout_ms,
            retry_ms=retry_ms,
        )
        session, link, hub, makers = self._parts(settings, account, after)
        runner = AsyncStepRunner(session, link, hub, self)
        inquirer = AsyncDirectInquirer(Replica(self, tenant, session), makers.query)
        client = AsyncClient(runner, inquirer, makers)
        self._join(runner)
        return client

    def link(self, name: str) -> MemoryLink:
        """The connection of the client that was made last under this name: to cut it, or to lose its frames.

        Raises:
            LookupError: There is none.
        """
        if name not in self._links:
            raise LookupError(f"no client is called {name!r}")
        return self._links[name]

    # Time.

    def now_ns(self) -> int:
        """The time, ns since 1970."""
        return int(self._clock.now_ns())

    @property
    def settling(self) -> bool:
        """Whether it is going on right now: this is a callback of a client."""
        return self._settling

    def settle(self) -> None:
        """Let everything happen that happens without time passing."""
        if self._settling:
            return
        self._settling = True
        try:
            self._turn()
            for _ in range(_STEPS_MAX):
                moved = [driver.step() for driver in tuple(self._drivers)]
                if self._core_has_work:
                    self._turn()
                elif not any(moved):
                    return
        finally:
            self._settling = False
        raise RuntimeError("the clients of the embedded exchange never come to rest")

    def advance_to(self, ns: int) -> None:
        """Let time pass, and everything happen that is due until then, each at its time."""
        self.settle()
        while (due := self._next_timer()) is not None and due <= ns:
            self._clock.set(max(due, self.now_ns() + 1))
            self.settle()
        if ns > self.now_ns():
            self._clock.set(ns)
            self.settle()

    # What tests of recovery do.

    def crash(self, power: Power = "kept", seed: int = 0) -> None:
        """Kill the core at once; clients lose their connections. `restart` brings it back from its journal.

        Args:
            power: What is left of what was written and not synchronised: `kept` (only the process died), or
                after a power cut `lost`, `torn` or `reordered`; these in memory only.
            seed: Chooses what is left of a torn or reordered write.

        Raises:
            ValueError: A power cut of a real disk.
        """
        if power != "kept" and not isinstance(self._disk, MemoryDisk):
            raise ValueError("only a disk in memory can lose its power")
        self._end_core()
        if isinstance(self._disk, MemoryDisk):
            self._disk.crash(CrashKind[power], seed)

    def restart(self) -> None:
        """Start the core from its journal; clients come back by themselves, after a pause, when time passes.

        Raises:
            JournalError: The journal cannot be gone on with.
        """
        self._end_core()
        self._ports = None
        self.core = Core(self._disk, self._directory, self._clock, self.stage, self._options)

    def sync(self) -> None:
        """Make everything until now durable, as a `disk` exchange does before each answer."""
        self.settle()
        self._up.sequencer.sync()

    def replay(self) -> Replayed:
        """Fold the whole journal into a new venue and see that it becomes what the live one is.

        Raises:
            StorageError: It does not.
        """
        live, replayed = self.venue, Venue(**self._options.limits)
        for record in JournalReader(str(self._directory), disk=self._disk):
            replayed.apply_payload(record.payload)
        replayed.check_invariants()
        found = Replayed(replayed.sequence, replayed.state_hash(), replayed.event_digest)
        expected = Replayed(live.sequence, live.state_hash(), live.event_digest)
        if found != expected:
            raise StorageError(f"the journal gives {found}, the exchange is {expected}")
        return found

    # What there is to see.

    @property
    def venue(self) -> Venue:
        """The venue, to look at between two calls.

        Raises:
            RuntimeError: The core is down.
        """
        return self._up.venue

    @property
    def stats(self) -> SharedStats:
        """The counters of the core."""
        return self._up.stats

    @property
    def ports(self) -> Ports:
        """A second fold of the journal, up to its end: what queries look at."""
        core = self._up
        if self._ports is None:
            limits = self._options.limits
            self._ports = Ports(self._directory, Venue(**limits), disk=self._disk, **_HISTORY)
            self._ports.status_of_core = self._status
        if self._ports.sequence < core.venue.sequence:
            self._ports.advance_to_end()
        return self._ports

    def close(self) -> None:
        """End it in an orderly way; what is journaled in a directory stays."""
        for driver in tuple(self._drivers):
            driver.end()
        if self.core is not None:
            self.core.journal.sync()
        self._end_core()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def leave(self, driver: Stepper) -> None:
        """A client is closed."""
        if driver in self._drivers:
            self._drivers.remove(driver)

    # Inside.

    @property
    def _up(self) -> Core:
        if self.core is None:
            raise RuntimeError("the core is down: restart() brings it back")
        return self.core

    def _parts(
        self, settings: Settings, account: int | None, after: int
    ) -> tuple[Session, MemoryLink, Hub, Makers]:
        self._incarnations += 1
        self._shortest_heartbeat_ms = min(self._shortest_heartbeat_ms, settings.heartbeat_ms)
        session = Session(settings, self.now_ns, after)
        names = Names(
            settings.name, self.now_ns, f"e{base36(self._incarnations)}{base36(self.now_ns() // _NS_A_S)}"
        )
        link = self._links[settings.name] = MemoryLink(self, settings.name)
        makers = Makers(names, settings.user, account, session.orders.find)
        return session, link, Hub(log_error), makers

    def _join(self, driver: Stepper) -> None:
        self._drivers.append(driver)
        driver.start()
        self.settle()
        if driver.session.refusal is not None:
            raise driver.session.refusal

    @property
    def _core_has_work(self) -> bool:
        core = self.core
        return core is not None and (core.transport.waiting > 0 or core.sequencer.next_timer <= self.now_ns())

    def _turn(self) -> None:
        if self.core is not None:
            self.core.loop.hurry()
            self.core.loop.turn()

    def _next_timer(self) -> int | None:
        times = [due for driver in self._drivers if (due := driver.next_timer) is not None]
        if self.core is not None:
            times.append(self.core.sequencer.next_timer)
            # Sessions that fell silent, and a matching stage that came or went, are seen by looking only.
            if self.stage.away != self.core.stage_is_away:
                times.append(self.now_ns() + _LOOK_NS)
            if self._shortest_heartbeat_ms < _FOREVER_MS:
                times.append(self.now_ns() + max(_LOOK_NS, self._shortest_heartbeat_ms * _NS_A_MS // 3))
        return min((due for due in times if due < _FOREVER_NS), default=None)

    def _status(self) -> CoreStatus:
        stats = self._up.stats
        return CoreStatus(
            durable_sequence=stats.get(Stat.journal_sequence_durable),
            durability=2 if self._options.durable else 1,
            read_only=bool(stats.get(Stat.read_only)),
            sessions=stats.get(Stat.sessions),
            written_sequence=stats.get(Stat.journal_sequence_written),
        )

    def _end_core(self) -> None:
        if self.core is not None:
            self.core.journal.close()
        self.core = None
