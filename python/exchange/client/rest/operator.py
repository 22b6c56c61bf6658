"""What operators see and do over HTTP, as types."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from exchange.client.rest.models import Account, Asked, Told

SwitchScope = Literal["venue", "tenant", "account", "instrument"]
Severity = Literal["critical", "warning"]
_Symbol = Annotated[str, Meta(min_length=1, max_length=16)]
_Why = Annotated[str, Meta(min_length=1, max_length=200)]
_Tenant = Annotated[int, Meta(ge=1, le=2**31 - 1)]


class DeadLettersQuery(Asked):
    """Which dead letters: open ones, so many of each service."""

    limit: Annotated[int, Meta(ge=1, le=100)] = 50


class SetQuery(Asked):
    """As of when: who threw a switch reads it with the sequence of the answer."""

    min_sequence: Annotated[int, Meta(ge=0, le=2**63 - 1)] = 0


class ThrowSwitch(Asked):
    """A kill switch to throw, or to take back. The scope says which of the three names its target."""

    scope: SwitchScope
    on: bool
    why: _Why
    tenant: _Tenant | None = None
    account: Account | None = None
    symbol: _Symbol | None = None


class Process(Told):
    """One process of the exchange; null: not known. `needs` has how each thing that it needs is."""

    name: str
    services: list[str]
    pid: int | None
    state: str
    uptime_s: int | None
    cpu_percent: float | None
    memory_bytes: int | None
    restarts: int | None
    lag: int | None
    needs: dict[str, str]


class Processes(Told):
    """All of them."""

    processes: list[Process]


class Follower(Told):
    """Somebody who reads what the core writes, and how far behind that is; null: not known."""

    name: str
    lag: int | None
    state: str


class Followers(Told):
    """All of them, the farthest behind first, and how far the journal is."""

    followers: list[Follower]
    written: str
    durable: str


class Bucket(Told):
    """How many took so long at most, and longer than the bucket before."""

    up_to_ns: str
    count: int


class Timing(Told):
    """How long a stage took for the batches of the last seconds, and how those are spread."""

    name: str
    count: int
    p50_ns: str
    p90_ns: str
    p99_ns: str
    p999_ns: str
    max_ns: str
    buckets: list[Bucket]


class OperatorMetrics(Told):
    """What the core did in the last `seconds`; `perSecond` are rates, `now` what there is."""

    seconds: float
    per_second: dict[str, float]
    now: dict[str, int]
    timings: list[Timing]


class DeadLetter(Told):
    """An event that a service could not take."""

    letter: str
    service: str
    status: str
    reason: str
    error: str
    event_type: str
    entity: str
    tenant: str
    attempts: int
    failed_at: str


class DeadLetterList(Told):
    """Those that are open."""

    letters: list[DeadLetter]


class AuditCheck(Told):
    """One thing that an audit compared: what, and what is wrong with it; of many alike the first ones."""

    name: str
    good: bool
    says: str
    wrong: list[str]
    count: int


class LastAudit(Told):
    """What the last audit found; where `error` is not empty it has no result."""

    began_at: str
    seconds: float
    who: str
    good: bool
    error: str
    commands: int
    trades: int
    state_hash: str
    checks: list[AuditCheck]


class AuditState(Told):
    """Whether an audit runs, and the last one; null: there was none yet."""

    running: bool
    last: LastAudit | None


class AuditStarted(Told):
    """Whether an audit was begun; not where one runs already."""

    started: bool


class Alert(Told):
    """Something that is not well now, in words, and when that began, or was first seen."""

    severity: Severity
    about: str
    says: str
    since: str = ""


class Alerts(Told):
    """All of them, the worst first; none: all is well."""

    alerts: list[Alert]


class SetByOperator(Told):
    """What was set for a scope last (`venue`, `account/11`, `instrument/7`), by whom and why."""

    scope: str
    symbol: str | None
    values: dict[str, Any]
    who: str
    why: str
    set_at: str


class SetByOperators(Told):
    """By scope."""

    rows: list[SetByOperator]


class SwitchThrown(Told):
    """A switch is as was asked."""

    scope: str
    target: str
    on: bool
    sequence: str
    timestamp: str
