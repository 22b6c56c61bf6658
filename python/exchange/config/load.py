"""Settings from a profile, a file, the environment and arguments, checked one by one and then together."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from exchange.config.index_sources import index_sources
from exchange.config.profiles import PROFILES
from exchange.config.settings import Durability, Events, Settings
from exchange.config.sockets import SOCKET_NAME_BYTES_MAX, SOCKET_PATH_BYTES_MAX
from exchange.config.table import FILE_VARIABLE, VARIABLE_PREFIX, Row, rows, sections
from exchange.errors import ConfigError

_FILE_BYTES_MAX: Final = 1 << 20
_DATA_DIRECTORY_BYTES_MAX: Final = SOCKET_PATH_BYTES_MAX - len("/run/") - SOCKET_NAME_BYTES_MAX
_LOG_FORMATS: Final = ("text", "json")
_PORT_MAX: Final = 65_535
_TOKEN_ALGORITHMS: Final = ("EdDSA", "ES256", "RS256")
_LOG_LEVELS: Final = ("debug", "info", "warning", "error")
_BOOLEANS: Final = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def load(
    file: Path | str | None = None, *, environment: Mapping[str, str] | None = None, **values: object
) -> Settings:
    """The settings: of the arguments, else the environment, the file, the profile, else the defaults.

    Args:
        file: A TOML file; None: the one that the variable EXCHANGE_CONFIG names, if it does.
        environment: Stands for `os.environ`.
        values: By key; a section is a mapping: ``load(durability="disk", limits={"accounts": 100})``.

    Raises:
        ConfigError: A key is unknown, a value is not what is expected, or two do not fit together. The
            message is one sentence that names where it was said, the key, and what was expected.
    """
    environment = os.environ if environment is None else environment
    path = file if file is not None else environment.get(FILE_VARIABLE) or None
    table = {row.key: row for row in rows()}
    said: dict[str, tuple[object, str]] = {}
    if path is not None:
        said |= _flat(_read(Path(path)), f"{path}", table)
    said |= _of_environment(environment, table)
    said |= _flat(values, "argument", table)
    said = _of_profile(*said.get("profile", ("", "default"))) | said
    parsed = {key: _value(table[key], value, source) for key, (value, source) in said.items()}
    parts: dict[str, dict[str, Any]] = {section: {} for section in ("", *sections())}
    for key, value in parsed.items():
        parts[table[key].section][table[key].name] = value
    made = {section: cls(**parts[section]) for section, cls in sections().items()}
    return _fitted(Settings(**parts[""], **made), {key: source for key, (_, source) in said.items()})


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            content = file.read(_FILE_BYTES_MAX + 1)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:  # no system has such a name
        raise ConfigError(f"{str(path)!r} cannot be read: {error}") from None
    if len(content) > _FILE_BYTES_MAX:
        raise ConfigError(f"{path} is longer than {_FILE_BYTES_MAX:,} bytes")
    try:
        return tomllib.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:  # a number of thousands of digits is no TOMLDecodeError
        raise ConfigError(f"{path} is no TOML: {error}") from None


def _flat(
    values: Mapping[str, object], source: str, table: Mapping[str, Row]
) -> dict[str, tuple[object, str]]:
    """By `section.name`, each with where it was said."""
    said: dict[str, tuple[object, str]] = {}
    for name, value in values.items():
        if name in sections():
            if not isinstance(value, Mapping):
                raise ConfigError(f"{source}: {name} is {_shown(value)}: expected a table of settings")
            for key, inner in value.items():
                said[f"{name}.{key}"] = (inner, source)
        else:
            said[name] = (value, source)
    for key in said:
        if key not in table:
            raise ConfigError(f"{source}: there is no setting {key}{_meant(key, table)}")
    return said


def _of_profile(name: object, source: str) -> dict[str, tuple[object, str]]:
    """What a profile says; nothing where none is named."""
    if name == "":
        return {}
    if not isinstance(name, str) or name not in PROFILES:
        raise ConfigError(
            f"{source}: profile is {_shown(name)}: expected {' or '.join(PROFILES)}, or nothing"
        )
    return {key: (value, f"profile {name}") for key, value in PROFILES[name].items()}


def _of_environment(
    environment: Mapping[str, str], table: Mapping[str, Row]
) -> dict[str, tuple[object, str]]:
    by_variable = {row.variable: row for row in table.values()}
    said = {
        row.key: (_of_text(row, environment[row.also]), f"environment variable {row.also}")
        for row in table.values()
        if environment.get(row.also)
    }
    for variable, text in environment.items():
        if not variable.startswith(VARIABLE_PREFIX) or variable == FILE_VARIABLE:
            continue
        if variable not in by_variable:
            raise ConfigError(f"environment: there is no setting {variable}{_meant(variable, by_variable)}")
        row = by_variable[variable]
        said[row.key] = (_of_text(row, text), f"environment variable {variable}")
    return said


def _of_text(row: Row, text: str) -> object:
    """What a variable says; a text that is no value of its kind stays text, and is refused as such."""
    if row.optional and text == "":
        return None
    if row.kind is int and re.fullmatch(r"-?[0-9]{1,19}", text, re.ASCII):
        return int(text)
    if row.kind is bool:
        return _BOOLEANS.get(text.lower(), text)
    return text


def _value(row: Row, value: object, source: str) -> object:
    """A value as its setting has it."""
    if value is None and row.optional:
        return None
    if row.kind is int and type(value) is int and row.bounds and row.bounds[0] <= value <= row.bounds[1]:
        return value
    if row.kind is bool and type(value) is bool:
        return value
    if row.kind is str and isinstance(value, str) and value.isprintable():
        return value
    if row.kind is Path and isinstance(value, str | Path) and str(value) and "\0" not in str(value):
        with suppress(RuntimeError):  # ~somebody, whom the system does not know
            return Path(value).expanduser()
    if row.kind is Durability and isinstance(value, str) and value in set(Durability):
        return Durability(value)
    raise ConfigError(f"{source}: {row.key} is {_shown(value)}: expected {row.expected}")


def _shown(value: object) -> str:
    """A value as a message may repeat it: an address without its password."""
    try:
        shown = repr(value)
    except ValueError:  # a number of thousands of digits, or something that holds one
        return f"a value too long to be shown ({type(value).__name__})"
    return re.sub(r"(?<=://)([^\s:/@]*):[^\s/]+@", r"\1:***@", shown)


def _fitted(settings: Settings, sources: Mapping[str, str]) -> Settings:
    """The settings with paths made absolute and endpoints filled in, seen to fit together."""

    def refuse(key: str, why: str) -> ConfigError:
        return ConfigError(f"{sources.get(key, 'default')}: {key} {why}")

    data_directory = Path(os.path.abspath(settings.data_directory))  # noqa: PTH100 (links stay links)
    run = data_directory / "run"
    if (size := len(os.fsencode(data_directory))) > _DATA_DIRECTORY_BYTES_MAX:
        raise refuse(
            "data_directory",
            f"has a path of {size} bytes: expected at most {_DATA_DIRECTORY_BYTES_MAX},"
            f" for those of the sockets in it end at {SOCKET_PATH_BYTES_MAX}:"
            " choose a shorter one with --data",
        )
    filled = {
        name: getattr(settings.endpoints, name) or f"ipc://{run / name}.sock"
        for name in ("orders", "queries", "history", "marketdata", "admin", "settlement", "identity")
    }
    for name, endpoint in filled.items():
        _check_endpoint(endpoint, f"endpoints.{name}", settings, sources)
        other = next(each for each in filled if filled[each] == endpoint)
        if other != name:
            raise refuse(f"endpoints.{name}", f"is that of {other}: expected another one")
    for name in ("metrics", "process_metrics", "prices"):
        address = getattr(settings.endpoints, name)
        if address and not _is_host_port(address):
            raise refuse(f"endpoints.{name}", f"is {address!r}: expected host:port")
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,31}", settings.events.environment):
        raise refuse(
            "events.environment",
            f"is {settings.events.environment!r}: expected a lower-case word of at most 32 characters",
        )
    if not re.fullmatch(
        r"(postgresql(\+\w+)?://.+)?", settings.stores.url, re.ASCII
    ):  # it may hold a password
        raise refuse("stores.url", "is no address: expected postgresql://user@host/database")
    _check_telling(settings, refuse)
    _check_prices(settings, refuse)
    _check_limits(settings, refuse)
    _check_doors(settings, refuse)
    risk = settings.risk
    if risk.approval and not re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", risk.approval, re.ASCII):
        raise refuse("risk.approval", f"is {risk.approval!r}: expected package.module:function")
    if risk.approval and not risk.process:
        raise refuse("risk.approval", f"is {risk.approval!r}: expected risk.process = true beside it")
    endpoints = replace(settings.endpoints, **filled)
    return replace(
        settings, data_directory=data_directory, endpoints=endpoints, events=_events(settings, sources)
    )


def _check_limits(settings: Settings, refuse: Callable[[str, str], ConfigError]) -> None:
    limits, sessions = settings.limits, settings.sessions
    if limits.segment_bytes % 4096:
        raise refuse("limits.segment_bytes", f"is {limits.segment_bytes}: expected a multiple of 4,096")
    if limits.journal_bytes < 2 * limits.segment_bytes:
        raise refuse(
            "limits.journal_bytes", f"is {limits.journal_bytes}: expected room for two segments at least"
        )
    if limits.client_order_ids < limits.orders:
        raise refuse(
            "limits.client_order_ids", f"is {limits.client_order_ids}: expected at least limits.orders"
        )
    if sessions.heartbeat_timeout_ms < 2 * sessions.heartbeat_interval_ms:
        raise refuse(
            "sessions.heartbeat_timeout_ms",
            f"is {sessions.heartbeat_timeout_ms}: expected at least twice sessions.heartbeat_interval_ms",
        )


def _check_doors(settings: Settings, refuse: Callable[[str, str], ConfigError]) -> None:
    """Of the gateway, and of who may come in there."""
    gateway, identity = settings.gateway, settings.identity
    if gateway.port + gateway.instances - 1 > _PORT_MAX:
        raise refuse("gateway.instances", f"is {gateway.instances}: expected ports up to {_PORT_MAX}")
    for origin in gateway.origins.split():
        if not re.fullmatch(r"https?://[^\s/?#]+", origin, re.ASCII):
            raise refuse("gateway.origins", f"has {origin!r}: expected https://host, or with a port")
    if identity.algorithm not in _TOKEN_ALGORITHMS:
        expected = ", ".join(_TOKEN_ALGORITHMS)
        raise refuse("identity.algorithm", f"is {identity.algorithm!r}: expected one of {expected}")
    if bool(identity.issuer) != bool(identity.jwks):
        missing = "jwks" if identity.issuer else "issuer"
        said = "issuer" if identity.issuer else "jwks"
        raise refuse(f"identity.{said}", f"is said alone: expected identity.{missing} beside it")
    if not identity.audience:
        raise refuse("identity.audience", "is empty: expected a word")


def _check_prices(settings: Settings, refuse: Callable[[str, str], ConfigError]) -> None:
    market = settings.market_data
    if not re.fullmatch(r"(https?://[^\s/@]+(/\S*)?)?", market.fallback_url, re.ASCII):
        raise refuse("market_data.fallback_url", "is no address: expected http://host:port, or https://…")
    if not re.fullmatch(r"(wss?://[^\s/@]+(/\S*)?)?", market.fallback_stream_url, re.ASCII):
        raise refuse("market_data.fallback_stream_url", "is no address: expected ws://host:port, or wss://…")
    if market.fallback_stream_url and not market.fallback_url:
        raise refuse("market_data.fallback_stream_url", "expected market_data.fallback_url beside it")
    try:
        wanted = index_sources(market.index)
    except ValueError as error:
        raise refuse("market_data.index", f"is {market.index!r}: {error}") from None
    if not market.fallback_url and any(each.name == "coinbase" for of in wanted.values() for each in of):
        raise refuse("market_data.index", "names coinbase: expected market_data.fallback_url beside it")
    if settings.risk.marks_ms and not (market.enabled and wanted):
        raise refuse("risk.marks_ms", "expected market_data.enabled and market_data.index beside it")


def _check_telling(settings: Settings, refuse: Callable[[str, str], ConfigError]) -> None:
    """Of log, tracing and cache."""
    if settings.log.format not in _LOG_FORMATS:
        raise refuse("log.format", f"is {settings.log.format!r}: expected text or json")
    if settings.log.level not in _LOG_LEVELS:
        raise refuse("log.level", f"is {settings.log.level!r}: expected {', '.join(_LOG_LEVELS)}")
    if not re.fullmatch(r"((rediss?://|unix:///)\S+)?", settings.cache.url, re.ASCII):
        raise refuse("cache.url", "is no address: expected redis://host:port/number, rediss://… or unix:///…")
    if not re.fullmatch(r"[\w.-]{1,64}", settings.cache.prefix, re.ASCII):
        raise refuse("cache.prefix", f"is {settings.cache.prefix!r}: expected 1 to 64 letters, digits or _.-")
    if not re.fullmatch(r"(https?://[^\s/]+/\S*)?", settings.tracing.endpoint, re.ASCII):
        raise refuse("tracing.endpoint", "is no address: expected http://host:port/v1/traces, or https://…")


def _events(settings: Settings, sources: Mapping[str, str]) -> Events:
    """Those of the settings; where a service wants them they are published, for they are what feeds it."""
    fed = {
        "history.enabled": settings.history.enabled,
        "market_data.enabled": settings.market_data.enabled,
        "admin.enabled": settings.admin.enabled,
        "settlement.enabled": settings.settlement.enabled,
    }
    wanted = [key for key, enabled in fed.items() if enabled]
    source = sources.get("events.publish")
    # A gateway without events has no streams of orders, and all else.
    if settings.events.publish or not (wanted or (settings.gateway.enabled and not source)):
        return settings.events
    if source:
        raise ConfigError(f"{source}: events.publish is false: expected true beside {wanted[0]} = true")
    return replace(settings.events, publish=True)


def _check_endpoint(endpoint: str, key: str, settings: Settings, sources: Mapping[str, str]) -> None:
    source = sources.get(key, sources.get("data_directory", "default"))
    scheme, _, address = endpoint.partition("://")
    if scheme == "tcp":
        if not _is_host_port(address):
            raise ConfigError(f"{source}: {key} is {endpoint!r}: expected tcp://host:port")
        if settings.security.keys_directory is None:
            raise ConfigError(f"{source}: {key} is {endpoint!r}: expected security.keys_directory beside it")
    elif scheme == "ipc":
        if not address.startswith("/"):
            raise ConfigError(f"{source}: {key} is {endpoint!r}: expected an absolute path after ipc://")
        if (size := len(os.fsencode(address))) > SOCKET_PATH_BYTES_MAX:
            raise ConfigError(
                f"{source}: {key} has a path of {size} bytes: expected at most {SOCKET_PATH_BYTES_MAX}"
            )
    else:
        raise ConfigError(f"{source}: {key} is {endpoint!r}: expected ipc:// or tcp://")


def _is_host_port(text: str) -> bool:
    host, _, port = text.rpartition(":")
    return bool(host) and re.fullmatch(r"[0-9]{1,5}", port, re.ASCII) is not None and int(port) <= 65_535


def _meant(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    return f": expected {near[0]} perhaps" if near else ": expected one of docs/configuration.md"
