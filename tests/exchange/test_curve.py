"""CURVE: who comes in and who does not, over real TCP sockets, and the files that decide it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import zmq
from zmq.utils import z85
from zmq.utils.monitor import parse_monitor_message

from exchange.bus.curve import Authenticator, KeyPair, Keyring, Principal, connect_with, make_keys
from exchange.bus.options import configure
from exchange.bus.pump import Pump
from exchange.bus.rpc import Call, Dispatcher, RpcClient, RpcServer, SocketChannel
from exchange.errors import ConfigError, RpcError, RpcStatus, SecurityError
from tests.exchange.rpc_world import METADATA, PATIENCE_MS, context, policy_of, run

SERVER, ALICE, BOB = KeyPair.generate(), KeyPair.generate(), KeyPair.generate()
KEYRING = Keyring({ALICE.public: Principal("alice", "acme-corp", frozenset({"trader"}), frozenset({1, 2}))})
Sockets = zmq.Context[zmq.Socket[bytes]]
# How libzmq's connections end up: let in, refused, or dropped in one of several ways, whichever comes first.
_DROPPED = zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL | zmq.EVENT_DISCONNECTED
OUTCOMES = {
    int(zmq.EVENT_HANDSHAKE_SUCCEEDED): "in",
    int(zmq.EVENT_HANDSHAKE_FAILED_AUTH): "refused",
}


async def who(call: Call) -> bytes:
    """Who the server takes the caller for."""
    return repr(call.principal).encode()


@asynccontextmanager
async def serving(
    sockets: Sockets, keyring: Keyring = KEYRING
) -> AsyncIterator[tuple[RpcServer, Authenticator]]:
    """A protected server on TCP."""
    with Authenticator(sockets, KEYRING) as gate:
        async with RpcServer(
            sockets, "tcp://127.0.0.1:*", Dispatcher({"a.who": who}), authenticator=gate, keys=SERVER
        ) as server:
            yield server, gate


async def handshake(sockets: Sockets, endpoint: str, keys: KeyPair | None, server_public: str | None) -> str:
    """Connect, and say how the first connection ended up."""
    first: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def on_event(parts: list[bytes]) -> None:
        if not first.done():
            event = parse_monitor_message(parts)["event"]
            first.set_result(OUTCOMES.get(int(event), "dropped"))

    socket: zmq.Socket[bytes] = sockets.socket(zmq.DEALER)
    configure(socket)
    socket.reconnect_ivl = -1  # there is no second one, however late we look
    if keys is not None and server_public is not None:
        connect_with(socket, keys, server_public)
    pump = Pump(socket.get_monitor_socket(sum(OUTCOMES) | _DROPPED), on_event, parts_max=2)
    try:
        socket.connect(endpoint)
        return await first
    finally:
        socket.disable_monitor()
        pump.close()
        socket.close(0)


@pytest.mark.parametrize(
    ("keys", "server_public", "outcome", "counted"),
    [
        (ALICE, SERVER.public, "in", (1, 0)),
        (BOB, SERVER.public, "refused", (0, 1)),
        (ALICE, BOB.public, "dropped", (0, 0)),
        (None, None, "dropped", (0, 0)),
    ],
    ids=["known", "unknown", "wrong server key", "missing"],
)
def test_server_lets_in_known_keys_only(
    keys: KeyPair | None, server_public: str | None, outcome: str, counted: tuple[int, int]
) -> None:
    """An unknown key is refused and counted; without one, or for another server, there is no connection."""

    async def play() -> tuple[str, tuple[int, int]]:
        async with context() as sockets, serving(sockets) as (server, gate), context() as other:
            return await handshake(other, server.endpoint, keys, server_public), (gate.admitted, gate.refused)

    assert run(play()) == (outcome, counted)


def test_server_whose_authenticator_is_gone_lets_nobody_in() -> None:
    """Plain libzmq would let everybody in then; a key that was good before is no longer."""

    async def play() -> list[str]:
        async with context() as sockets, serving(sockets) as (server, gate), context() as other:
            seen = [await handshake(other, server.endpoint, ALICE, SERVER.public)]
            gate.close()
            for keys in (ALICE, BOB):
                seen.append(await handshake(other, server.endpoint, keys, SERVER.public))  # noqa: PERF401
            return seen

    first, *later = run(play())
    assert first == "in"
    assert len(later) == 2
    assert "in" not in later


def test_plain_curve_server_without_authenticator_lets_any_key_in() -> None:
    """The trap itself, so that we learn when libzmq closes it: this is why `protect` sets a domain."""

    async def play() -> str:
        async with context() as sockets, context() as other:
            with sockets.socket(zmq.ROUTER) as socket:
                socket.linger = 0
                socket.setsockopt(zmq.CURVE_SERVER, 1)
                socket.setsockopt(zmq.CURVE_SECRETKEY, SERVER.secret.encode())
                socket.bind("tcp://127.0.0.1:*")
                endpoint = socket.getsockopt_string(zmq.LAST_ENDPOINT).rstrip("\0")
                return await handshake(other, endpoint, BOB, SERVER.public)

    assert run(play()) == "in"


def test_curve_is_turned_on_for_servers_in_one_place_only() -> None:
    """No other source mentions the option."""
    import exchange

    sources = Path(exchange.__file__).parent
    using = [
        str(path.relative_to(sources))
        for path in sorted(sources.rglob("*.py"))
        if "CURVE_SERVER," in (text := path.read_text(encoding="utf-8")) or "curve_server" in text
    ]
    assert using == ["bus/curve.py"]


@pytest.mark.req("C082")
def test_server_on_tcp_cannot_be_made_without_authenticator() -> None:
    """Nor with keys alone, nor with an authenticator that is closed; no socket is left."""

    async def play() -> list[str]:
        seen = []
        async with context() as sockets:
            with Authenticator(sockets, KEYRING) as gate:
                pass
            for options in ({}, {"keys": SERVER}, {"authenticator": gate, "keys": SERVER}):
                with pytest.raises(SecurityError) as refused:
                    RpcServer(sockets, "tcp://127.0.0.1:*", Dispatcher({}), **options)
                seen.append(str(refused.value))
        return seen

    assert run(play()) == [
        "tcp://127.0.0.1:* can be reached by other users: expected keys, or an ipc endpoint",
        "an authenticator and the server's keys come together or not at all",
        "the authenticator is closed: it can protect no socket",
    ]


def test_context_has_one_authenticator_at_most() -> None:
    """A second one would answer for nobody."""
    with (
        zmq.Context() as sockets,
        Authenticator(sockets, KEYRING),
        pytest.raises(SecurityError, match="this context has an authenticator already"),
    ):
        Authenticator(sockets, KEYRING)


def test_handler_knows_whose_key_it_is_until_it_is_revoked() -> None:
    """The connection stands, and every call on it is UNAUTHENTICATED from then on."""

    async def play() -> tuple[str, RpcError]:
        async with context() as sockets, serving(sockets) as (server, gate):
            channel = SocketChannel(sockets, server.endpoint, keys=ALICE, server_public=SERVER.public)
            async with RpcClient(channel, policy_of()) as client:
                answer = await client.call("a.who", metadata=METADATA)
                gate.keyring = gate.keyring.without(["alice"])
                with pytest.raises(RpcError) as refused:
                    await client.call("a.who", metadata=METADATA)
                return answer.decode(), refused.value

    answer, refused = run(play())
    assert answer == repr(KEYRING.find(ALICE.public))
    assert (refused.code, refused.message) == (RpcStatus.UNAUTHENTICATED, "the connection's key is not known")


def test_authenticator_answers_a_synchronous_owner_too() -> None:
    """As the core's loop does: it polls, answers, and only then the connection is there."""
    with zmq.Context() as sockets, zmq.Context() as other, Authenticator(sockets, KEYRING) as gate:
        router: zmq.Socket[bytes] = sockets.socket(zmq.ROUTER)
        dealer: zmq.Socket[bytes] = other.socket(zmq.DEALER)
        configure(router)
        configure(dealer)
        gate.protect(router, SERVER)
        connect_with(dealer, ALICE, SERVER.public)
        router.bind("tcp://127.0.0.1:*")
        dealer.connect(router.getsockopt_string(zmq.LAST_ENDPOINT).rstrip("\0"))
        try:
            assert gate.answer() == 0
            assert gate.socket.poll(PATIENCE_MS) == zmq.POLLIN
            assert gate.answer() == 1
            assert dealer.poll(PATIENCE_MS, zmq.POLLOUT) == zmq.POLLOUT
            dealer.send(b"hello")
            assert router.poll(PATIENCE_MS) == zmq.POLLIN
            _, frame = router.recv_multipart(copy=False)
            assert gate.principal(frame) == KEYRING.find(ALICE.public)
        finally:
            router.close(0)
            dealer.close(0)


