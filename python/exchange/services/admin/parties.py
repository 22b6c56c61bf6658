"""Accounts, their limits, and kill switches."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from exchange.bus.rpc import Call
from exchange.domain.contracts.admin import (
    AccountRecord,
    GetLimitsRequest,
    KillSwitch,
    LimitSet,
    OpenAccountRequest,
    SetKillSwitchRequest,
    SetLimitsRequest,
)
from exchange.domain.enums import Scope
from exchange.errors import RpcError, RpcStatus
from exchange.runtime.caller import OPERATOR, Caller
from exchange.services.admin.changing import VENUE, scope_id
from exchange.services.admin.core_link import Make
from exchange.services.admin.desk import Desk, check_version
from exchange.services.admin.limits import keywords_of, limits_of
from exchange.services.admin.store import Entity, before_of, entities_of, entity_of

_TRIES: Final = 3


class Parties:
    """Accounts, limits and switches, for a desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def open_account(self, request: OpenAccountRequest, call: Call) -> AccountRecord:
        """Opens one.

        Raises:
            RpcError: As the core's reject.
        """
        wanted = request.record or AccountRecord()
        tenant = number_of("tenantId", wanted.tenant_id)
        async with self._desk.turn:
            await self._desk.command(
                call,
                request.reason,
                lambda of: (
                    lambda make: make.open_account(
                        wanted.account, tenant=tenant, parent=wanted.parent, correlation_id=of
                    )
                ),
            )
        there = await self._account(wanted.account)
        return AccountRecord(
            account=wanted.account,
            tenant_id=str(tenant),
            parent=wanted.parent,
            version=there.version if there else 0,
        )

    async def get_limits(self, request: GetLimitsRequest, call: Call) -> LimitSet:
        """What is set in a scope; what is not set there is inherited.

        Raises:
            RpcError: NOT_FOUND, UNIMPLEMENTED.
        """
        asked = LimitSet(tenant_id=request.tenant_id, user_id=request.user_id, account=request.account)
        caller = Caller.of_tenant(call.metadata.tenant_id)
        await self._desk.patiently(lambda: self._check(asked, caller))
        return limits_of(asked, await self._limits(asked))

    async def set_limits(self, request: SetLimitsRequest, call: Call) -> LimitSet:
        """Sets the four; the other limits that the core has in that scope stay.

        Raises:
            RpcError: As the core's reject; ABORTED, NOT_FOUND, UNIMPLEMENTED.
        """
        wanted = request.limits or LimitSet()
        await self._desk.patiently(lambda: self._check(wanted, Caller(OPERATOR)))
        async with self._desk.turn:
            there = await self._limits(wanted)
            check_version(wanted.version, there.version if there else 0)
            base = expected = there.body if there else {}
            for _ in range(_TRIES):
                sent = keywords_of(wanted, base)
                make = partial(_set_limits, wanted.account, sent)
                sequence = await self._desk.command(call, request.reason, make)
                before = await self._desk.see(partial(before_of, sequence=sequence))
                if before == expected:
                    break
                base, expected = before, sent  # others were set in between, and lifted by this: once more
            return limits_of(wanted, await self._limits(wanted))

    async def set_kill_switch(self, request: SetKillSwitchRequest, call: Call) -> KillSwitch:
        """Throws a switch, or takes it back.

        Raises:
            RpcError: As the core's reject; INVALID_ARGUMENT, NOT_FOUND.
        """
        wanted = request.kill_switch or KillSwitch()
        scope = wanted.scope
        if scope is None or (scope is Scope.VENUE) == bool(wanted.target):
            raise RpcError(
                RpcStatus.INVALID_ARGUMENT, "a kill switch is of the venue, or of a target that is named"
            )
        target: dict[str, int] = {}
        if scope is not Scope.VENUE:
            target[str(scope)] = await self._desk.patiently(lambda: self._target(scope, wanted.target))
        async with self._desk.turn:
            await self._desk.command(
                call,
                request.reason,
                lambda of: lambda make: make.kill(scope, on=wanted.on, correlation_id=of, **target),
            )
        about = scope_id(**target) if target else VENUE
        there = await self._desk.see(lambda tx: entity_of(tx, "KillSwitch", about))
        return KillSwitch(
            scope=scope, target=wanted.target, on=wanted.on, version=there.version if there else 0
        )

    async def _target(self, scope: Scope, target: str) -> int:
        if scope is not Scope.INSTRUMENT or target.isdecimal():
            return number_of("target", target)
        found = await self._desk.see(lambda tx: entities_of(tx, "Instrument"))
        for each in found:
            if each.body.get("symbol") == target:
                return int(each.entity_id)
        raise RpcError(RpcStatus.NOT_FOUND, f"there is no instrument {target!r}")

    async def _check(self, limits: LimitSet, caller: Caller) -> None:
        """Sees that the core has limits of such a scope, and that it is the caller's to look at."""
        if limits.user_id:
            raise RpcError(RpcStatus.UNIMPLEMENTED, "the venue has no limits of users: name an account")
        if not limits.account:
            if limits.tenant_id not in ("", str(OPERATOR)):
                raise RpcError(RpcStatus.UNIMPLEMENTED, "the venue has no limits of tenants: name an account")
            return
        there = await self._account(limits.account)
        mine = there is not None and caller.tenant in (OPERATOR, there.body["tenant"])
        if there is None or not mine or limits.tenant_id not in ("", str(there.body["tenant"])):
            raise RpcError(RpcStatus.NOT_FOUND, f"account {limits.account} is not known")

    async def _account(self, account: int) -> Entity | None:
        return await self._desk.see(lambda tx: entity_of(tx, "Account", str(account)))

    async def _limits(self, of: LimitSet) -> Entity | None:
        about = scope_id(account=of.account)
        return await self._desk.see(lambda tx: entity_of(tx, "Limits", about))


def _set_limits(account: int, keywords: dict[str, Any], correlation_id: str) -> Make:
    return lambda make: make.set_limits(account=account, correlation_id=correlation_id, **keywords)


def number_of(name: str, text: str) -> int:
    """A number as the core has it.

    Raises:
        RpcError: INVALID_ARGUMENT: it is none.
    """
    if not (text.isascii() and text.isdigit()):
        raise RpcError(RpcStatus.INVALID_ARGUMENT, f"{name} is {text!r}: expected a number")
    return int(text)
