"""Who asks a query, and what of the exchange that caller may see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from exchange.errors import RpcError, RpcStatus

OPERATOR = 0  # the tenant that may see all others


class Tenants(Protocol):
    """What knows whose an account is."""

    def tenant_of(self, account: int) -> int | None:
        """The tenant of an account; None where it is not open."""
        ...


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks.

    Args:
        tenant: Number of the tenant; `OPERATOR` sees all.
        accounts: The accounts that the caller may use; empty stands for all of the tenant's.
    """

    tenant: int
    accounts: frozenset[int] = frozenset()

    @classmethod
    def of_tenant(cls, tenant_id: str, accounts: frozenset[int] = frozenset()) -> Caller:
        """The caller that the header `x-tenant-id` names, by number.

        Raises:
            RpcError: it is no number of a tenant.
        """
        if not (tenant_id.isascii() and tenant_id.isdigit() and int(tenant_id) < 2**32):
            raise RpcError(RpcStatus.UNAUTHENTICATED, "x-tenant-id has to be the number of a tenant")
        return cls(int(tenant_id), accounts)

    def sees(self, tenants: Tenants, account: int) -> bool:
        """Whether the account exists and is the caller's to look at."""
        owner = tenants.tenant_of(account)
        if owner is None or (self.accounts and account not in self.accounts):
            return False
        return self.tenant in (OPERATOR, owner)

    def require(self, tenants: Tenants, account: int) -> None:
        """Sees to it that the caller may look at an account.

        Raises:
            RpcError: it is not open or somebody else's: the answer is the same, so that nothing leaks.
        """
        if not self.sees(tenants, account):
            raise RpcError(RpcStatus.NOT_FOUND, f"account {account} is not known")


def page(limit: int, most: int) -> int:
    """How many rows a caller gets who asked for `limit` of them (0: as many as there may be)."""
    return most if limit == 0 else min(limit, most)
