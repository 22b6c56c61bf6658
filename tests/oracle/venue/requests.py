"""What is remembered of the requests of each account: the first answer to a client order id."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.oracle.venue.model import Command, Report, Sizes, VenueOrder
from tests.oracle.venue.words import FORGOTTEN_AT_ONCE, MIN_INT64, REMEMBERED_FOR, REMEMBERED_IDS

NOT_CONTENT = ("correlation_id", "session", "sent_at", "tenant", "verdict")
Name = tuple[int, str]


def content_of(c: Command) -> tuple[tuple[str, object], ...]:
    """What must be equal in a repeated request. The order id of a new order is the sequencer's."""
    skipped = (*NOT_CONTENT, "order_id") if c["kind"] == "new" else NOT_CONTENT
    return tuple(sorted((name, value) for name, value in c.items() if name not in skipped))


@dataclass
class Request:
    """One client order id."""

    name: Name
    content: tuple[tuple[str, object], ...]
    sent_at: int
    answer: Report = field(default_factory=dict)
    order: VenueOrder | None = None  # while it lives
    end: dict[str, Any] = field(default_factory=dict)  # what the order was when it ended
    since: int | None = None  # of the ten minutes
    undecided: bool = False  # a shard is still to answer it


class Requests:
    """The client order ids of all accounts."""

    def __init__(self, sizes: Sizes) -> None:
        self.size = sizes.max_client_ids
        self.known: dict[Name, Request] = {}
        self.forgettable: dict[Name, Request] = {}  # oldest first
        self.watermarks: dict[int, int] = {}
        self.of_account: Counter[int] = Counter()  # forgettable ones

    def forget(self, name: Name) -> None:
        """Forgets one: nothing sent before it is taken as new any more."""
        request = self.forgettable.pop(name)
        del self.known[name]
        account = name[0]
        self.of_account[account] -= 1
        self.watermarks[account] = max(self.watermark(account), request.sent_at)

    def watermark(self, account: int) -> int:
        """The latest sent_at that was forgotten."""
        return self.watermarks.get(account, MIN_INT64)

    def forget_due(self, clock: int) -> None:
        """Forgets those whose ten minutes are over."""
        for name, request in list(self.forgettable.items())[:FORGOTTEN_AT_ONCE]:
            assert request.since is not None
            if request.since + REMEMBERED_FOR > clock:
                break
            self.forget(name)

    def has_room(self) -> bool:
        """Whether one more can be remembered, when the oldest is forgotten if need be."""
        return len(self.known) < self.size or bool(self.forgettable)

    def remember(self, request: Request, clock: int, *, live: bool) -> None:
        """Keeps a request; one whose order lives until that ends."""
        if len(self.known) >= self.size:
            self.forget(next(iter(self.forgettable)))
        self.known[request.name] = request
        if not live:
            self.ended(request, clock)

    def ended(self, request: Request, clock: int) -> None:
        """Lets a request be forgotten from now on."""
        request.since = clock
        request.order = None
        self.forgettable[request.name] = request
        account = request.name[0]
        self.of_account[account] += 1
        if self.of_account[account] > REMEMBERED_IDS:
            self.forget(next(name for name in self.forgettable if name[0] == account))
