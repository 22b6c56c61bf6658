"""What a question of a client is, which service answers it, and how its pages are put together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Final, Generic, Protocol, TypeVar

from exchange.domain import queries as q
from exchange.domain.method import Unary
from exchange.errors import RpcError, RpcStatus

T = TypeVar("T")
RowT = TypeVar("RowT")
PageT = TypeVar(
    "PageT",
    q.OpenOrdersReply,
    q.OrderHistoryReply,
    q.TradesReply,
    q.AccountsReply,
    q.HistoryOrdersReply,
    q.HistoryExecutionsReply,
    q.MarketTradesReply,
    q.MarketTickersReply,
    q.AdminChangesReply,
    q.SettlementsReply,
)
ReplyT = TypeVar("ReplyT", bound=q.Reply)
RequestT = TypeVar("RequestT", bound=q.Request)
AskedT = TypeVar("AskedT")
AnsweredT = TypeVar("AnsweredT")

# Which service answers what; the RPC method is SERVICE.TYPE.
SERVICES: Final[dict[type[q.Request], str]] = {
    q.OpenOrdersRequest: "orders",
    q.OrderHistoryRequest: "orders",
    q.StatusRequest: "orders",
    q.BalancesRequest: "accounts",
    q.ReservationsRequest: "accounts",
    q.AccountsRequest: "accounts",
    q.PositionsRequest: "risk",
    q.LimitsRequest: "risk",
    q.BookTopRequest: "matching",
    q.BookLevelsRequest: "matching",
    q.BookOrdersRequest: "matching",
    q.TradesRequest: "matching",
    q.InstrumentsRequest: "matching",
    q.HistoryOrdersRequest: "history",
    q.HistoryExecutionsRequest: "history",
    q.MarketTradesRequest: "marketdata",
    q.MarketCandlesRequest: "marketdata",
    q.MarketTickersRequest: "marketdata",
    q.AdminChangesRequest: "admin",
    q.SettlementsRequest: "settlement",
}


def method_of(request: q.Request) -> str:
    """The RPC method that answers a request."""
    kind = type(request)
    return f"{SERVICES[kind]}.{kind.__name__}"


class Asker(Protocol):
    """The way to a replica."""

    async def ask(self, request: q.Request, timeout_ms: int | None) -> q.Reply:
        """The reply to one request.

        Raises:
            TransportError: It did not come; see the classes below it.
        """
        ...

    async def call(
        self, method: Unary[AskedT, AnsweredT], request: AskedT, timeout_ms: int | None
    ) -> AnsweredT:
        """The reply of a method of a contract; likewise."""
        ...

    @property
    def seen(self) -> int:
        """The last journal sequence that this client has seen an answer of."""
        ...


@dataclass(frozen=True, slots=True)
class Query(Generic[T]):
    """A question, not yet asked: what asks it, page by page where it takes several."""

    run: Callable[[Asker, int | None], Awaitable[T]]


def seeing(request: RequestT, asker: Asker, min_seq: int | None) -> RequestT:
    """A request whose reply has seen that command; None: the last one that the client saw an answer of."""
    return replace(request, min_seq=asker.seen if min_seq is None else min_seq)


def checked(kind: type[ReplyT], reply: q.Reply) -> ReplyT:
    """A reply, seen to be of its kind.

    Raises:
        RpcError: INTERNAL: it is of another.
    """
    if not isinstance(reply, kind):
        raise RpcError(RpcStatus.INTERNAL, f"expected a {kind.__name__}, not a {type(reply).__name__}")
    return reply


async def paged(
    asker: Asker,
    request: Any,
    kind: type[PageT],
    rows: Callable[[PageT], tuple[RowT, ...]],
    key: Callable[[RowT], int | str],
    min_seq: int | None,
    timeout_ms: int | None,
    most: int | None = None,
) -> tuple[tuple[RowT, ...], int]:
    """All rows of all pages, or the first `most`; and the sequence as of which the first page was."""
    found: list[RowT] = []
    sequence: int | None = None
    while True:
        reply = checked(kind, await asker.ask(seeing(request, asker, min_seq), timeout_ms))
        sequence = reply.sequence if sequence is None else sequence
        found.extend(rows(reply))
        if not reply.more or not rows(reply) or (most is not None and len(found) >= most):
            return tuple(found[:most]), sequence
        request = replace(request, after=key(found[-1]))


def pages(
    request: Any,
    kind: type[PageT],
    rows: Callable[[PageT], tuple[RowT, ...]],
    key: Callable[[RowT], int | str],
    min_seq: int | None,
    most: int | None = None,
) -> Query[tuple[RowT, ...]]:
    """The question for all rows of all pages, or the first `most`.

    Args:
        request: For the first page.
        kind: Of the replies.
        rows: Of one of them.
        key: Of a row, after which the next page begins.
        min_seq: See `seeing`.
        most: None is all.
    """

    async def run(asker: Asker, timeout_ms: int | None) -> tuple[RowT, ...]:
        return (await paged(asker, request, kind, rows, key, min_seq, timeout_ms, most))[0]

    return Query(run)
