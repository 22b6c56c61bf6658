"""The matching engine, as a Python program holds it."""

from typing import Any, Self

from cmatch import _core
from cmatch.book import Book


class Engine(_core.Engine):
    """A matching engine: many books, one clock, one sequence of commands.

    Prices are ints of ticks, quantities ints of lots, times ints of nanoseconds since the Unix epoch (UTC).
    One thread at a time: a second one gets EngineBusy. Pickling and copying go through a snapshot.

    Args:
        max_instruments: Most instruments; reaching a limit is a reject, never an error.
        max_orders: Most live orders, waiting ones too; at most 2**28.
        max_order_ids: Most order ids that are remembered as used; at most 2**36.
        prefault: Touch all memory now, so that no order meets a page fault.
        deltas: Record L2 and L3 deltas for drain_l2_deltas() and drain_l3_deltas().
        keep_events: Keep the events of every call for drain_events().
        max_events: Places of that buffer. Each command makes at least one event: a call of n commands is
            refused with BufferError, before anything is applied, unless n places are free. What it emits
            beyond that is kept too. With that many deltas waiting to be drained a call is refused alike.
        tape: How many trades trades() remembers.

    Raises:
        ValueError: A limit is 0 or too large.
        MemoryError: The limits ask for more memory than there is.
    """

    __slots__ = ()

    def __init__(
        self,
        *,
        max_instruments: int = 1024,
        max_orders: int = 1 << 20,
        max_order_ids: int = 1 << 24,
        prefault: bool = False,
        deltas: bool = False,
        keep_events: bool = False,
        max_events: int = 1 << 20,
        tape: int = 1024,
    ) -> None:
        super().__init__(
            max_instruments=max_instruments,
            max_orders=max_orders,
            max_order_ids=max_order_ids,
            prefault=prefault,
            deltas=deltas,
            keep_events=keep_events,
            max_events=max_events,
            tape=tape,
        )

    @classmethod
    def restore(
        cls,
        snapshot: bytes,
        *,
        prefault: bool = False,
        deltas: bool = False,
        keep_events: bool = False,
        max_events: int = 1 << 20,
        tape: int = 1024,
    ) -> Self:
        """Make the engine that a snapshot describes; from here on the two cannot be told apart.

        Args:
            snapshot: What snapshot() gave; the limits are in it.
            prefault: As in Engine, like the other options, which are not part of a snapshot.
            deltas: As in Engine.
            keep_events: As in Engine.
            max_events: As in Engine.
            tape: As in Engine.

        Raises:
            SnapshotError: The bytes are damaged, cut short or of another version; the message says which.
        """
        engine = cls.__new__(cls)
        _core.Engine.__init__(
            engine,
            snapshot,
            prefault=prefault,
            deltas=deltas,
            keep_events=keep_events,
            max_events=max_events,
            tape=tape,
        )
        return engine

    def book(self, instrument_id: int) -> Book:
        """One instrument's book, as a view that is always current.

        Raises:
            UnknownInstrument: It is not defined.
        """
        return Book(self, instrument_id)

    def __repr__(self) -> str:
        return (
            f"<{type(self).__module__.removesuffix('.engine')}.{type(self).__qualname__}: "
            f"{len(self.instruments):,} instruments, {self.live_orders:,} live orders, "
            f"{self.command_sequence:,} commands, {self.trade_sequence:,} trades>"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as snapshot, options and the events not yet drained; undrained deltas are left out."""
        return _rebuild, (type(self), self.snapshot(), self.options, self._kept_events())


def _rebuild(cls: type[Engine], snapshot: bytes, options: dict[str, Any], kept_events: bytes) -> Engine:
    engine = cls.restore(snapshot, **options)
    engine._keep_events(kept_events)  # noqa: SLF001 (the other half of __reduce__)
    return engine
