"""A conversation without a socket or an exchange: what is paid for, what ends it, orders that end with it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections.abc import Callable, Coroutine, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from exchange.client.instruments import Instrument
from exchange.client.rest import models as m
from exchange.client.rest.closing import Close
from exchange.config.settings import Gateway
from exchange.domain.enums import RejectCode
from exchange.errors import GatewayFault
from exchange.security.principal import Method, Principal
from exchange.security.sealing import Sealer
from exchange.services.gateway import orders
from exchange.services.gateway.calls import Answer, Call
from exchange.services.gateway.limits import Limits
from exchange.services.gateway.refusal import Refusal
from exchange.services.gateway.stream.conversation import Conversation
from exchange.services.gateway.stream.ground import Ground
from exchange.services.gateway.stream.hub import Hub
from exchange.services.gateway.stream.outlet import Frames, Outlet
from exchange.services.gateway.stream.resume import Tokens
from exchange.services.gateway.stream.source import Source
from exchange.services.gateway.stream.tally import Tally

ORDER = {"symbol": "A-B", "side": "buy", "qty": "1", "price": "1"}
BOUND = 65_536


class Line:
    """A connection; its other side reads what waits when it is told to."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.buffered = 0
        self.reads = True
        self.code: int | None = None

    def write(self, frame: bytes) -> None:
        """Takes a frame."""
        self.told.append(json.loads(frame[frame.index(b"{") :]))
        self.buffered += 0 if self.reads else len(frame)

    def end(self, code: int, _: str) -> None:
        """Closes it."""
        self.code = code


class Core:
    """Orders by account and client order id. What is sent waits in its line until it is taken."""

    def __init__(self) -> None:
        self.live: set[tuple[int, str]] = {(11, "of-http")}
        self.cancelled: list[str] = []
        self.may_answer = asyncio.Event()
        self.client = SimpleNamespace(
            orders=SimpleNamespace(find=lambda _: None),
            make=SimpleNamespace(
                batch=list,
                orders=SimpleNamespace(cancel=lambda order, account, instrument: (account, order)),
            ),
        )
        self._ids = itertools.count(1)
        self._names: dict[int, str] = {}

    async def enter(self, call: Call) -> Answer:
        """In the place of the handler of new orders."""
        body: m.NewOrder = call.body
        key = call.account(None), call.request_id(body.client_order_id)
        if key in self.live:
            raise Refusal(RejectCode.DUPLICATE_ID_DIFFERENT)
        self.live.add(key)
        order_id = next(self._ids)
        self._names[order_id] = key[1]
        await self.may_answer.wait()
        said = dict.fromkeys(m.OrderAnswer.__struct_fields__, "")
        del said["executions"]
        said |= {"order_id": str(order_id), "leaves_qty": "1.0", "symbol": body.symbol}
        return Answer(m.OrderAnswer(**said), 201)  # type: ignore[arg-type]  # of which none is looked at

    async def send(self, _: str, make: Callable[[str], list[tuple[int, Any]]], __: str) -> None:
        """Cancels."""
        for account, order in make(""):
            name = order if isinstance(order, str) else self._names[order.order_id]
            self.cancelled.append(name)
            self.live.discard((account, name))