@pytest.mark.parametrize(
    "question",
    [
        [],
        [b"1.0"],
        [b"2.0", b"1", b"exchange", b"", b"", b"CURVE", bytes(32)],
        [b"1.0", b"1", b"other", b"", b"", b"CURVE", bytes(32)],
        [b"1.0", b"1", b"exchange", b"", b"", b"NULL"],
        [b"1.0", b"1", b"exchange", b"", b"", b"PLAIN", b"alice", b"secret"],
        [b"1.0", b"1", b"exchange", b"", b"", b"CURVE", bytes(31)],
        [b"1.0", b"1", b"exchange", b"", b"", b"CURVE", bytes(32)],
        [b"1.0", b"1", b"exchange", b"", b"", b"CURVE", bytes(32), b"more"],
    ],
)
def test_authenticator_refuses_every_question_that_is_not_a_known_key(question: list[bytes]) -> None:
    """Other mechanisms, versions, domains and malformed ones; it goes on answering."""
    good = [b"1.0", b"2", b"exchange", b"", b"", b"CURVE", z85.decode(ALICE.public.encode())]
    with zmq.Context() as sockets, Authenticator(sockets, KEYRING) as gate, sockets.socket(zmq.REQ) as asking:
        asking.linger = 0
        asking.connect("inproc://zeromq.zap.01")
        replies = []
        for parts in (question or [b""], good):
            asking.send_multipart(parts)
            while not gate.answer():
                gate.socket.poll(PATIENCE_MS)
            replies.append(asking.recv_multipart())
        request_id = question[1] if len(question) > 1 else b""
        assert replies == [
            [b"1.0", request_id, b"400", b"refused", b"", b""],
            [b"1.0", b"2", b"200", b"OK", ALICE.public.encode(), b""],
        ]
        assert (gate.admitted, gate.refused) == (1, 1)


