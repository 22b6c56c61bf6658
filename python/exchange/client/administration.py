"""Requests of operators, made of keywords: assets, instruments, accounts, money, limits, switches."""

from __future__ import annotations

from typing import Any, Final

from exchange.client.instruments import Amount
from exchange.client.ledger import LedgerRequests
from exchange.client.listing import ListingRequests
from exchange.client.requests import Request, number_of, whole
from exchange.client.results import AdminAnswer
from exchange.domain.enums import AdminAction, CommandList, LimitField, Scope

_NS_A_S: Final = 1_000_000_000


class AdminRequests(ListingRequests, LedgerRequests):
    """All requests of operators: of instruments, of the ledger, of accounts, limits and switches."""

    def open_account(
        self, account: int, *, tenant: int, parent: int = 0, correlation_id: str | None = None
    ) -> Request[AdminAnswer]:
        """Open an account of a tenant, or a sub-account of `parent`. The same again is done again."""
        return self._admin(
            AdminAction.OPEN_ACCOUNT,
            correlation_id,
            account=whole("account", account),
            tenant=whole("tenant", tenant),
            parent=whole("parent", parent),
        )

    def set_limits(
        self,
        *,
        account: int = 0,
        instrument: int | str = 0,
        max_order_qty: Amount | None = None,
        max_order_notional: int | None = None,
        max_open_orders: int | None = None,
        max_position: Amount | None = None,
        max_gross_notional: int | None = None,
        max_net_notional: int | None = None,
        max_daily_loss: int | None = None,
        price_collar: Amount | None = None,
        order_rate: int | None = None,
        rate_interval: int | None = None,
        duplicate_window: int | None = None,
        correlation_id: str | None = None,
    ) -> Request[AdminAnswer]:
        """Replace the limits of a scope: what is not given is lifted there.

        Args:
            account: 0 stands for every account.
            instrument: 0 stands for every instrument; quantities and the collar are then ints, in lots and
                ticks of whichever it is.
            max_order_qty: Of one order.
            max_order_notional: Of one order, in minor units of the quote asset, as are all notionals here.
            max_open_orders: Live orders.
            max_position: Of the position that all live orders could lead to.
            max_gross_notional: Of the position and all live orders.
            max_net_notional: Of the position and the live orders of one side.
            max_daily_loss: Since the UTC day began, in minor units of the quote asset.
            price_collar: How far a limit price may be beyond the reference.
            order_rate: New orders in `rate_interval`.
            rate_interval: ns; a second where it is not given.
            duplicate_window: ns in which the same order may not come again.
            correlation_id: Made where not given.

        Raises:
            ValueError: A decimal of every instrument, or an interval of no rate.
        """
        know = self._directory
        if rate_interval is not None and order_rate is None:
            raise ValueError("rate_interval is of an order_rate, which is not given")
        if instrument == 0:
            _check_whole("lots", max_order_qty=max_order_qty, max_position=max_position)
            _check_whole("ticks", price_collar=price_collar)
        limits = {
            LimitField.ORDER_QTY: (
                "max_order_qty",
                None if max_order_qty is None else know.lots(instrument, max_order_qty),
            ),
            LimitField.ORDER_NOTIONAL: ("max_order_notional", max_order_notional),
            LimitField.OPEN_ORDERS: ("max_open_orders", max_open_orders),
            LimitField.POSITION: (
                "max_position",
                None if max_position is None else know.lots(instrument, max_position),
            ),
            LimitField.GROSS_NOTIONAL: ("max_gross_notional", max_gross_notional),
            LimitField.NET_NOTIONAL: ("max_net_notional", max_net_notional),
            LimitField.DAILY_LOSS: ("max_daily_loss", max_daily_loss),
            LimitField.COLLAR: (
                "price_collar",
                None if price_collar is None else know.ticks(instrument, price_collar),
            ),
            LimitField.ORDER_RATE: ("order_rate", order_rate),
            LimitField.DUPLICATE_WINDOW: ("duplicate_window", duplicate_window),
        }
        given = {name: whole(name, value) for name, value in limits.values() if value is not None}
        if order_rate is not None:
            given["rate_interval"] = whole(
                "rate_interval", _NS_A_S if rate_interval is None else rate_interval
            )
        return self._admin(
            AdminAction.SET_LIMITS,
            correlation_id,
            present=sum(int(bit) for bit, (_, value) in limits.items() if value is not None),
            account=whole("account", account),
            instrument_id=know.instrument_id(instrument),
            **given,
        )

    def kill(
        self,
        scope: Scope | str,
        *,
        on: bool = True,
        tenant: int = 0,
        account: int = 0,
        instrument: int | str = 0,
        correlation_id: str | None = None,
    ) -> Request[AdminAnswer]:
        """Block new orders of a scope and cancel what rests there; or lift it."""
        return self._admin(
            AdminAction.KILL,
            correlation_id,
            scope=number_of(Scope, scope, "scope"),
            flag=int(on),
            tenant=whole("tenant", tenant),
            account=whole("account", account),
            instrument_id=self._directory.instrument_id(instrument),
        )

    def set_countdown(
        self, timeout: int, *, account: int | None = None, correlation_id: str | None = None
    ) -> Request[AdminAnswer]:
        """Cancel all orders of the account `timeout` ns from now unless it is set again; 0 ends it."""
        return self._admin(
            AdminAction.SET_COUNTDOWN,
            correlation_id,
            account=self._of(account),
            timeout=whole("timeout", timeout),
        )

    def set_stage(self, *, away: bool, correlation_id: str | None = None) -> Request[AdminAnswer]:
        """Tell the venue that its matching stage is away, or back."""
        return self._admin(AdminAction.SET_STAGE, correlation_id, flag=int(away))

    def set_collateral(
        self,
        asset: int | str,
        *,
        collateral_asset: int | str,
        mark: int,
        haircut: int,
        correlation_id: str | None = None,
    ) -> Request[AdminAnswer]:
        """Say how an asset counts as collateral.

        Args:
            asset: Its id or symbol.
            collateral_asset: In which it is valued.
            mark: Minor units of that for one whole unit of `asset`.
            haircut: What is taken off, in 1e-9.
            correlation_id: Made where not given.
        """
        return self._admin(
            AdminAction.SET_COLLATERAL,
            correlation_id,
            asset=self._directory.asset_id(asset),
            collateral_asset=self._directory.asset_id(collateral_asset),
            mark=whole("mark", mark),
            haircut=whole("haircut", haircut),
        )

    def set_policy(self, policy: int, *, correlation_id: str | None = None) -> Request[AdminAnswer]:
        """Say which checks orders meet: 0 all, 1 money only, 2 none; the last two are for benchmarks."""
        return self._admin(AdminAction.SET_POLICY, correlation_id, flag=whole("policy", policy))

    def set_solo(self, on: bool, *, correlation_id: str | None = None) -> Request[AdminAnswer]:
        """Let answers leave without a standby, on the disk alone; or (False) wait for one again."""
        return self._admin(AdminAction.SET_SOLO, correlation_id, flag=int(on))

    def set_settlement(self, by_service: bool, *, correlation_id: str | None = None) -> Request[AdminAnswer]:
        """Let a settlement service post trades, with their fees; or (False) post them as they are made."""
        return self._admin(AdminAction.SET_SETTLEMENT, correlation_id, flag=int(by_service))

    def _admin(self, action: AdminAction, correlation_id: str | None, **fields: Any) -> Request[AdminAnswer]:
        fields |= {"kind": int(action), "actor": self._actor}
        return self._request(CommandList.ADMINISTRATION, correlation_id, None, fields)


def _check_whole(unit: str, **amounts: Amount | None) -> None:
    for name, amount in amounts.items():
        if amount is not None and not isinstance(amount, int):
            raise ValueError(
                f"{name} {str(amount)!r} needs an instrument: of every one it is an int, in {unit}, as each"
                f" has {unit} of its own size"
            )