class Scene:
    """A conversation with somebody, whose frames are said one by one."""

    def __init__(self, keys: Path, *, scopes: str = "read trade", **more: Any) -> None:
        settings = Gateway(stream_bytes_max=BOUND, answer_timeout_ms=50, **more)
        self.core, self.line = Core(), Line()
        self._frames: asyncio.Queue[Mapping[str, Any]] = asyncio.Queue()
        self.principal = Principal(
            tenant=1, subject="ann", name="ann", method=Method.SESSION, credential_id="se-1",
            scopes=frozenset(scopes.split()), accounts=(11,), session_id="se-1",
        )  # fmt: skip

        async def of_handshake(*_: Any) -> Principal:
            return self.principal

        @contextlib.contextmanager
        def watched(_: Principal) -> Iterator[asyncio.Future[Close]]:
            yield asyncio.get_running_loop().create_future()

        async def trader(_: int) -> Core:
            return self.core

        async def instrument(_: str) -> Instrument:
            return Instrument(7, "A-B", 1, 2, 2, 4)

        exchange = SimpleNamespace(
            doors=SimpleNamespace(
                authenticator=SimpleNamespace(of_handshake=of_handshake),
                standing=SimpleNamespace(watched=watched),
            ),
            upstream=SimpleNamespace(trader=trader),
            known=SimpleNamespace(instrument=instrument),
        )
        keys.mkdir(mode=0o700, exist_ok=True)
        hub = Hub(lambda *_: pytest.fail("no feed is opened"))
        limits = Limits(settings, lambda: 0)  # so nothing of a budget comes back
        source = cast(Source, SimpleNamespace(exchange=exchange))
        ground = Ground(settings, source, hub, limits, Tokens(Sealer(keys)), lambda _: None)
        self.outlet = Outlet(self.line, BOUND, Tally())
        self._conversation = Conversation(ground, self.outlet, "192.0.2.1", is_open_to_all=False)
        self._running = asyncio.create_task(self._conversation.run(self._frames.get, {}, []))

    def say(self, op: str, **fields: Any) -> None:
        """One frame."""
        self.text(json.dumps({"op": op} | fields))

    def text(self, text: str) -> None:
        """Likewise, as it is."""
        self._frames.put_nowait({"type": "websocket.receive", "text": text})

    async def heard(self) -> None:
        """What was said is heard, and answered as far as it can be."""
        for _ in range(20 + self._frames.qsize()):
            await asyncio.sleep(0)

    async def ask(self, op: str, **fields: Any) -> Any:
        """The answer to a frame."""
        self.say(op, **fields)
        await self.heard()
        return self.line.told[-1]

    async def leave(self) -> None:
        """The other side goes."""
        self._frames.put_nowait({"type": "websocket.disconnect"})
        await self._running


@pytest.fixture
def play(tmp_path: Path) -> Callable[..., None]:
    """Plays a scene."""

    def played(acts: Callable[[Scene], Coroutine[Any, Any, None]], **more: Any) -> None:
        async def whole() -> None:
            scene = Scene(tmp_path / "keys", **more)
            await scene.heard()
            await acts(scene)
            await scene.leave()

        asyncio.run(whole())

    return played


Play = Callable[..., None]


@pytest.mark.parametrize("text", ['{"op":"NOPE"}', '{"op":"ORDER","order":{"symbol":1}}', "[1]"])
def test_frame_that_is_refused_is_paid_for(play: Play, text: str) -> None:
    """One of the address and one of the key; beyond the budget it is RATE_LIMITED, like any other."""

    async def acts(scene: Scene) -> None:
        for _ in range(8):
            scene.text(text)
        await scene.heard()
        names = [each["error"]["name"] for each in scene.line.told if each["type"] == "ERROR"]
        assert names[:5].count("RATE_LIMITED") == 0
        assert names[5:] == ["RATE_LIMITED"] * 3

    play(acts, ip_burst=5)


def test_flood_of_frames_that_are_refused_closes_the_stream(play: Play) -> None:
    """4005 after a hundred beyond the budget, and nothing is answered behind it."""

    async def acts(scene: Scene) -> None:
        for _ in range(3_000):
            scene.text('{"op":"NOPE"}')
        await scene.heard()
        assert scene.line.code == Close.RATE_LIMITED
        assert sum(each["type"] == "ERROR" for each in scene.line.told) == 5 + 100

    play(acts, ip_burst=5)


@pytest.mark.parametrize("text", ['{"op":"NOPE"}', '{"op":"PING"}'])
def test_reader_that_asks_and_does_not_read_is_closed(play: Play, text: str) -> None:
    """4006 once its answers are as many bytes as may wait; none is kept behind that."""

    async def acts(scene: Scene) -> None:
        scene.line.reads = False
        for _ in range(10_000):
            scene.text(text)
        await scene.heard()
        assert scene.line.code == Close.TOO_SLOW
        assert scene.line.buffered < BOUND * 3 // 2

    play(acts, ip_per_s=1_000_000, ip_burst=1_000_000, key_burst=1_000_000, tenant_burst=1_000_000)