def test_frame_of_an_unprotected_connection_has_no_principal() -> None:
    """Nobody vouches for it."""
    with (
        zmq.Context() as sockets,
        Authenticator(sockets, KEYRING) as gate,
        sockets.socket(zmq.PAIR) as one,
        sockets.socket(zmq.PAIR) as other,
    ):
        one.bind("inproc://pair")
        other.connect("inproc://pair")
        other.send(b"x")
        assert gate.principal(one.recv(copy=False)) is None


def test_keys_are_made_written_and_read_back(tmp_path: Path) -> None:
    """The pair in a file of mode 0600, and the file that lets it in; a second time is refused."""
    directory = tmp_path / "keys"
    keys = make_keys(directory, "desk-1", tenant="acme-corp", roles=["trader", "reader"])
    assert KeyPair.read(directory / "desk-1.key") == keys
    assert (directory / "desk-1.key").stat().st_mode & 0o777 == 0o600
    principal = Principal("desk-1", "acme-corp", frozenset({"trader", "reader"}))
    assert Keyring.read(directory / "clients").find(keys.public) == principal
    with pytest.raises(SecurityError, match="cannot be made: File exists"):
        make_keys(directory, "desk-1")
    for name in ("", "a/b", "a b", 'a"', "é"):
        with pytest.raises(ConfigError, match="is no name"):
            make_keys(directory, name)
    assert keys.secret not in repr(keys)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "holds no key pair: expected public_key and secret_key, 40 characters of Z85"),
        (f'public_key = "{ALICE.public}"\n', "holds no key pair: expected public_key and secret_key"),
        (
            f'public_key = "{ALICE.public}"\nsecret_key = "{BOB.secret}"\n',
            "does not belong to its secret_key",
        ),
        (f'public_key = "{ALICE.public}"\nsecret_key = "{"é" * 40}"\n', "holds no key pair"),
        (f'public_key = "{ALICE.public}"\nsecret_key = {ALICE.secret}\n', "is no TOML"),
    ],
)
def test_key_file_with_a_fault_is_refused_without_telling_the_secret(
    tmp_path: Path, content: str, message: str
) -> None:
    """Whatever is wrong with it."""
    path = tmp_path / "a.key"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(SecurityError) as refused:
        KeyPair.read(path)
    assert message in str(refused.value)
    assert ALICE.secret not in str(refused.value)
    assert BOB.secret not in str(refused.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "has no public_key"),
        ('public_key = "short"', "has no public_key"),
        ('public_key = "{key}"\nadmin = true', "has the unknown key admin"),
        ('public_key = "{key}"\ntenant = ""', "has a tenant that is no text"),
        ('public_key = "{key}"\nroles = "all"', "has roles that are no list of texts"),
        ('public_key = "{key}"\naccounts = [0]', "has accounts that are no list of positive integers"),
        ('public_key = "{key}"\naccounts = [true]', "has accounts that are no list of positive integers"),
        ("public_key = ", "is no TOML"),
    ],
)
def test_client_file_with_a_fault_is_refused(tmp_path: Path, content: str, message: str) -> None:
    """One bad file refuses the whole directory: nobody comes in by accident."""
    clients = tmp_path / "clients"
    clients.mkdir(mode=0o700)
    (clients / "good.toml").write_text(f'public_key = "{BOB.public}"')
    (clients / "bad.toml").write_text(content.replace("{key}", ALICE.public))
    for path in clients.iterdir():
        path.chmod(0o600)
    with pytest.raises(SecurityError, match=f"bad.toml {message}"):
        Keyring.read(clients)


