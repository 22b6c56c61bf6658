"""Accounts, their balances and what is reserved."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceRow:
    """A balance, in minor units."""

    asset: int = 0
    symbol: str = ""
    scale: int = 0
    total: int = 0
    available: int = 0
    reserved: int = 0
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationRow:
    """Money held for an order, or by a reserve command."""

    asset: int = 0
    amount: int = 0
    order_id: int = 0
    reservation_id: int = 0
    expire_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRow:
    """An account."""

    account: int = 0
    tenant: int = 0
    parent: int = 0
    killed: bool = False
    open_orders: int = 0
    countdown_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BalancesRequest:
    """Every balance of an account."""

    min_seq: int = 0
    account: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BalancesReply:
    """Balances, by asset."""

    sequence: int = 0
    balances: tuple[BalanceRow, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationsRequest:
    """What of an account is held; `asset` None is all."""

    min_seq: int = 0
    account: int = 0
    asset: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationsReply:
    """Reservations."""

    sequence: int = 0
    reservations: tuple[ReservationRow, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountsRequest:
    """An account, or all of the caller's tenant."""

    min_seq: int = 0
    account: int = 0
    after: int = 0
    limit: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountsReply:
    """A page of accounts."""

    sequence: int = 0
    accounts: tuple[AccountRow, ...] = ()
    more: bool = False