def test_reader_that_reads_may_ask_for_ever_however_large_a_snapshot_is(play: Play) -> None:
    """What waits of updates is no answer: who reads it is not closed for asking beside it."""

    async def acts(scene: Scene) -> None:
        for _ in range(10):
            scene.line.buffered = 4 * BOUND  # one snapshot, of which it reads
            for _ in range(100):
                scene.text('{"op":"PING"}')
            await scene.heard()
            scene.line.buffered = 0
            scene.outlet.beat(Frames(""), 0.0)
        assert scene.line.code is None

    play(acts)


@pytest.mark.parametrize("answers", [True, False])
def test_orders_under_way_when_the_stream_ends_are_cancelled(
    play: Play, answers: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answered a little later, or never: by their ids, or by their names."""

    async def acts(scene: Scene) -> None:
        monkeypatch.setattr(orders, "new_order", scene.core.enter)
        await scene.ask("LOGON", cancelOnDisconnect=True)
        for at in range(10):
            scene.say("ORDER", id=str(at), order=ORDER | ({"clientOrderId": f"mine-{at}"} if at % 2 else {}))
        leaving = asyncio.create_task(scene.leave())
        await scene.heard()
        if answers:
            scene.core.may_answer.set()
        await leaving
        assert len(scene.core.cancelled) == 10
        assert scene.core.live == {(11, "of-http")}

    play(acts)


def test_order_whose_name_another_has_does_not_cancel_that(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refused order is not there; one that was entered here twice is, once."""

    async def acts(scene: Scene) -> None:
        monkeypatch.setattr(orders, "new_order", scene.core.enter)
        scene.core.may_answer.set()
        await scene.ask("LOGON", cancelOnDisconnect=True)
        for name in ("of-http", "mine", "mine"):
            await scene.ask("ORDER", order=ORDER | {"clientOrderId": name})
        await scene.leave()
        assert scene.core.cancelled == ["mine"]
        assert scene.core.live == {(11, "of-http")}

    play(acts)


def test_orders_stay_where_nobody_wants_them_cancelled(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what was under way is still answered."""

    async def acts(scene: Scene) -> None:
        monkeypatch.setattr(orders, "new_order", scene.core.enter)
        scene.say("ORDER", order=ORDER | {"clientOrderId": "mine"})
        await scene.heard()
        scene.core.may_answer.set()
        await scene.leave()
        assert scene.line.told[-1]["type"] == "RESULT"
        assert scene.core.live == {(11, "of-http"), (11, "mine")}

    play(acts)


@pytest.mark.parametrize("with_token", [False, True])
def test_stream_of_a_handshake_may_want_its_orders_cancelled(
    play: Play, with_token: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a LOGON that says only that, or with the token of the stream before; it counts from then on."""

    async def acts(scene: Scene) -> None:
        monkeypatch.setattr(orders, "new_order", scene.core.enter)
        scene.core.may_answer.set()
        token = scene.line.told[0]["resumeToken"]
        await scene.ask("ORDER", order=ORDER | {"clientOrderId": "before"})
        said = {"resume": {"token": token, "sequence": "0"}} if with_token else {}
        welcome = await scene.ask("LOGON", id="x", cancelOnDisconnect=True, **said)
        assert (welcome["type"], welcome["id"]) == ("WELCOME", "x")
        await scene.ask("ORDER", order=ORDER | {"clientOrderId": "behind"})
        await scene.leave()
        assert scene.core.cancelled == ["behind"]

    play(acts)


@pytest.mark.parametrize(
    ("scopes", "said", "name"),
    [
        ("read", {"cancelOnDisconnect": True}, GatewayFault.SCOPE_MISSING.name),
        ("read trade", {}, GatewayFault.ALREADY_LOGGED_ON.name),
        ("read trade", {"token": "t", "cancelOnDisconnect": True}, GatewayFault.ALREADY_LOGGED_ON.name),
    ],
)
def test_second_logon_that_says_more_is_refused(
    play: Play, scopes: str, said: dict[str, Any], name: str
) -> None:
    """Who enters no orders has none to cancel; nobody says twice who they are."""

    async def acts(scene: Scene) -> None:
        assert (await scene.ask("LOGON", **said))["error"]["name"] == name

    play(acts, scopes=scopes)