def test_client_files_with_one_key_or_open_to_others_are_refused(tmp_path: Path) -> None:
    """Each named in the message; a missing directory too."""

    def spoiled(spoil: Callable[[Path], Any]) -> str:
        clients = tmp_path / str(len(list(tmp_path.iterdir())))
        clients.mkdir(mode=0o700)
        for name, keys in (("alice", ALICE), ("bob", BOB)):
            (clients / f"{name}.toml").write_text(f'public_key = "{keys.public}"')
            (clients / f"{name}.toml").chmod(0o600)
        spoil(clients)
        with pytest.raises(SecurityError) as refused:
            Keyring.read(clients)
        return str(refused.value).replace(f"{clients}", "clients")

    def same_key(clients: Path) -> None:
        (clients / "bob.toml").write_text(f'public_key = "{ALICE.public}"')

    def gone(clients: Path) -> None:
        for path in clients.iterdir():
            path.unlink()
        clients.rmdir()

    assert [
        spoiled(same_key),
        spoiled(lambda clients: (clients / "bob.toml").chmod(0o622)),
        spoiled(lambda clients: clients.chmod(0o755)),
        spoiled(gone),
    ] == [
        "clients/bob.toml has the public key of alice again",
        "clients/bob.toml is open to others (mode 0622, expected no writing by group or others)",
        "clients is open to group or others (mode 0755, expected 0700)",
        "clients has to be a directory with a file for each client that may come in",
    ]


def test_connecting_with_a_server_key_that_is_none_is_refused() -> None:
    """Before anything is set."""
    with zmq.Context() as sockets, sockets.socket(zmq.DEALER) as socket:
        with pytest.raises(SecurityError, match="the server's public key is none"):
            connect_with(socket, ALICE, "x" * 39)
        assert socket.getsockopt(zmq.MECHANISM) == zmq.NULL
