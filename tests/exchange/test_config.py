"""Settings: where they come from, which wins, and one sentence for each that is wrong."""

from __future__ import annotations

import dataclasses
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.config import Durability, Settings, load
from exchange.config.page import markdown
from exchange.config.table import Row, rows, sections
from exchange.errors import ConfigError
from exchange.runtime.registry import registry_of

ROOT = Path(__file__).parents[2]


def at(settings: Settings, row: Row) -> object:
    """The value of a row."""
    section = getattr(settings, row.section) if row.section else settings
    return getattr(section, row.name)


def test_load_without_anything_gives_the_defaults_with_paths_filled_in(tmp_path: Path) -> None:
    """10,000 queued orders, 5 s, as is specified; sockets in the private directory of the data."""
    settings = load(environment={}, data_directory=tmp_path)
    assert settings.durability is Durability.PROCESS
    assert (settings.limits.queue_capacity, settings.limits.queue_ttl_ms) == (10_000, 5_000)
    assert settings.endpoints.orders == f"ipc://{tmp_path}/run/orders.sock"
    assert settings.endpoints.queries == f"ipc://{tmp_path}/run/queries.sock"
    assert settings.core.cpu is None
    given_here = {"data_directory", "endpoints.orders", "endpoints.queries", "endpoints.history"}
    given_here |= {"endpoints.marketdata", "endpoints.admin", "endpoints.settlement", "endpoints.identity"}
    assert all(at(settings, row) == row.default for row in rows() if row.key not in given_here)


