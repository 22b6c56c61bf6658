"""CURVE: who a connection is, by its keys, and the authenticator without which there is no server.

A directory of keys has the server's own pair as `server.key` and one file for each client that may come in:

    clients/NAME.toml     public_key = "…"     tenant = "acme"     roles = ["service"]     accounts = [1, 2]
                          former_public_keys = ["…"], which come in while a key is being replaced

libzmq lets *any* key in where CURVE is on and nobody answers its questions. Here CURVE is turned on for a
server by `Authenticator.protect` only, with a domain that libzmq then enforces: without an authenticator
nobody comes in.
"""

from __future__ import annotations

import time
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import zmq
from zmq.utils import z85

from exchange.config.private import (
    private_directory,
    read_private_file,
    replace_private_file,
    write_private_file,
)
from exchange.errors import ConfigError, SecurityError

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

_ZAP_ENDPOINT: Final = "inproc://zeromq.zap.01"
_DOMAIN: Final = "exchange"
_KEY_BYTES: Final = 40
_PRINCIPAL_KEYS: Final = frozenset({"public_key", "former_public_keys", "tenant", "roles", "accounts"})
_LOOK_NS: Final = 1_000_000_000
# More questions than this at once wait for the next turn.
_ANSWERS_A_TURN: Final = 64


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A CURVE key pair, each half as 40 characters of Z85. The secret half is never printed."""

    public: str
    secret: str = field(repr=False)

    @classmethod
    def generate(cls) -> KeyPair:
        """A new pair."""
        public, secret = zmq.curve_keypair()
        return cls(public.decode("ascii"), secret.decode("ascii"))

    @classmethod
    def read(cls, path: Path) -> KeyPair:
        """The pair in a file.

        Raises:
            SecurityError: The file is missing, readable by others, or holds no pair that belongs together.
        """
        table = _table(path, read_private_file(path, secret=True))
        public, secret = table.get("public_key"), table.get("secret_key")
        if set(table) != {"public_key", "secret_key"} or not (_is_key(public) and _is_key(secret)):
            raise SecurityError(
                f"{path} holds no key pair: expected public_key and secret_key, 40 characters of Z85"
            )
        pair = cls(str(public), str(secret))
        if zmq.curve_public(pair.secret.encode("ascii")).decode("ascii") != pair.public:
            raise SecurityError(f"{path} holds a public_key that does not belong to its secret_key")
        return pair

    def write(self, path: Path) -> None:
        """Write the pair to a new file of mode 0600.

        Raises:
            SecurityError: The file exists, or cannot be made.
        """
        write_private_file(
            path, f'public_key = "{self.public}"\nsecret_key = "{self.secret}"\n'.encode("ascii")
        )


@dataclass(frozen=True, slots=True)
class Principal:
    """Who speaks over a connection, as its key says.

    Args:
        name: Unique within a directory of keys.
        tenant: Whose it is; None for a service of ours, which speaks for all tenants.
        roles: What it may do.
        accounts: The accounts that it may use; empty stands for all of its tenant's.
    """

    name: str
    tenant: str | None = None
    roles: frozenset[str] = frozenset()
    accounts: frozenset[int] = frozenset()


class Keyring:
    """The public keys that may come in, and whose they are. All others are refused.

    Args:
        principals: By public key, 40 characters of Z85.

    Raises:
        SecurityError: A key is none, or two principals have one name.
    """

    def __init__(self, principals: Mapping[str, Principal]) -> None:
        for key, principal in principals.items():
            if not _is_key(key):
                raise SecurityError(
                    f"the public key of {principal.name} is none: expected 40 characters of Z85"
                )
        for principal in principals.values():
            if any(each.name == principal.name and each != principal for each in principals.values()):
                raise SecurityError(f"{principal.name} stands for two principals")
        self._principals = dict(principals)

    @classmethod
    def read(cls, directory: Path) -> Keyring:
        """The keys in the files `*.toml` of a directory, each named after its principal.

        Raises:
            SecurityError: The directory is missing or open to others, a file may be written by others or is
                malformed, or two files have the same key.
        """
        if not directory.is_dir():
            raise SecurityError(
                f"{directory} has to be a directory with a file for each client that may come in"
            )
        private_directory(directory)
        principals: dict[str, Principal] = {}
        for path in sorted(directory.glob("*.toml")):
            keys, principal = _read_principal(path)
            for key in keys:
                if key in principals:
                    raise SecurityError(f"{path} has the public key of {principals[key].name} again")
                principals[key] = principal
        return cls(principals)

    def find(self, public_key: str) -> Principal | None:
        """Whose key this is; None where it may not come in."""
        return self._principals.get(public_key)

    def items(self) -> Iterable[tuple[str, Principal]]:
        """Each public key and whose it is."""
        return self._principals.items()

    def without(self, names: Iterable[str]) -> Keyring:
        """The same keys but for those of the principals named."""
        gone = set(names)
        return Keyring({key: who for key, who in self._principals.items() if who.name not in gone})

    def __len__(self) -> int:
        return len(self._principals)


class KeyringWatch:
    """Sees when the files of a keyring's directory were changed, and reads them again. Never waits for long.

    Args:
        directory: As of `Keyring.read`.
        now_ns: A steady clock.
    """

    def __init__(self, directory: Path, now_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._directory = directory
        self._now_ns = now_ns
        self._next_ns = 0
        self._seen = self._stamp()

    def changed(self) -> Keyring | None:
        """The keyring, where it is another than before: looked at once a second; None: it is not.

        Raises:
            SecurityError: It cannot be read; it is looked at again when its files change again.
        """
        now_ns = self._now_ns()
        if now_ns < self._next_ns:
            return None
        self._next_ns = now_ns + _LOOK_NS
        stamp = self._stamp()
        if stamp == self._seen:
            return None
        self._seen = stamp
        return Keyring.read(self._directory)

    def _stamp(self) -> int:
        try:
            return self._directory.stat().st_mtime_ns
        except OSError:
            return 0


class Authenticator:
    """Answers libzmq's question who may come in (ZAP, RFC 27), for all protected sockets of one context.

    It has no thread: a synchronous owner of the context calls `answer` when `socket` is readable, or often
    enough; in an asyncio loop `attach` does. Until then connections wait, and what is not answered never
    comes in. There can be one in a context.

    Args:
        context: The context of the sockets to protect.
        keyring: Who may come in. It may be replaced at any time: what was let in by a key that is gone is no
            longer recognised, see `principal`.
    """

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], keyring: Keyring) -> None:
        self.keyring = keyring
        self.admitted = 0
        self.refused = 0
        # Told of every key that is refused; "" where none was shown.
        self.on_refused: Callable[[str], object] = lambda _key: None
        self._loop: AbstractEventLoop | None = None
        self._fd = -1
        self.socket: zmq.Socket[bytes] = context.socket(zmq.REP)
        self.socket.setsockopt(zmq.LINGER, 0)
        try:
            self.socket.bind(_ZAP_ENDPOINT)
        except zmq.ZMQError as error:
            self.socket.close()
            raise SecurityError(
                f"this context has an authenticator already, or cannot have one: {error}"
            ) from None

    def protect(self, socket: zmq.Socket[bytes], keys: KeyPair) -> None:
        """Make a socket a CURVE server that lets in what this authenticator knows; before it binds.

        Raises:
            SecurityError: The authenticator is closed.
        """
        if self.socket.closed:
            raise SecurityError("the authenticator is closed: it can protect no socket")
        socket.setsockopt(zmq.ZAP_DOMAIN, _DOMAIN.encode("ascii"))
        socket.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)
        socket.setsockopt(zmq.CURVE_SERVER, 1)
        socket.setsockopt(zmq.CURVE_SECRETKEY, keys.secret.encode("ascii"))

    def answer(self) -> int:
        """Answer what was asked since, up to 64 questions; never waits. Gives how many."""
        for count in range(_ANSWERS_A_TURN):
            try:
                parts = self.socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return count
            self.socket.send_multipart(self._reply(parts))
        return _ANSWERS_A_TURN

    def principal(self, frame: zmq.Frame) -> Principal | None:
        """Who sent a frame; None where its connection is unprotected, or its key was revoked."""
        try:
            user_id = frame.get("User-Id")
        except zmq.ZMQError:
            return None
        return self.keyring.find(str(user_id))

    def attach(self) -> None:
        """Answer from the running asyncio loop, until `close`."""
        if self._loop is None:
            from asyncio import get_running_loop  # the core has no such loop: it need not load it

            self._loop = get_running_loop()
            self._fd = int(self.socket.getsockopt(zmq.FD))
            self._loop.add_reader(self._fd, self._turn)
            self._loop.call_soon(self._turn)

    def close(self) -> None:
        """Answer no more: from now on nobody new comes in."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.remove_reader(self._fd)
        self._loop = None
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _turn(self) -> None:
        if self._loop is not None and self.answer() == _ANSWERS_A_TURN:
            self._loop.call_soon(self._turn)

    def _reply(self, parts: list[bytes]) -> list[bytes]:
        request_id = parts[1] if len(parts) > 1 else b""
        key = _asking_key(parts)
        if key is None or self.keyring.find(key) is None:
            self.refused += 1
            self.on_refused(key or "")
            return [b"1.0", request_id, b"400", b"refused", b"", b""]
        self.admitted += 1
        return [b"1.0", request_id, b"200", b"OK", key.encode("ascii"), b""]


