"""IdentityService, put together: by a process of its own, or within the only gateway."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, Protocol

from exchange.bus.log.interface import EventLog
from exchange.bus.rpc import serve_unary
from exchange.bus.topics import TopicTable
from exchange.config.settings import Settings
from exchange.domain import contracts as rpc
from exchange.domain.contracts import identity as m
from exchange.resilience import Policies
from exchange.runtime.auditing import ProcessAudit, key_store
from exchange.runtime.chores import chores
from exchange.runtime.outbox import go_on
from exchange.runtime.priority import go_realtime
from exchange.runtime.vitals import Families
from exchange.security.sealing import Sealer
from exchange.services.identity.api_keys import ApiKeys
from exchange.services.identity.behalf import Behalf
from exchange.services.identity.desk import Desk, answering
from exchange.services.identity.guard import Guard
from exchange.services.identity.issuer import OtherIssuer
from exchange.services.identity.own_keys import OwnKeys
from exchange.services.identity.passwords import HashWorkers
from exchange.services.identity.replay import Keyring, SignedRequests
from exchange.services.identity.sessions import Sessions
from exchange.services.identity.signing_in import SigningIn
from exchange.services.identity.store import CHANGES, NAME, IdentityStore
from exchange.services.identity.tally import Tally
from exchange.services.identity.tenant_users import TenantUsers
from exchange.services.identity.throttle import LoginThrottle
from exchange.services.identity.tokens import OwnTokens, SigningKeys
from exchange.services.identity.users import Users
from exchange.storage.sql import Store

_S_MS = 1_000


class Ground(Protocol):
    """What identity stands on: `exchange.runtime.service_host.Ground` is one."""

    @property
    def store(self) -> Store:
        """Of the service."""
        ...

    @property
    def event_log(self) -> EventLog:
        """Where changes are told."""
        ...

    @property
    def topics(self) -> TopicTable:
        """The table."""
        ...

    @property
    def settings(self) -> Settings:
        """Of the exchange."""
        ...

    @property
    def policies(self) -> Policies:
        """Of this process."""
        ...

    @property
    def audit(self) -> ProcessAudit:
        """Where who changed what is recorded."""
        ...

    @property
    def tells(self) -> Callable[[Families], None]:
        """Takes metrics that this process is to tell."""
        ...


class Identity(NamedTuple):
    """What runs.

    Args:
        methods: Of IdentityService, by name.
        signed: Says whose a signed request is, as `authenticate` does, and waits for nothing: for who is in
            the same process and event loop.
    """

    methods: Mapping[str, Any]
    signed: Callable[[m.SignedRequest, str], m.AuthenticateReply]


@asynccontextmanager
async def serve(ground: Ground) -> AsyncIterator[Mapping[str, Any]]:
    """The methods, for as long as the block lasts, in a process of its own.

    Raises:
        ExchangeError: The store cannot be had.
    """
    async with running(ground) as identity:
        go_realtime(ground.settings.gateway.realtime_priority, "gateway.realtime_priority")
        yield identity.methods


@asynccontextmanager
async def running(ground: Ground) -> AsyncIterator[Identity]:
    """Runs it for as long as the block lasts.

    Raises:
        ExchangeError: The store cannot be had.
    """
    settings = ground.settings.identity
    began_ms = time.time_ns() // 1_000_000
    await asyncio.to_thread(go_on, ground.store, ground.event_log, ground.topics.full_name(CHANGES))
    store = IdentityStore(ground.store, Sealer(key_store(ground.settings).directory), ground.topics)
    keys, users, signing = ApiKeys(store), Users(store), SigningKeys(store)
    demo_user = ground.settings.gateway.demo_user
    lasts = (settings.session_idle_s * _S_MS, settings.session_s * _S_MS)
    sessions = Sessions(store, *lasts, demo_user)
    keyring = Keyring(keys)
    own = OwnTokens(f"{NAME}.{ground.settings.events.environment}", settings.audience)
    foreign = (settings.issuer, settings.jwks, settings.audience, settings.algorithm)
    policy = ground.policies.of("identity", "issuer")
    other = OtherIssuer(*foreign, policy) if settings.issuer else None
    signed = SignedRequests(keyring, began_ms, store.now_ms)
    guard = Guard(store, keyring, signed, sessions, signing, own, other)
    workers = HashWorkers(settings.hash_workers)
    throttle = LoginThrottle(lambda: time.monotonic_ns() // 1_000_000)
    await asyncio.to_thread(guard.look)
    signing_in = SigningIn(users, sessions, workers, throttle, demo_user)
    behalf = Behalf(store, users, sessions, keys, ground.audit)
    tally = Tally(keyring, workers, throttle)
    ground.tells(tally.families)
    desk = Desk(behalf, guard, own, workers, signing_in, tally)
    own_keys, tenant_users = OwnKeys(behalf, guard), TenantUsers(behalf, workers)
    try:
        async with chores(guard.keep(tally)):
            methods = {
                **serve_unary(rpc.AUTHENTICATE, desk.authenticate),
                **serve_unary(rpc.GET_STANDING, desk.standing),
                **serve_unary(rpc.OPEN_SESSION, answering(m.SessionReply, desk.open_session)),
                **serve_unary(rpc.GET_SESSION, answering(m.SessionReply, desk.get_session)),
                **serve_unary(rpc.LIST_SESSIONS, answering(m.SessionsReply, desk.list_sessions)),
                **serve_unary(rpc.END_SESSION, answering(m.IdentityDone, desk.end_session)),
                **serve_unary(rpc.CHANGE_PASSWORD, answering(m.IdentityDone, desk.change_password)),
                **serve_unary(rpc.ISSUE_TOKEN, answering(m.TokenReply, desk.issue_token)),
                **serve_unary(rpc.GET_SIGNING_KEYS, desk.signing_keys),
                **serve_unary(rpc.LIST_API_KEYS, answering(m.ApiKeysReply, own_keys.list_api_keys)),
                **serve_unary(rpc.CREATE_API_KEY, answering(m.ApiKeyReply, own_keys.create_api_key)),
                **serve_unary(rpc.ROTATE_API_KEY, answering(m.ApiKeyReply, own_keys.rotate_api_key)),
                **serve_unary(rpc.REVOKE_API_KEY, answering(m.ApiKeyReply, own_keys.revoke_api_key)),
                **serve_unary(rpc.LIST_USERS, answering(m.ListUsersReply, tenant_users.list_users)),
                **serve_unary(rpc.CREATE_USER, answering(m.UserReply, tenant_users.create_user)),
            }
            yield Identity(methods, desk.signed)
    finally:
        workers.close()
