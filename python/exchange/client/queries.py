"""Questions to the read replica, the history and settlement, made of keywords."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, TypedDict, TypeVar, Unpack

from exchange.client.instruments import Asset, Directory, Instrument
from exchange.client.questions import Asker, Query, ReplyT, checked, paged, pages, seeing
from exchange.domain import queries as q
from exchange.domain.enums import Liquidity, OrderStatus, SettlementStatus, Side

T = TypeVar("T")
RowT = TypeVar("RowT")
PastT = TypeVar("PastT", q.HistoryOrdersReply, q.HistoryExecutionsReply)


class PastFilter(TypedDict, total=False):
    """What orders and executions of the history may be asked by; each narrows it down.

    Args:
        account: Whose; 0 is all that the caller may see.
        instrument: Its id or symbol; 0 is all.
        order_id: Only this one; 0 is all. A rejected order has none.
        client_order_id: Only orders that have this id, or had it before a replace.
        side: Only of this side.
        from_ns: At that journaled time or later, ns.
        to_ns: Before that, ns; 0 is now.
        oldest_first: The other way round.
        after: The key of the last row that is known already.
        most: How many at most (100); None is all.
        min_seq: The journal sequence that the reply must have seen; 0, the default, takes what is there. (Not
            all that a client hears of has an event: the default of other questions might be waited for.)
    """

    account: int
    instrument: int | str
    order_id: int
    client_order_id: str
    side: Side | None
    from_ns: int
    to_ns: int
    oldest_first: bool
    after: int
    most: int | None
    min_seq: int


_OF_REQUEST: Final = frozenset(
    {"account", "order_id", "client_order_id", "side", "from_ns", "to_ns", "oldest_first", "after"}
)
_PAST_MOST: Final = 100


class QueryRequests:
    """Makes questions to the replica; nothing is sent.

    Every reply has seen the last command that this client saw an answer of, or `min_seq` where that is given:
    who reads after writing reads what was written. 0 takes whatever the replica has.

    Args:
        directory: Converts symbols, and learns instruments.
        account: Asked about where a question names none.
    """

    def __init__(self, directory: Directory, account: int | None) -> None:
        self._directory = directory
        self._account = account

    def open_orders(
        self, *, account: int | None = None, instrument: int | str = 0, min_seq: int | None = None
    ) -> Query[tuple[q.OrderRow, ...]]:
        """All live orders of an account, by order id."""
        request = q.OpenOrdersRequest(account=self._of(account), instrument_id=self._instrument(instrument))

        async def run(asker: Asker, timeout_ms: int | None) -> tuple[q.OrderRow, ...]:
            return (await open_orders(asker, request, min_seq, timeout_ms))[0]

        return Query(run)

    def order_history(
        self,
        *,
        account: int | None = None,
        instrument: int | str = 0,
        order_status: OrderStatus | None = None,
        client_order_id: str = "",
        order_id: int = 0,
        from_ns: int = 0,
        to_ns: int = 0,
        most: int = 100,
        min_seq: int | None = None,
    ) -> Query[tuple[q.OrderRow, ...]]:
        """The last orders of an account, the newest first.

        Args:
            account: The client's where not given.
            instrument: Its id or symbol; 0 is all.
            order_status: Only orders that are this now.
            client_order_id: Only the order of this id.
            order_id: Only this one; 0 is all.
            from_ns: Entered at that journaled time or later, ns.
            to_ns: Entered before that, ns; 0 is now.
            min_seq: The journal sequence that the reply must have seen.
            most: How many at most; the replica remembers 10,000 of an account.
        """
        request = q.OrderHistoryRequest(
            account=self._of(account),
            instrument_id=self._instrument(instrument),
            order_status=order_status,
            client_order_id=client_order_id,
            order_id=order_id,
            from_ns=from_ns,
            to_ns=to_ns,
            limit=most,
        )
        return _history(request, most, min_seq)

    def order(
        self,
        order: int | str,
        *,
        account: int | None = None,
        min_seq: int | None = None,
    ) -> Query[q.OrderRow | None]:
        """The order of this order_id or client order id, live or not; None where the replica knows none."""
        request = q.OrderHistoryRequest(
            account=self._of(account),
            limit=1,
            client_order_id=order if isinstance(order, str) else "",
            order_id=0 if isinstance(order, str) else order,
        )
        history = _history(request, 1, min_seq)

        async def run(asker: Asker, timeout_ms: int | None) -> q.OrderRow | None:
            rows = await history.run(asker, timeout_ms)
            return rows[0] if rows else None

        return Query(run)

    def balances(
        self, *, account: int | None = None, min_seq: int | None = None
    ) -> Query[tuple[q.BalanceRow, ...]]:
        """All balances of an account, by asset."""
        return self._one(
            q.BalancesRequest(account=self._of(account)), q.BalancesReply, min_seq, lambda r: r.balances
        )

    def reservations(
        self, *, account: int | None = None, asset: int | str | None = None, min_seq: int | None = None
    ) -> Query[tuple[q.ReservationRow, ...]]:
        """What of an account is held, for orders and by reserve commands."""
        which = None if asset is None else self._directory.asset_id(asset)
        request = q.ReservationsRequest(account=self._of(account), asset=which)
        return self._one(request, q.ReservationsReply, min_seq, lambda reply: reply.reservations)

    def positions(
        self, *, account: int | None = None, min_seq: int | None = None
    ) -> Query[tuple[q.PositionRow, ...]]:
        """All positions of an account, by instrument."""
        return self._one(
            q.PositionsRequest(account=self._of(account)), q.PositionsReply, min_seq, lambda r: r.positions
        )

    def limits(
        self, *, account: int | None = None, instrument: int | str = 0, min_seq: int | None = None
    ) -> Query[tuple[q.LimitRow, ...]]:
        """The limits that bind an account."""
        request = q.LimitsRequest(account=self._of(account), instrument_id=self._instrument(instrument))
        return self._one(request, q.LimitsReply, min_seq, lambda reply: reply.limits)

    def top(self, instrument: int | str, *, min_seq: int | None = None) -> Query[q.BookTopReply]:
        """The best of both sides of a book (L1)."""
        request = q.BookTopRequest(instrument_id=self._instrument(instrument))
        return self._one(request, q.BookTopReply, min_seq, lambda reply: reply)

    def book(
        self, instrument: int | str, depth: int = 10, *, min_seq: int | None = None
    ) -> Query[q.BookLevelsReply]:
        """The levels of a book, best first (L2); depth 0 is all."""
        request = q.BookLevelsRequest(instrument_id=self._instrument(instrument), depth=depth)
        return self._one(request, q.BookLevelsReply, min_seq, lambda reply: reply)

    def book_orders(
        self, instrument: int | str, most: int = 0, *, min_seq: int | None = None
    ) -> Query[q.BookOrdersReply]:
        """The displayed orders of a book, best first, then by time (L3); `most` of a side, 0 is all."""
        request = q.BookOrdersRequest(instrument_id=self._instrument(instrument), limit=most)
        return self._one(request, q.BookOrdersReply, min_seq, lambda reply: reply)

    def trades(
        self,
        *,
        instrument: int | str = 0,
        account: int = 0,
        most: int = 100,
        min_seq: int | None = None,
    ) -> Query[tuple[q.TradeRow, ...]]:
        """The last trades, the newest first; of an account with its side of each."""
        request = q.TradesRequest(instrument_id=self._instrument(instrument), account=account, limit=most)
        return pages(
            request, q.TradesReply, lambda reply: reply.trades, lambda row: row.trade_id, min_seq, most
        )

    def instruments(self, *, min_seq: int | None = None) -> Query[q.InstrumentsReply]:
        """All instruments and assets. The client knows them from then on, by symbol and with their scales."""

        async def run(asker: Asker, timeout_ms: int | None) -> q.InstrumentsReply:
            reply = checked(
                q.InstrumentsReply,
                await asker.ask(seeing(q.InstrumentsRequest(), asker, min_seq), timeout_ms),
            )
            self._learn(reply)
            return reply

        return Query(run)

    def accounts(self, account: int = 0, *, min_seq: int | None = None) -> Query[tuple[q.AccountRow, ...]]:
        """An account, or all of the tenant's (0), by account."""
        request = q.AccountsRequest(account=account)
        return pages(request, q.AccountsReply, lambda reply: reply.accounts, lambda row: row.account, min_seq)

    def status(self, *, with_hash: bool = False, min_seq: int | None = None) -> Query[q.StatusReply]:
        """How the exchange is.

        Args:
            with_hash: Also the hash of its whole state, which takes the replica time that grows with it.
            min_seq: The journal sequence that the reply must have seen.
        """
        return self._one(q.StatusRequest(with_hash=with_hash), q.StatusReply, min_seq, lambda reply: reply)

    def past_orders(
        self, *, order_status: OrderStatus | None = None, **narrowed: Unpack[PastFilter]
    ) -> Query[tuple[q.HistoryOrderRow, ...]]:
        """Orders of the history, which has every order there ever was, the newest first.

        Args:
            order_status: Only orders that are this now.
            narrowed: See `PastFilter`; times are those of entering, the key is `entered_sequence`.
        """
        request = q.HistoryOrdersRequest(order_status=order_status, **self._narrowed(narrowed))
        return self._past(
            request, q.HistoryOrdersReply, lambda r: r.orders, lambda row: row.entered_sequence, narrowed
        )

    def past_executions(
        self, *, trade_id: int = 0, liquidity: Liquidity | None = None, **narrowed: Unpack[PastFilter]
    ) -> Query[tuple[q.HistoryExecutionRow, ...]]:
        """Executions of the history, one side of a trade each, the newest first.

        Args:
            trade_id: Only of this trade; 0 is all.
            liquidity: Only makers, takers, or those of an auction.
            narrowed: See `PastFilter`; the key is `exec_id`.
        """
        request = q.HistoryExecutionsRequest(
            trade_id=trade_id, liquidity=liquidity, **self._narrowed(narrowed)
        )
        return self._past(
            request, q.HistoryExecutionsReply, lambda r: r.executions, lambda row: row.exec_id, narrowed
        )

    def settlements(
        self,
        *,
        trade_id: int = 0,
        account: int = 0,
        status: SettlementStatus | None = None,
        oldest_first: bool = False,
        after: int = 0,
        most: int | None = _PAST_MOST,
        min_seq: int = 0,
    ) -> Query[tuple[q.SettlementRow, ...]]:
        """Trades with their fees, and whether they are settled, the newest first.

        Args:
            trade_id: Only this one; 0 is all.
            account: Only where it is the buyer or the seller; 0 is all that the caller may see.
            status: PENDING or SETTLED; None is both.
            oldest_first: The other way round.
            after: The trade that is known already.
            most: How many at most (100); None is all.
            min_seq: The journal sequence whose trades must have been taken.
        """
        request = q.SettlementsRequest(
            trade_id=trade_id, account=account, status=status, oldest_first=oldest_first, after=after,
            limit=most or 0,
        )  # fmt: skip
        return pages(
            request,
            q.SettlementsReply,
            lambda reply: reply.settlements,
            lambda row: row.trade_id,
            min_seq,
            most,
        )

    def settlement_progress(self, *, min_seq: int = 0) -> Query[q.SettlementsReply]:
        """How far settlement is: the last trade that it has taken, and the last that is posted; no rows.

        Args:
            min_seq: The journal sequence whose trades must have been taken.
        """
        return self._one(
            q.SettlementsRequest(limit=1), q.SettlementsReply, min_seq, lambda r: replace(r, settlements=())
        )

    def _narrowed(self, said: PastFilter) -> dict[str, Any]:
        """As fields of a request. A symbol that is not known here is the history's to look up."""
        fields: dict[str, Any] = {name: value for name, value in said.items() if name in _OF_REQUEST}
        instrument = said.get("instrument", 0)
        if isinstance(instrument, str) and not self._directory.knows(instrument):
            fields["symbol"] = instrument
        else:
            fields["instrument_id"] = self._instrument(instrument)
        return fields | {"limit": said.get("most", _PAST_MOST) or 0}

    def _past(
        self,
        request: q.HistoryRequest,
        kind: type[PastT],
        rows: Callable[[PastT], tuple[RowT, ...]],
        key: Callable[[RowT], int],
        said: PastFilter,
    ) -> Query[tuple[RowT, ...]]:
        """All pages. What rows name, the client knows from then on."""

        def learned(reply: PastT) -> tuple[RowT, ...]:
            self._learn(reply)
            return rows(reply)

        return pages(request, kind, learned, key, said.get("min_seq", 0), said.get("most", _PAST_MOST))

    def _one(
        self,
        request: q.Request,
        kind: type[ReplyT],
        min_seq: int | None,
        read: Callable[[ReplyT], T],
    ) -> Query[T]:
        async def run(asker: Asker, timeout_ms: int | None) -> T:
            return read(checked(kind, await asker.ask(seeing(request, asker, min_seq), timeout_ms)))

        return Query(run)

    def _of(self, account: int | None) -> int:
        if account is None:
            account = self._account
        if account is None:
            raise TypeError("account is needed: give it here, or to connect()")
        return account

    def _instrument(self, instrument: int | str) -> int:
        return self._directory.instrument_id(instrument)

    def _learn(self, reply: q.InstrumentsReply | q.HistoryReply) -> None:
        for asset in reply.assets:
            self._directory.add(Asset(asset.asset, asset.symbol, asset.scale))
        for row in reply.instruments:
            self._directory.add(
                Instrument(
                    row.instrument_id,
                    row.symbol,
                    row.base,
                    row.quote,
                    row.price_scale,
                    row.qty_scale,
                    row.tick_step,
                    row.lot_step,
                )
            )


def _history(request: q.OrderHistoryRequest, most: int, min_seq: int | None) -> Query[tuple[q.OrderRow, ...]]:
    kind = q.OrderHistoryReply
    return pages(request, kind, lambda reply: reply.orders, lambda row: row.order_id, min_seq, most)


async def open_orders(
    asker: Asker, request: q.OpenOrdersRequest, min_seq: int | None, timeout_ms: int | None
) -> tuple[tuple[q.OrderRow, ...], int]:
    """All live orders of an account, and the journal sequence as of which."""
    return await paged(
        asker,
        request,
        q.OpenOrdersReply,
        lambda reply: reply.orders,
        lambda row: row.order_id,
        min_seq,
        timeout_ms,
    )