def connect_with(socket: zmq.Socket[bytes], keys: KeyPair, server_public: str) -> None:
    """Make a socket a CURVE client of a server whose public key is known; before it connects.

    Raises:
        SecurityError: `server_public` is no key.
    """
    if not _is_key(server_public):
        raise SecurityError("the server's public key is none: expected 40 characters of Z85")
    socket.setsockopt(zmq.CURVE_SERVERKEY, server_public.encode("ascii"))
    socket.setsockopt(zmq.CURVE_PUBLICKEY, keys.public.encode("ascii"))
    socket.setsockopt(zmq.CURVE_SECRETKEY, keys.secret.encode("ascii"))


def make_keys(directory: Path, name: str, *, tenant: str | None = None, roles: Iterable[str] = ()) -> KeyPair:
    """Make `NAME.key` for a new principal and let it in: write `clients/NAME.toml` beside it.

    Raises:
        SecurityError: The directory is not private, or one of the files exists.
        ConfigError: `name`, `tenant` or a role is not of letters, digits, `-` and `_`.
    """
    roles = sorted(roles)
    for word in (name, *roles, *([] if tenant is None else [tenant])):
        if not (word.isascii() and word.replace("-", "").replace("_", "").isalnum()):
            raise ConfigError(f"{word!r} is no name: expected letters, digits, - and _")
    clients = private_directory(private_directory(directory) / "clients")
    keys = KeyPair.generate()
    keys.write(directory / f"{name}.key")
    if (clients / f"{name}.toml").exists():
        raise SecurityError(f"{clients / name}.toml exists")
    let_in(directory, Principal(name, tenant, frozenset(roles)), [keys.public])
    return keys