def test_load_makes_a_relative_data_directory_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that changes its directory keeps its data."""
    monkeypatch.chdir(tmp_path)
    assert load(environment={}).data_directory == tmp_path / "exchange-data"


def test_load_takes_arguments_before_environment_before_file(tmp_path: Path) -> None:
    """Setting by setting, not section by section."""
    file = tmp_path / "exchange.toml"
    file.write_text(
        'durability = "disk"\n[limits]\naccounts = 1\nassets = 1\norders = 1\n'
        "[core]\ncpu = 3\nlock_memory = true\n"
    )
    environment = {
        "EXCHANGE_CONFIG": str(file),
        "EXCHANGE_LIMITS_ACCOUNTS": "2",
        "EXCHANGE_LIMITS_ASSETS": "2",
        "EXCHANGE_CORE_CPU": "",
        "PATH": "/bin",
    }
    settings = load(environment=environment, data_directory=tmp_path, limits={"accounts": 3})
    assert (settings.limits.accounts, settings.limits.assets, settings.limits.orders) == (3, 2, 1)
    assert (settings.durability, settings.core.cpu, settings.core.lock_memory) == (
        Durability.DISK,
        None,
        True,
    )


@pytest.mark.req("D046", "D049", "D051", "D052", "D054")
@pytest.mark.parametrize(
    ("variable", "address", "key", "ours"),
    [
        ("REDIS_URL", "redis://redis:6379", "cache.url", "EXCHANGE_CACHE_URL"),
        (
            "MARKET_DATA_URL",
            "http://market-data:8001",
            "registry.market_data",
            "EXCHANGE_REGISTRY_MARKET_DATA",
        ),
        ("REGIME_URL", "http://regime-detection:8002", "registry.regime_detection", None),
        ("RISK_URL", "http://risk-management:8003", "registry.risk_management", None),
    ],
)
def test_variables_of_other_systems_are_honoured(
    tmp_path: Path, variable: str, address: str, key: str, ours: str | None
) -> None:
    """Before the file, behind our own of the same setting; empty says nothing; a bad one is named."""
    section, name = key.split(".")

    def said(environment: dict[str, str], file: Path | None = None) -> object:
        settings = load(file, environment=environment, data_directory=tmp_path)
        return getattr(getattr(settings, section), name)

    default = said({})
    file = tmp_path / "settings.toml"
    file.write_text(f'[{section}]\n{name} = "redis://of-the-file:1"\n')
    assert said({variable: address}) == said({variable: address}, file) == address
    assert said({variable: ""}) == default
    if ours is not None:
        assert said({variable: address, ours: "redis://ours:1"}) == "redis://ours:1"
    with pytest.raises(ConfigError, match=f"environment variable {variable}: {key} is"):
        said({variable: "no\naddress"})


def test_service_of_a_variable_is_found_by_the_registry(tmp_path: Path) -> None:
    """As one of the file or of our own variables is."""
    environment = {"MARKET_DATA_URL": "http://market-data:8001"}
    registry = registry_of(load(environment=environment, data_directory=tmp_path))
    assert registry.endpoints("market_data") == ["http://market-data:8001"]


@pytest.mark.req("D001")
@pytest.mark.parametrize("way", ["argument", "environment", "file"])
def test_profile_of_document_003_has_market_data_at_port_8001(tmp_path: Path, way: str) -> None:
    """Where clients look for it by default; what else is said, wherever, goes before the profile."""
    file = tmp_path / "exchange.toml"

    def of(name: str, more: str = "", **values: Any) -> Settings:
        environment = {"EXCHANGE_PROFILE": name} if way == "environment" else {}
        file.write_text((f'profile = "{name}"\n' if way == "file" else "") + more)
        return load(
            file, environment=environment, **({"profile": name} if way == "argument" else {}), **values
        )

    plain, made = of(""), of("four-services")
    assert made.endpoints.prices == "127.0.0.1:8001"
    assert made.registry.market_data == plain.registry.market_data == "http://localhost:8001"
    changed = {row.key: at(made, row) for row in rows() if at(made, row) != at(plain, row)}
    assert changed == {
        "profile": "four-services",
        "market_data.enabled": True,
        "endpoints.prices": "127.0.0.1:8001",
        "events.publish": True,  # which feeds it
    }
    other = of("four-services", '[endpoints]\nprices = "127.0.0.1:9001"\n', market_data={"enabled": False})
    assert (other.endpoints.prices, other.market_data.enabled) == ("127.0.0.1:9001", False)


def test_load_prefers_the_file_that_is_given_to_that_of_the_environment(tmp_path: Path) -> None:
    """As with any other setting."""
    for name, accounts in (("one", 1), ("two", 2)):
        (tmp_path / name).write_text(f"[limits]\naccounts = {accounts}\n")
    environment = {"EXCHANGE_CONFIG": str(tmp_path / "one")}
    assert load(environment=environment).limits.accounts == 1
    assert load(tmp_path / "two", environment=environment).limits.accounts == 2


@pytest.mark.parametrize("row", list(rows()), ids=lambda row: row.key)
def test_every_setting_can_be_set_in_each_way(tmp_path: Path, row: Row) -> None:
    """By argument, environment and file, to the same value."""
    text, value = other_value(row, tmp_path)
    extra: dict[str, Any] = {"security": {"keys_directory": tmp_path}} if row.section == "endpoints" else {}
    if row.key == "limits.orders":
        extra = {"limits": {"client_order_ids": 2**28}}
    if row.key == "sessions.heartbeat_interval_ms":
        extra = {"sessions": {"heartbeat_timeout_ms": 3_600_000}}
    if row.key == "risk.approval":
        extra = {"risk": {"process": True}}
    if row.key == "risk.marks_ms":
        extra = {"market_data": {"enabled": True, "index": "BTC-USD=book"}}
        with pytest.raises(ConfigError, match=r"risk\.marks_ms expected market_data\.enabled"):
            load(environment={row.variable: text})
    if row.key == "market_data.fallback_stream_url":
        extra = {"market_data": {"fallback_url": "http://127.0.0.1:1"}}
    if row.key in {"identity.issuer", "identity.jwks"}:
        extra = {"identity": {"issuer": "https://issuer.example", "jwks": "jwks.json"}}
        extra["identity"].pop(row.name)
    argument = {row.section: {row.name: value}} if row.section else {row.name: value}
    merged = extra | {
        key: extra.get(key, {}) | item if row.section else item for key, item in argument.items()
    }
    by_argument = load(environment={}, **merged)
    by_environment = load(environment={row.variable: text}, **extra)
    file = tmp_path / "exchange.toml"
    written = text if row.kind in {int, bool} else f'"{text}"'
    file.write_text((f"[{row.section}]\n" if row.section else "") + f"{row.name} = {written}\n")
    by_file = load(file, environment={}, **extra)
    assert by_argument == by_environment == by_file
    assert at(by_argument, row) == value
    assert at(by_argument, row) != row.default


def other_value(row: Row, tmp_path: Path) -> tuple[str, object]:
    """A good value that is not the default, as text and as itself."""
    if row.bounds is not None:
        special = {
            "limits.segment_bytes": 2**23,
            "limits.client_order_ids": 2**23,
            "tracing.sample_percent": 10,
        }
        value = special.get(row.key, row.bounds[1])
        return str(value), value
    if row.kind is bool:
        return str(not row.default).lower(), not row.default
    if row.kind is Durability:
        return "disk", Durability.DISK
    if row.kind is Path:
        return str(tmp_path / "other"), tmp_path / "other"
    words = {
        "profile": "four-services",
        "endpoints.metrics": "127.0.0.1:1",
        "endpoints.process_metrics": "127.0.0.1:1",
        "endpoints.prices": "127.0.0.1:1",
        "market_data.fallback_url": "http://127.0.0.1:1",
        "market_data.fallback_stream_url": "ws://127.0.0.1:1",
        "market_data.index": "BTC-USD=book*2+static:50000.00",
        "events.environment": "staging",
        "log.format": "json",
        "gateway.origins": "https://desk.example http://127.0.0.1:3000",
        "identity.algorithm": "ES256",
        "log.level": "warning",
        "tracing.endpoint": "http://127.0.0.1:4318/v1/traces",
        "risk.approval": "desk.rules:approve",
        "cache.url": "redis://user:word@127.0.0.1:6379/3",
        "stores.url": "postgresql://user:word@127.0.0.1:5432/exchange",
        "cache.prefix": "venue-2",
    }
    text = words.get(row.key, f"tcp://127.0.0.1:{7_000 + len(row.name)}")
    return text, text


@pytest.mark.parametrize("row", [row for row in rows() if row.bounds], ids=lambda row: row.key)
def test_number_beyond_its_bounds_is_refused(row: Row) -> None:
    """On both sides, by the least possible."""
    assert row.bounds is not None
    for value in (row.bounds[0] - 1, row.bounds[1] + 1):
        with pytest.raises(ConfigError) as refused:
            load(environment={}, **{row.section: {row.name: value}})  # type: ignore[arg-type]
        assert str(refused.value) == f"argument: {row.key} is {value}: expected {row.expected}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("durability = 1", "durability is 1: expected process or disk or replica"),
        ('durability = "Disk"', "durability is 'Disk': expected process or disk or replica"),
        ("limits = 1", "limits is 1: expected a table of settings"),
        ("[limits]\naccounts = 1.0", "limits.accounts is 1.0: expected a whole number from 1 to 16,777,216"),
        (
            "[limits]\naccounts = true",
            "limits.accounts is True: expected a whole number from 1 to 16,777,216",
        ),
        ('[limits]\naccounts = "1"', "limits.accounts is '1': expected a whole number from 1 to 16,777,216"),
        ("[core]\nlock_memory = 1", "core.lock_memory is 1: expected true or false"),
        ("[core]\ncpu = -1", "core.cpu is -1: expected a whole number from 0 to 4,095, or nothing"),
        ("data_directory = 1", "data_directory is 1: expected a path"),
        ('data_directory = ""', "data_directory is '': expected a path"),
        ("[limits]\naccountz = 1", "there is no setting limits.accountz: expected limits.accounts perhaps"),
        ("[limit]\naccounts = 1", "there is no setting limit: expected one of docs/configuration.md"),
        ("zzz = 1", "there is no setting zzz: expected one of docs/configuration.md"),
        ("[endpoints]\norders = 1", "endpoints.orders is 1: expected text"),
        ('[endpoints]\norders = "x"', "endpoints.orders is 'x': expected ipc:// or tcp://"),
        (
            '[endpoints]\norders = "ipc://x"',
            "endpoints.orders is 'ipc://x': expected an absolute path after ipc://",
        ),
        ('[endpoints]\norders = "tcp://x"', "endpoints.orders is 'tcp://x': expected tcp://host:port"),
        (
            '[endpoints]\norders = "tcp://127.0.0.1:7000"',
            "endpoints.orders is 'tcp://127.0.0.1:7000': expected security.keys_directory beside it",
        ),
        (
            '[events]\nenvironment = "Dev.1"',
            "events.environment is 'Dev.1': expected a lower-case word of at most 32 characters",
        ),
        ('profile = "two"', "profile is 'two': expected four-services, or nothing"),
        ('[endpoints]\nmetrics = "9464"', "endpoints.metrics is '9464': expected host:port"),
        ('[endpoints]\nmetrics = "a:65536"', "endpoints.metrics is 'a:65536': expected host:port"),
        (
            '[endpoints]\norders = "ipc:///x"\nqueries = "ipc:///x"',
            "endpoints.queries is that of orders: expected another one",
        ),
        (
            "[limits]\nsegment_bytes = 5000001",
            "limits.segment_bytes is 5000001: expected a multiple of 4,096",
        ),
        (
            "[limits]\njournal_bytes = 2097152",
            "limits.journal_bytes is 2097152: expected room for two segments at least",
        ),
        (
            "[limits]\nclient_order_ids = 1",
            "limits.client_order_ids is 1: expected at least limits.orders",
        ),
        (
            "[sessions]\nheartbeat_timeout_ms = 1999",
            "sessions.heartbeat_timeout_ms is 1999: expected at least twice sessions.heartbeat_interval_ms",
        ),
    ],
)
def test_file_with_a_fault_is_refused_in_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    """That names the file, the key, and what was expected."""
    file = tmp_path / "exchange.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as refused:
        load(file, environment={})
    assert str(refused.value) == f"{file}: {message}"


@pytest.mark.parametrize(
    ("variable", "text", "message"),
    [
        ("EXCHANGE_LIMITS_ACCOUNTZ", "1", "environment: there is no setting EXCHANGE_LIMITS_ACCOUNTZ"),
        (
            "EXCHANGE_LIMITS_ACCOUNTS",
            "",
            "environment variable EXCHANGE_LIMITS_ACCOUNTS: limits.accounts is '': expected a whole number",
        ),
        *(
            (
                "EXCHANGE_LIMITS_ACCOUNTS",
                text,
                f"environment variable EXCHANGE_LIMITS_ACCOUNTS: limits.accounts is {text!r}: expected a",
            )
            for text in ("1e3", " 1", "+1", "1_000", "0x10", "໘", "9" * 40)
        ),
        (
            "EXCHANGE_CORE_LOCK_MEMORY",
            "maybe",
            "environment variable EXCHANGE_CORE_LOCK_MEMORY: core.lock_memory is 'maybe': expected true",
        ),
        ("EXCHANGE_CONFIG", "/nowhere/x.toml", "/nowhere/x.toml cannot be read: No such file or directory"),
    ],
)
def test_environment_with_a_fault_is_refused_in_one_sentence(variable: str, text: str, message: str) -> None:
    """That names the variable, the key, and what was expected; digits are ASCII."""
    with pytest.raises(ConfigError) as refused:
        load(environment={variable: text})
    assert str(refused.value).startswith(message)


@pytest.mark.parametrize("content", [b"= 1", b"\xff\xfe", b"a = [" + b"[" * 5_000, b"#" * (2**20 + 1)])
def test_file_that_is_no_toml_is_refused(tmp_path: Path, content: bytes) -> None:
    """Broken, not UTF-8, too deep, too long."""
    file = tmp_path / "exchange.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"exchange\.toml is "):
        load(file, environment={})


@given(st.dictionaries(st.text(max_size=8), st.none() | st.booleans() | st.integers() | st.text(max_size=8)))
def test_load_with_any_keys_and_values_loads_or_refuses(values: dict[str, object]) -> None:
    """Nothing else comes out."""
    values.pop("file", None)
    values.pop("environment", None)
    with suppress(ConfigError):
        assert isinstance(load(environment={}, **values), Settings)  # type: ignore[arg-type]


def test_load_with_a_data_directory_too_deep_for_sockets_is_refused() -> None:
    """The kernel's bound is told before anything starts."""
    with pytest.raises(ConfigError) as refused:
        load(environment={}, data_directory="/" + "d" * 82)
    assert str(refused.value) == (
        "argument: data_directory has a path of 83 bytes: expected at most 82,"
        " for those of the sockets in it end at 107: choose a shorter one with --data"
    )
    assert load(environment={}, data_directory="/" + "d" * 81).data_directory == Path("/" + "d" * 81)
    with pytest.raises(ConfigError) as refused:
        load(environment={}, endpoints={"orders": "ipc:///" + "d" * 107})
    assert str(refused.value) == ("argument: endpoints.orders has a path of 108 bytes: expected at most 107")


def test_settings_are_frozen() -> None:
    """Nobody changes them under another's feet."""
    settings = load(environment={})
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.limits.accounts = 1  # type: ignore[misc]


def test_table_has_every_setting_once_with_a_meaning() -> None:
    """Variables are unambiguous, defaults lie within their bounds."""
    table = list(rows())
    assert len({row.variable for row in table}) == len({row.key for row in table}) == len(table)
    assert all(row.meaning for row in table)
    assert all(
        row.bounds[0] <= row.default <= row.bounds[1]
        for row in table
        if row.bounds and isinstance(row.default, int)
    )
    count = sum(len(dataclasses.fields(cls)) for cls in sections().values())
    assert len(table) == count + len(dataclasses.fields(Settings)) - len(sections())


def test_page_of_settings_is_current() -> None:
    """docs/configuration.md is what the table says."""
    assert (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8") == markdown()
