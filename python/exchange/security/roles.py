"""Who may do what: permissions, the roles that have them, our own processes, and the rule of every method.

One page, four tables. What has no rule nobody may call; a role that is not here nobody can have.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

from exchange.errors import SecurityError, SecurityFault


class Permission(StrEnum):
    """What can be allowed."""

    READ_MARKET = "read_market"  # books, trades, instruments: the same for all who may look
    READ_ACCOUNTS = "read_accounts"  # what the tenant's own accounts have and do
    READ_STATUS = "read_status"  # how the exchange is
    TRADE = "trade"  # orders, cancels, transfers between the tenant's own accounts
    ADMINISTER = "administer"  # instruments, accounts, money, limits, switches, promotion
    SNAPSHOT = "snapshot"  # have the replica take one now
    FOLLOW = "follow"  # the journal, snapshots to begin with, the event log
    MATCH = "match"  # what a shard made of the instruments assigned to it
    JUDGE = "judge"  # verdicts on proposed orders
    IDENTIFY = "identify"  # whose a request at the gateway is, and what its user asks of identity


_READ: Final = frozenset({Permission.READ_MARKET, Permission.READ_ACCOUNTS, Permission.READ_STATUS})

ROLES: Final[Mapping[str, frozenset[Permission]]] = {
    "read": _READ,
    "trade": _READ | {Permission.TRADE},
    "admin": _READ | {Permission.ADMINISTER, Permission.SNAPSHOT, Permission.FOLLOW},
    "follow": frozenset({Permission.FOLLOW}),
    "shard": frozenset({Permission.MATCH}),
    "stage": frozenset({Permission.JUDGE}),
    "door": frozenset({Permission.IDENTIFY}),
    # Whoever reaches a socket in the private directory runs as our own user, who may read every file anyway.
    # No key has it.
    "service": frozenset(Permission),
}
LOCAL_ROLE: Final = "service"
# What they allow is not of one tenant: no key of a tenant's has them.
OPERATOR_ROLES: Final = frozenset({"admin", "follow", "shard", "stage", "door"})
OPERATOR_TENANT: Final = "0"

# Our own processes, and what each may do where keys protect the way to others. The rest need no key.
SERVICE_ACCOUNTS: Final[Mapping[str, frozenset[str]]] = {
    "shard": frozenset({"shard"}),
    "accounts": frozenset({"stage"}),
    "risk": frozenset({"stage"}),
    "standby": frozenset({"follow"}),
    "marketdata": frozenset({"read"}),
    "marketquery": frozenset({"read"}),
    "marks": frozenset({"admin"}),
    "gateway": frozenset({"trade", "door"}),
    "history": frozenset({"read"}),
    "admin": frozenset({"admin"}),
    "settlement": frozenset({"admin"}),
}

# What a call of a method needs. The order socket has no methods: there the core looks at the same roles.
RULES: Final[Mapping[str, Permission]] = {
    "orders.OpenOrdersRequest": Permission.READ_ACCOUNTS,
    "orders.OrderHistoryRequest": Permission.READ_ACCOUNTS,
    "orders.StatusRequest": Permission.READ_STATUS,
    "accounts.BalancesRequest": Permission.READ_ACCOUNTS,
    "accounts.ReservationsRequest": Permission.READ_ACCOUNTS,
    "accounts.AccountsRequest": Permission.READ_ACCOUNTS,
    "risk.PositionsRequest": Permission.READ_ACCOUNTS,
    "risk.LimitsRequest": Permission.READ_ACCOUNTS,
    "matching.BookTopRequest": Permission.READ_MARKET,
    "matching.BookLevelsRequest": Permission.READ_MARKET,
    "matching.BookOrdersRequest": Permission.READ_MARKET,
    "matching.TradesRequest": Permission.READ_MARKET,
    "matching.InstrumentsRequest": Permission.READ_MARKET,
    "history.HistoryOrdersRequest": Permission.READ_ACCOUNTS,
    "history.HistoryExecutionsRequest": Permission.READ_ACCOUNTS,
    "marketdata.MarketTradesRequest": Permission.READ_MARKET,
    "marketdata.MarketCandlesRequest": Permission.READ_MARKET,
    "marketdata.MarketTickersRequest": Permission.READ_MARKET,
    "MarketDataService.GetSnapshot": Permission.READ_MARKET,
    "MarketDataService.GetHistory": Permission.READ_MARKET,
    "MarketDataService.StreamTicks": Permission.READ_MARKET,
    "TickService.StreamTickRuns": Permission.READ_MARKET,
    "settlement.SettlementsRequest": Permission.READ_ACCOUNTS,
    "admin.AdminChangesRequest": Permission.ADMINISTER,
    "AdminService.UpsertInstrument": Permission.ADMINISTER,
    "AdminService.ListInstruments": Permission.READ_MARKET,
    "AdminService.UpsertTenant": Permission.ADMINISTER,
    "AdminService.ListTenants": Permission.ADMINISTER,
    "AdminService.SetLimits": Permission.ADMINISTER,
    "AdminService.GetLimits": Permission.READ_ACCOUNTS,
    "Operator.OpenAccount": Permission.ADMINISTER,
    "Operator.SetFees": Permission.ADMINISTER,
    "Operator.SetKillSwitch": Permission.ADMINISTER,
    "Operator.UpsertFeeSchedule": Permission.ADMINISTER,
    "Operator.ListFeeSchedules": Permission.ADMINISTER,
    "Operator.UpsertProvider": Permission.ADMINISTER,
    "Operator.ListProviders": Permission.ADMINISTER,
    "Operator.Explain": Permission.ADMINISTER,
    **{
        f"IdentityService.{name}": Permission.IDENTIFY
        for name in (
            "Authenticate",
            "GetStanding",
            "OpenSession",
            "GetSession",
            "ListSessions",
            "EndSession",
            "ChangePassword",
            "IssueToken",
            "GetSigningKeys",
            "ListApiKeys",
            "CreateApiKey",
            "RotateApiKey",
            "RevokeApiKey",
            "ListUsers",
            "CreateUser",
        )
    },
    "BookService.GetOrderBook": Permission.READ_MARKET,
    "BookService.StreamOrderBook": Permission.READ_MARKET,
    "PriceService.GetMarkPrice": Permission.READ_MARKET,
    "replica.snapshot": Permission.SNAPSHOT,
    "replica.journal": Permission.FOLLOW,
    "EventLogService.TailEvents": Permission.FOLLOW,
    "replica.snapshot_file": Permission.FOLLOW,
}


def permissions_of(roles: Iterable[str]) -> frozenset[Permission]:
    """All that some roles may do; a role that is not in the table may do nothing."""
    return frozenset().union(*(ROLES.get(role, frozenset()) for role in roles))


def authorize(method: str, permissions: frozenset[Permission]) -> None:
    """See that a caller with these permissions may call a method.

    Raises:
        SecurityError: NO_RULE: nobody may; NOT_PERMITTED: this one may not.
    """
    rule = RULES.get(method)
    if rule is None:
        raise SecurityError(f"{method} has no rule", SecurityFault.NO_RULE)
    if rule not in permissions:
        raise SecurityError(f"{method} needs the permission {rule}", SecurityFault.NOT_PERMITTED)


def check_roles(roles: Iterable[str], tenant: str) -> None:
    """See that all of them are roles that a key of a tenant may have.

    Raises:
        SecurityError: UNKNOWN_ROLE; NOT_PERMITTED: one is an operator's alone.
    """
    for role in roles:
        if role not in ROLES or role == LOCAL_ROLE:
            expected = ", ".join(each for each in ROLES if each != LOCAL_ROLE)
            raise SecurityError(
                f"there is no role {role!r} for a key: expected {expected}", SecurityFault.UNKNOWN_ROLE
            )
        if role in OPERATOR_ROLES and tenant != OPERATOR_TENANT:
            raise SecurityError(
                f"the role {role} is an operator's: it needs tenant 0, not {tenant}",
                SecurityFault.NOT_PERMITTED,
            )


def service_of(process: str) -> str | None:
    """The service account of a process by its name, as in `shard-1`; None where it has none."""
    name, _, number = process.partition("-")
    known = name in SERVICE_ACCOUNTS and (not number or number.isdecimal())
    return name if known else None