def let_in(directory: Path, principal: Principal, public_keys: Sequence[str]) -> None:
    """Write `clients/NAME.toml`: these keys, the newest first, come in as a principal; without any, nobody.

    Raises:
        SecurityError: The directory is not private, or the file cannot be written.
    """
    path = private_directory(private_directory(directory) / "clients") / f"{principal.name}.toml"
    if not public_keys:
        path.unlink(missing_ok=True)
        return
    newest, *former = public_keys
    lines = [f'public_key = "{newest}"']
    lines += ["former_public_keys = [" + ", ".join(f'"{key}"' for key in former) + "]"] if former else []
    lines += [] if principal.tenant is None else [f'tenant = "{principal.tenant}"']
    lines += ["roles = [" + ", ".join(f'"{role}"' for role in sorted(principal.roles)) + "]"]
    lines += [f"accounts = {sorted(principal.accounts)}"] if principal.accounts else []
    replace_private_file(path, ("\n".join(lines) + "\n").encode("ascii"))


def _asking_key(parts: list[bytes]) -> str | None:
    """The client's public key in a question of ZAP; None for any other mechanism or domain."""
    if len(parts) != 7 or parts[0] != b"1.0" or parts[2] != _DOMAIN.encode("ascii") or parts[5] != b"CURVE":
        return None
    return z85.encode(parts[6]).decode("ascii") if len(parts[6]) == 32 else None


def _read_principal(path: Path) -> tuple[list[str], Principal]:
    table = _table(path, read_private_file(path, secret=False))
    if unknown := sorted(set(table) - _PRINCIPAL_KEYS):
        raise SecurityError(
            f"{path} has the unknown key {unknown[0]}: expected {', '.join(sorted(_PRINCIPAL_KEYS))}"
        )
    key = table.get("public_key")
    tenant = table.get("tenant")
    roles = table.get("roles", [])
    accounts = table.get("accounts", [])
    former = table.get("former_public_keys", [])
    if not _is_key(key):
        raise SecurityError(f"{path} has no public_key: expected 40 characters of Z85")
    if not (isinstance(former, list) and all(_is_key(each) for each in former)):
        raise SecurityError(f"{path} has former_public_keys that are no list of keys")
    if tenant is not None and not (isinstance(tenant, str) and tenant):
        raise SecurityError(f"{path} has a tenant that is no text")
    if not (isinstance(roles, list) and all(isinstance(role, str) and role for role in roles)):
        raise SecurityError(f"{path} has roles that are no list of texts")
    if not (isinstance(accounts, list) and all(type(account) is int and account > 0 for account in accounts)):
        raise SecurityError(f"{path} has accounts that are no list of positive integers")
    return [str(key), *former], Principal(path.stem, tenant, frozenset(roles), frozenset(accounts))


def _table(path: Path, content: bytes) -> dict[str, object]:
    try:
        return tomllib.loads(content.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError):
        # The parser's message may quote the line, which may be a secret.
        raise SecurityError(f"{path} is no TOML") from None


def _is_key(value: object) -> bool:
    """Whether a value is a CURVE key in Z85."""
    if not (isinstance(value, str) and len(value) == _KEY_BYTES and value.isascii()):
        return False
    try:
        z85.decode(value.encode("ascii"))
    except (ValueError, KeyError):
        return False
    return True
