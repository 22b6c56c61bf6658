"""Every setting: its type, default, bounds and meaning, in one table, which is these classes.

Sections are frozen dataclasses; a field's metadata has what the type does not say. Units come last in a name.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

_INT64_MAX: Final = 2**63 - 1


class Durability(StrEnum):
    """How safe an order is when it is acknowledged."""

    PROCESS = "process"  # written: survives a crash of the process
    DISK = "disk"  # synchronised: survives a power cut
    REPLICA = "replica"  # synchronised by the standby: survives the machine


def _setting(default: Any, meaning: str, *bounds: int, secret: bool = False, also: str = "") -> Any:
    """A field with what its type does not say; `bounds` are the least and greatest value of a number.

    What may hold a password is `secret`: it is in no `repr`. `also` is the variable that other systems have
    for the same, which counts where ours says nothing.
    """
    metadata = {"meaning": meaning, "bounds": bounds or None, "also": also}
    return field(default=default, repr=not secret, metadata=metadata)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """Where sockets are. Empty: an `ipc` socket in the private directory `run` of the data directory."""

    orders: str = _setting("", "The core: orders, cancels, administration; `ipc://…`, or `tcp://…` with keys")
    queries: str = _setting("", "The read replica; `ipc://…`, or `tcp://…` with keys")
    history: str = _setting("", "The order history; `ipc://…`, or `tcp://…` with keys")
    marketdata: str = _setting("", "Market data; `ipc://…`, or `tcp://…` with keys")
    admin: str = _setting("", "Administration; `ipc://…`, or `tcp://…` with keys")
    settlement: str = _setting("", "Settlements of trades; `ipc://…`, or `tcp://…` with keys")
    identity: str = _setting("", "Identity, of several gateways; `ipc://…`, or `tcp://…` with keys")
    prices: str = _setting(
        "", "HTTP of market data, prices and candles, `host:port`, port 0: a free one; empty: none"
    )
    metrics: str = _setting(
        "127.0.0.1:9464",
        "HTTP for metrics and health of all processes, `host:port`, port 0: a free one; empty: none",
    )
    process_metrics: str = _setting(
        "",
        "HTTP for those of one process that runs by itself (`exchange run`); each also has a socket in `run`",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the core has room for. All of it is reserved when the core starts."""

    accounts: int = _setting(65_536, "Accounts", 1, 2**24)
    assets: int = _setting(256, "Assets", 1, 2**16)
    instruments: int = _setting(1_024, "Instruments", 1, 2**16)
    orders: int = _setting(2**20, "Live orders", 1, 2**27)
    transfers: int = _setting(
        2**22,
        "Deposits, withdrawals and transfers: all that ever are, as each is known for ever",
        1,
        2**31 - 2,
    )
    client_order_ids: int = _setting(2**22, "Client order ids that are remembered", 1, 2**28)
    queue_capacity: int = _setting(10_000, "Orders that wait while matching is away", 1, 1_000_000)
    queue_ttl_ms: int = _setting(5_000, "After this long such an order is expired instead", 1, 3_600_000)
    segment_bytes: int = _setting(256 * 2**20, "Size of a journal segment", 2**22 + 4096, 2**34)
    journal_bytes: int = _setting(64 * 2**30, "Journal kept at most; laggards are cut off", 2**21, _INT64_MAX)
    disk_used_percent: int = _setting(85, "Fuller than this, new orders are refused and cancels pass", 1, 100)


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """The core process."""

    realtime_priority: int = _setting(0, "SCHED_FIFO priority where the system allows it; 0: none", 0, 99)
    cpu: int | None = _setting(
        None, "The processor to have to itself: what else is of the exchange leaves it; empty: any", 0, 4_095
    )
    prefault: bool = _setting(
        True, "Touch all memory once all processes have started, so that later orders never wait for it"
    )
    lock_memory: bool = _setting(False, "Keep all memory resident (mlockall)")
    snapshot_interval_s: int = _setting(300, "How often the replica takes a snapshot", 1, 86_400)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sessions:
    """What one client connection may do."""

    sessions_max: int = _setting(
        1_024, "Sessions that are known; with more, who is longest away is forgotten", 1, 16_384
    )
    orders_per_s: int = _setting(100_000, "New and replaced orders a second", 1, 10_000_000)
    orders_burst: int = _setting(10_000, "New and replaced orders at once", 1, 10_000_000)
    cancels_per_s: int = _setting(200_000, "Cancels a second, on a budget of their own", 1, 10_000_000)
    cancels_burst: int = _setting(20_000, "Cancels at once", 1, 10_000_000)
    heartbeat_interval_ms: int = _setting(1_000, "How often a silent client says that it lives", 10, 600_000)
    heartbeat_timeout_ms: int = _setting(5_000, "Silence after which a session is lost", 20, 3_600_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replication:
    """Who follows whom."""

    leader: str = _setting("", "The core to stand by for, `ipc://…` or `tcp://…`; empty: this exchange leads")
    leader_queries: str = _setting(
        "", "Its read replica, for what is no longer streamed; empty: `queries.sock` beside an ipc `leader`"
    )
    leader_key: str = _setting("", "Its public key, for TCP")
    key: Path | None = _setting(None, "CURVE keys of this standby, for TCP: its role there is `follow`")  # noqa: RUF009
    standby: str = _setting("standby", "The name of the one standby that answers wait for; a standby's own")
    timeout_ms: int = _setting(2_000, "Silence after which a standby, or a leader, is gone", 20, 600_000)
    memory_bytes: int = _setting(
        16 * 2**20, "Of batches at hand for followers, and of answers that wait", 2**20, 2**32
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Matching:
    """Where instruments are matched that are not matched by the core itself."""

    shards: int = _setting(0, "Processes that match the instruments assigned to them", 0, 64)
    heartbeat_timeout_ms: int = _setting(
        1_000, "Silence after which a shard is away, and its orders are queued", 20, 60_000
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """The accounts stage."""

    process: bool = _setting(False, "In a process of its own, which judges orders before they are journaled")


@dataclass(frozen=True, slots=True, kw_only=True)
class Risk:
    """The risk stage."""

    process: bool = _setting(False, "In a process of its own, which judges orders before they are journaled")
    approval: str = _setting(
        "", "What approves orders there, `package.module:function`; needs `process`; empty: the limits alone"
    )
    marks_ms: int = _setting(
        0,
        "Between two looks at the mark prices of market data, of which the core is told those that changed,"
        " by a process `marks`; 0: it is told none",
        0,
        60_000,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Stages:
    """Accounts and risk in processes of their own."""

    proposal_timeout_ms: int = _setting(
        500, "How long they have to judge a batch; then its new and replaced orders are refused", 1, 60_000
    )
    heartbeat_timeout_ms: int = _setting(
        1_000, "Silence after which one is away, and new and replaced orders are refused", 20, 60_000
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """What services remember in SQL."""

    url: str = _setting(
        "",
        "`postgresql://…`, with a schema a service; empty: SQLite files in `stores` of the data directory",
        secret=True,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cache:
    """What services keep of each other's answers, until an administrator changes something."""

    url: str = _setting(
        "",
        "`redis://host:6379/0`, `rediss://…` or `unix:///…`, shared by several; needs the extra `redis`;"
        " empty: in each process's memory",
        secret=True,
        also="REDIS_URL",
    )
    prefix: str = _setting("exchange", "Begins all keys in Redis: exchanges that share one have one each")
    entries_max: int = _setting(
        100_000, "Entries in memory; beyond it those go that were asked for longest ago", 1, 10_000_000
    )
    ttl_ms: int = _setting(60_000, "Age at which an entry counts no more", 1, 86_400_000)
    timeout_ms: int = _setting(200, "How long Redis has to answer; then the source is asked", 1, 5_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """Keys and the audit log."""

    keys_directory: Path | None = _setting(  # noqa: RUF009
        None,
        "The store of keys (`exchange keys`); where it is set, CURVE protects TCP; empty: `keys` of the data",
    )
    audit: bool = _setting(True, "Record what administrators did, from the journal: a process of its own")


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """The event log."""

    environment: str = _setting("dev", "The first part of the names of topics: `dev`, `staging`, `prod`")
    publish: bool = _setting(False, "Publish what becomes of orders, and trades, to the event log")
    segment_bytes: int = _setting(64 * 2**20, "Size of a segment of a topic", 2**12, 2**32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """What the processes write to standard error."""

    format: str = _setting("text", "`text`: key=value, for people; `json`: one object a line")
    level: str = _setting("info", "The least that is written: `debug`, `info`, `warning`, `error`")
    repeats_max: int = _setting(
        100, "Lines of one event in ten seconds; further ones are counted, not written; 0: all", 0, 1_000_000
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The order history."""

    enabled: bool = _setting(
        False, "Keep every order and every execution in a store; publishes events, if nothing else is said"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Admin:
    """Instruments, tenants, accounts, limits and fees over RPC, and the history of their changes."""

    enabled: bool = _setting(
        False, "Keep what administrators change, in a store; publishes events, if nothing else is said"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What trades cost, by schedule and volume, and that both sides are paid."""

    enabled: bool = _setting(
        False, "Settle trades, and keep a row of each; publishes events, if nothing else is said"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketData:
    """Trades, candles and tickers."""

    enabled: bool = _setting(
        False, "Keep every trade, and candles, in a store; publishes events, if nothing else is said"
    )
    query_process: bool = _setting(
        False, "Answer from a process of its own, `marketquery`, beside the one that keeps them"
    )
    events_ms: int = _setting(
        250,
        "Between two events of an instrument: a tick, its book, its candle; what lies between is left out;"
        " 0: none are published",
        0,
        60_000,
    )
    fallback_url: str = _setting(
        "",
        "Venue with Coinbase's REST interface that stands in where ours is lost, and may be a source of an"
        " index; empty: none",
        also="COINBASE_API_URL",
    )
    fallback_stream_url: str = _setting(
        "",
        "That venue's WebSocket feed, ws:// or wss://: its prices are there before they are asked for; empty:"
        " it is asked; needs `cmatch[gateway]`",
        also="COINBASE_WS_URL",
    )
    index: str = _setting(
        "",
        "Sources of index prices, `SYMBOL=SOURCE[*WEIGHT]+SOURCE...` apart by spaces; a SOURCE is `book`,"
        " `coinbase` or `static:PRICE`",
    )
    index_sources_min: int = _setting(1, "Sources that an index needs; with fewer it is stale", 1, 100)
    index_outlier_bps: int = _setting(
        500, "A source that is farther from the median, in 1/10,000 of it, is left out", 1, 1_000_000
    )
    index_stale_ms: int = _setting(5_000, "A source that said its price longer ago is left out", 1, 3_600_000)
    realtime_priority: int = _setting(
        0, "SCHED_FIFO priority of `marketquery` where the system allows it; 0: none", 0, 99
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """The door for programs: HTTP."""

    enabled: bool = _setting(
        False,
        "Serve programs over HTTP and WebSockets, in a process of its own; publishes events, if nothing else"
        " is said; needs `cmatch[gateway]`",
    )
    host: str = _setting(
        "127.0.0.1", "The address that it listens on; TLS is the business of a proxy before it"
    )
    port: int = _setting(8080, "Its port", 1, 65_535)
    realtime_priority: int = _setting(
        0,
        "SCHED_FIFO priority of each, and of a process `identity`, where the system allows it; 0: none; best"
        " the core's own",
        0,
        99,
    )
    instances: int = _setting(
        1,
        "Gateways beside each other, on this port and those after it; from 2 on with a process `identity`",
        1,
        16,
    )
    origins: str = _setting(
        "",
        "Origins whose pages may write by a cookie and open streams, beside the gateway's; by spaces apart",
    )
    demo_user: str = _setting("", "The user whom `POST /v1/sessions/demo` signs in; empty: none")
    operator_tenant: int = _setting(
        0, "The tenant whose operators see and stop the whole venue; 0: nobody does over HTTP", 0, 2**31 - 1
    )
    connections_max: int = _setting(1_024, "Connections at once", 1, 65_536)
    connections_per_ip_max: int = _setting(256, "Of one address", 1, 65_536)
    body_bytes_max: int = _setting(65_536, "The largest body that is taken", 1_024, 2**20)
    request_timeout_ms: int = _setting(5_000, "How long head and body of a request may take", 10, 60_000)
    answer_timeout_ms: int = _setting(5_000, "How long the exchange may take to answer", 10, 60_000)
    key_per_s: int = _setting(1_000, "Weight a second of one key", 1, 1_000_000)
    key_burst: int = _setting(2_000, "Weight at once of one key", 1, 1_000_000)
    tenant_per_s: int = _setting(5_000, "Weight a second of all keys of a tenant", 1, 1_000_000)
    tenant_burst: int = _setting(10_000, "Weight at once of all keys of a tenant", 1, 1_000_000)
    ip_per_s: int = _setting(1_000, "Weight a second of one address, signed or not", 1, 1_000_000)
    ip_burst: int = _setting(2_000, "Weight at once of one address", 1, 1_000_000)
    cancel_factor: int = _setting(4, "So many times as large are the budgets that only cancels use", 1, 100)
    streams_per_key: int = _setting(8, "Streams at once of one API key", 1, 65_536)
    stream_subscriptions_max: int = _setting(1_024, "Subscriptions of one stream", 1, 65_536)
    stream_bytes_max: int = _setting(
        1_048_576, "What of a stream may wait for its reader before it is conflated", 65_536, 2**30
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Users, sessions and tokens of the gateway."""

    session_idle_s: int = _setting(1_800, "How long a session may be unused", 1, 2_592_000)
    session_s: int = _setting(43_200, "How long a session lasts at the latest", 1, 31_536_000)
    hash_workers: int = _setting(2, "Passwords that are hashed at once; each takes 19 MiB meanwhile", 1, 64)
    audience: str = _setting("exchange", "`aud` of the tokens that are for this exchange")
    issuer: str = _setting("", "`iss` of another issuer whose JWTs count; empty: none")
    jwks: str = _setting("", "Its key set: a file, or an address of HTTP")
    algorithm: str = _setting("EdDSA", "The algorithm of its tokens: `EdDSA`, `ES256`, `RS256`")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracing:
    """Spans of OpenTelemetry; needs the extra `otel`."""

    endpoint: str = _setting(
        "", "OTLP over HTTP, `http://host:4318/v1/traces`; empty: no spans, and nothing of it is loaded"
    )
    sample_percent: int = _setting(100, "Of the traces that are recorded", 0, 100)


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """Where services are that no running process of this exchange hosts; empty: nowhere."""

    heartbeats: bool = _setting(True, "Processes say in `run/instances` that they live, and are found there")
    market_data: str = _setting("http://localhost:8001", "Market data", also="MARKET_DATA_URL")
    regime_detection: str = _setting("http://localhost:8002", "The regime of the market", also="REGIME_URL")
    risk_management: str = _setting("http://localhost:8003", "Approval of trades", also="RISK_URL")
    execution: str = _setting("http://localhost:8004", "Trade requests")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings of an exchange. `exchange.config.load` makes one that fits together."""

    data_directory: Path = _setting(Path("exchange-data"), "Journal, snapshots, sockets")  # noqa: RUF009
    durability: Durability = _setting(  # noqa: RUF009
        Durability.PROCESS, "What an acknowledged order survives: `process`, `disk`, `replica`"
    )
    profile: str = _setting("", "Defaults that belong together: `four-services`; empty: those of this page")
    endpoints: Endpoints = field(default_factory=Endpoints)
    limits: Limits = field(default_factory=Limits)
    core: Core = field(default_factory=Core)
    sessions: Sessions = field(default_factory=Sessions)
    matching: Matching = field(default_factory=Matching)
    accounts: Accounts = field(default_factory=Accounts)
    risk: Risk = field(default_factory=Risk)
    stages: Stages = field(default_factory=Stages)
    stores: Stores = field(default_factory=Stores)
    cache: Cache = field(default_factory=Cache)
    security: Security = field(default_factory=Security)
    replication: Replication = field(default_factory=Replication)
    events: Events = field(default_factory=Events)
    registry: Registry = field(default_factory=Registry)
    log: Log = field(default_factory=Log)
    tracing: Tracing = field(default_factory=Tracing)
    history: History = field(default_factory=History)
    market_data: MarketData = field(default_factory=MarketData)
    admin: Admin = field(default_factory=Admin)
    settlement: Settlement = field(default_factory=Settlement)
    gateway: Gateway = field(default_factory=Gateway)
    identity: Identity = field(default_factory=Identity)
