"""A service's store: one SQLite file, or one schema of a PostgreSQL database.

Both are reached by the same SQLAlchemy Core statements. A write transaction has the store to itself on SQLite
from its beginning on (BEGIN IMMEDIATE), so that it never fails half-way for want of a lock; on PostgreSQL it
locks the rows that it reads to change.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Self

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from exchange.config.durable import make_directory
from exchange.config.private import close_to_others
from exchange.errors import ConfigError, RpcStatus, StorageError
from exchange.storage.sql.migrations import Migration, migrate
from exchange.storage.sql.tables import MIGRATIONS

Transaction = Connection
"""What a handler is given: its statements are done together with the inbox, the outbox and the cursor."""

_BUSY_S: Final = 5.0
_CACHE: Final = (
    "cache_size = -65536"  # KiB; with the usual 2 MiB rows take half as long again from a million on
)
# Classes of PostgreSQL's SQLSTATE that speak of the server and not of the statement: connection, resources,
# a lock that is not to be had, operator's intervention, system, rollback by a conflict; and that it may only
# be read now, as a standby before it is promoted.
_DOWN_CLASSES: Final = ("08", "25006", "40", "53", "55P03", "57", "58")
_DOWN_CODES: Final = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_NOMEM,
}
_DAMAGED_CODES: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class StoreUnavailable(StorageError):
    """A store cannot be read or written now: locked, full, or its server is away. Nothing was changed."""

    status = RpcStatus.UNAVAILABLE


class Store:
    """Transactions on a store whose tables are as the code has them. Any number of threads.

    Args:
        engine: Of the database.
        service: Whose it is.
    """

    def __init__(self, engine: Engine, service: str) -> None:
        self.engine = engine
        self.service = service
        self._apart: sqlite3.Connection | None = None
        self._asking = threading.Lock()

    @property
    def data_version(self) -> int | None:
        """Another number than before as soon as anything was committed, by whomever; None: that is not known.

        PostgreSQL has none, and a SQLite file that cannot be read now says so to whoever reads it.
        """
        file = self.engine.url.database
        if self.engine.dialect.name != "sqlite" or file is None:
            return None
        try:
            with self._asking:
                if self._apart is None:  # it tells of commits of other connections, so it makes none
                    there = f"{Path(file).absolute().as_uri()}?mode=rw"  # else it would make one
                    self._apart = sqlite3.connect(there, uri=True, check_same_thread=False)
                return int(self._apart.execute("PRAGMA data_version").fetchone()[0])
        except sqlite3.Error:
            return None

    @contextmanager
    def begin(self) -> Iterator[Transaction]:
        """A write transaction: committed at the end of the block, rolled back if that raises.

        Raises:
            StoreUnavailable: It cannot be had, or could not be committed. (Whether a commit whose answer was
                lost took place is unknown; what is written twice has to be recognised.)
        """
        with _speaking(self.engine), self.engine.connect() as connection:
            connection.begin()
            try:
                yield connection
            except BaseException:
                connection.rollback()
                raise
            connection.commit()

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """One consistent view of the store, for queries; what it changes is rolled back.

        Raises:
            StoreUnavailable: It cannot be had.
        """
        with _speaking(self.engine), self.engine.connect() as connection:
            connection.execution_options(**_READING[connection.dialect.name])
            connection.begin()
            try:
                yield connection
            finally:
                connection.rollback()

    def close(self) -> None:
        """Lets its connections go."""
        with self._asking:
            if self._apart is not None:
                self._apart.close()
                self._apart = None
        self.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


_READING: Final[dict[str, dict[str, Any]]] = {
    "sqlite": {"exchange_begin": "BEGIN"},
    "postgresql": {"isolation_level": "REPEATABLE READ"},
}


def open_store(url: str | Path, service: str, migrations: Sequence[Migration] | None = None) -> Store:
    """Opens a service's store, and makes or migrates its tables: those of inbox and outbox, and its own.

    Args:
        url: The directory in which the service's SQLite file lies, or `postgresql://…`, where it has a schema
            of its name.
        service: The service.
        migrations: Of the service's own tables; None: who opens it has nothing to do with them.

    Raises:
        ConfigError: The URL is of another database, or its driver is not installed.
        StoreUnavailable: It cannot be reached.
        StorageError: Its tables are not those that the code left there.
    """
    engine = _engine(url, service)
    store = Store(engine, service)
    try:
        with _speaking(engine):
            if engine.dialect.name == "postgresql":
                with engine.begin() as connection:
                    connection.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{service}"'))
            migrate(engine, "inbox", MIGRATIONS)
            if migrations is not None:
                migrate(engine, service, migrations)
    except BaseException:
        store.close()
        raise
    return store


def stored_services(url: str | Path, services: Sequence[str]) -> list[str]:
    """Those of the services that have a store there.

    Raises:
        StoreUnavailable: It cannot be reached.
    """
    if _is_directory(url):
        return [service for service in services if _sqlite_file(url, service).is_file()]
    engine = _engine(url, "public")
    try:
        with _speaking(engine), engine.connect() as connection:
            found = connection.execute(text("SELECT schema_name FROM information_schema.schemata"))
            schemas = set(found.scalars())
    finally:
        engine.dispose()
    return [service for service in services if service in schemas]


def _is_directory(url: str | Path) -> bool:
    return isinstance(url, Path) or "://" not in url


def _sqlite_file(directory: str | Path, service: str) -> Path:
    return Path(directory) / f"{service}.sqlite"


def _engine(url: str | Path, service: str) -> Engine:
    if not service.isidentifier() or not service.islower():
        raise ConfigError(f"{service!r} is no name of a service: expected a lower-case word")
    if _is_directory(url):
        make_directory(Path(url), 0o700)
        return _sqlite(_sqlite_file(url, service))
    try:
        parsed = make_url(str(url))
    except (ArgumentError, ValueError):  # whose words would repeat the password
        raise ConfigError(
            "the address of the stores cannot be read: expected postgresql://user@host/database"
        ) from None
    if parsed.get_backend_name() != "postgresql":
        raise ConfigError(f"stores are in SQLite or PostgreSQL, not in {parsed.get_backend_name()}")
    return _postgres(parsed.set(drivername="postgresql+psycopg"), service)


def _make_private(path: Path) -> None:
    """A file of mode 0600, which those that SQLite makes beside it take over.

    One that is there is not opened: to close it would give back what this process has locked of it elsewhere.
    """
    with suppress(OSError):  # it is there; or SQLite says why it cannot be
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    for suffix in ("", "-wal", "-shm"):
        close_to_others(path.with_name(path.name + suffix))


def _sqlite(path: Path) -> Engine:
    _make_private(path)
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        connect_args={"timeout": _BUSY_S, "isolation_level": None, "check_same_thread": False},
    )

    def prepare(connection: sqlite3.Connection, _: object) -> None:
        # FULL: with NORMAL a power cut takes acknowledged commits along.
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", _CACHE):
            connection.execute(f"PRAGMA {pragma}").close()

    def begin(connection: Connection) -> None:
        begins: str = connection.get_execution_options().get("exchange_begin", "BEGIN IMMEDIATE")
        connection.exec_driver_sql(begins)

    event.listen(engine, "connect", prepare)
    event.listen(engine, "begin", begin)
    return engine


def _postgres(url: URL, service: str) -> Engine:
    try:
        return create_engine(
            url, pool_pre_ping=True, connect_args={"options": f"-c search_path={service} -c lock_timeout=5s"}
        )
    except ModuleNotFoundError as error:
        raise ConfigError(f"PostgreSQL needs the extra: pip install 'cmatch[postgres]' ({error})") from error


@contextmanager
def _speaking(engine: Engine) -> Iterator[None]:
    """What says that a store is away or damaged, in our words; an error of a statement stays what it is.

    Raises:
        StoreUnavailable: It is away.
        StorageError: It is damaged.
    """
    try:
        yield
    except PoolTimeout as error:
        raise StoreUnavailable(f"no connection to the store was free: {error}") from error
    except DBAPIError as error:
        if error.connection_invalidated or _is_down(error.orig):
            raise StoreUnavailable(f"the store cannot be had: {error.orig}") from error
        if getattr(error.orig, "sqlite_errorcode", 0) & 0xFF in _DAMAGED_CODES:
            raise StorageError(f"the store {engine.url.database} is damaged: {error.orig}") from error
        raise


@contextmanager
def reading(service: str) -> Iterator[None]:
    """For who reads all of a store, of which he does not know that it is whole.

    Raises:
        StorageError: It is away, damaged, or not what a service writes.
    """
    try:
        yield
    except StorageError as error:
        raise StorageError(f"the store of {service} cannot be read: {error}") from error
    except (SQLAlchemyError, TypeError, ValueError) as error:
        why = str(error).partition("\n")[0]
        raise StorageError(f"the store of {service} cannot be read: {type(error).__name__}: {why}") from error


def _is_down(error: BaseException | None) -> bool:
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", None)
        return code is not None and code & 0xFF in _DOWN_CODES
    state = getattr(error, "sqlstate", None)
    if state is not None:
        return str(state).startswith(_DOWN_CLASSES)
    return type(error).__name__ == "OperationalError"  # psycopg: no server said anything
