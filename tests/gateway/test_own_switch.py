"""The kill switch of an account: who stops it, what that does, and who lets its orders in again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from exchange.bus.topics import TopicTable
from exchange.client import Client
from exchange.client.rest import RestClient, hmac_key
from exchange.client.rest.connecting import Options
from exchange.client.rest.errors import RestError
from exchange.client.rest.models import AccountSwitch
from exchange.domain.queries import AdminChangeRow
from exchange.security.sealing import Sealer
from exchange.services.gateway.own_switch import thrown
from exchange.services.identity.passwords import hashed
from exchange.services.identity.store import IdentityStore
from exchange.services.identity.tables import MIGRATIONS
from exchange.services.identity.users import Users
from exchange.storage.sql import open_store
from tests.gateway.door import ANN, BOB, WAIT_MS, Open
from tests.gateway.rest import PASSWORD, signed_in
from tests.gateway.running import LARGE, running

# Of tenant 1: two who trade for account 11, one for every account, and who runs the venue. Of tenant 2: eva.
USERS = (
    ("ann", 1, "trader", (11,)),
    ("abe", 1, "trader", (11,)),
    ("desk", 1, "trader", ()),
    ("vic", 1, "viewer", (11,)),
    ("zoe", 1, "admin", ()),
    ("eva", 2, "trader", ()),
)
ORDER = {
    "symbol": "BTC-USD", "side": "sell", "type": "limit", "timeInForce": "gtc", "qty": "0.0100",
    "price": "900.00",
}  # fmt: skip


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    """With administration, and a user of each kind."""
    data = tmp_path_factory.mktemp("switch") / "data"
    with running(data, "admin.enabled=true", *LARGE) as made:
        made.add(ANN, BOB)
        _people(made)
        yield made


def _people(door: Open) -> None:
    with open_store(door.data / "stores", "identity", MIGRATIONS) as store:
        users = Users(IdentityStore(store, Sealer(door.data / "keys"), TopicTable("dev")))
        for name, tenant, role, accounts in USERS:
            users.create(name, tenant, hashed(PASSWORD), [role], accounts)


def refused(client: RestClient, *, on: bool, account: int = 11) -> tuple[int, str]:
    """What a wish to throw the switch, or to take it back, is refused with."""
    with pytest.raises(RestError) as raised:
        (client.stop_account if on else client.release_account)(account=account)
    return raised.value.http_status, raised.value.name


def seen(client: RestClient, after: AccountSwitch) -> tuple[bool, str | None, str | None, bool]:
    """The switch as it is after that answer: whether it is on, who, why, whether one may take it back."""
    found = client.kill_switch(account=11, min_sequence=int(after.sequence))
    return found.on, found.who, found.why, found.may_release


def test_trader_stops_an_account_and_lets_its_orders_in_again(door: Open) -> None:
    """All its orders are cancelled, new ones of anybody are refused; another account goes on."""
    with signed_in(door, "ann") as ann:
        assert ann.kill_switch().on is False
        resting = [door.ann.ask("POST", "/v1/orders", ORDER).body["orderId"] for _ in range(2)]
        others = door.bob.ask("POST", "/v1/orders", ORDER).body["orderId"]
        stopped = ann.stop_account(why="a loop")
        assert (stopped.account, stopped.on, stopped.who, stopped.why) == (11, True, "ann", "a loop")
        assert seen(ann, stopped) == (True, "ann", "a loop", True)
        for order in resting:
            assert door.ann.ask("GET", f"/v1/orders/{order}").body["orderStatus"] == "canceled"
        assert door.bob.ask("GET", f"/v1/orders/{others}").body["orderStatus"] == "open"
        assert (door.ann.ask("POST", "/v1/orders", ORDER)).name == "KILLED"
        assert door.bob.ask("POST", "/v1/orders", ORDER).status == 201
        released = ann.release_account(why="mended")
        assert seen(ann, released) == (False, None, None, False)
        assert door.ann.ask("POST", "/v1/orders", ORDER).status == 201
        assert seen(ann, ann.release_account()) == (False, None, None, False)


def test_what_somebody_else_stopped_an_administrator_lets_in_again(door: Open) -> None:
    """Also where who may not release it throws it, too: the switch is one, and so is who threw it first."""
    with signed_in(door, "ann") as ann, signed_in(door, "abe") as abe, signed_in(door, "zoe") as zoe:
        zoe.throw_kill_switch("account", account=11, on=True, why="a breach")
        again = ann.stop_account()
        assert seen(ann, again) == (True, "ann", "", False)
        assert refused(ann, on=False) == (403, "SCOPE_MISSING")
        assert ann.kill_switch().on is True
        zoe.throw_kill_switch("account", account=11, on=False, why="talked")
        stopped = abe.stop_account()
        assert seen(ann, stopped) == (True, "abe", "", False)
        assert refused(ann, on=False) == (403, "SCOPE_MISSING")
        assert seen(abe, abe.release_account()) == (False, None, None, False)


def test_key_stops_and_a_person_releases(door: Open) -> None:
    """A program without a person cannot take it back, nor is its key taken for who has its name."""
    with signed_in(door, "ann") as ann, signed_in(door, "zoe") as zoe:
        stopped = door.ann.ask("POST", "/v1/kill-switch", {"on": True})
        assert stopped.status == 200
        assert stopped.body["who"].startswith("key:")
        back = door.ann.ask("POST", "/v1/kill-switch", {"on": False})
        assert (back.status, back.name) == (403, "SCOPE_MISSING")
        assert refused(ann, on=False) == (403, "SCOPE_MISSING")
        zoe.throw_kill_switch("account", account=11, on=False, why="asked for")
        made = ann.new_api_key("zoe", ["read", "trade"])
        assert made.secret is not None
        url = f"http://127.0.0.1:{door.port}"
        with RestClient(url, hmac_key(made.key.key_id, made.secret), options=Options(timeout_s=120)) as bot:
            assert seen(ann, bot.stop_account()) == (True, f"key:{made.key.key_id}", "", True)
        ann.release_account()
        assert door.ann.ask("POST", "/v1/orders", ORDER).status == 201


def test_nobody_stops_an_account_that_is_not_theirs(door: Open) -> None:
    """Not of another tenant, though the venue's own session might; not without the scope."""
    with signed_in(door, "eva") as eva, signed_in(door, "vic") as vic, signed_in(door, "desk") as desk:
        before = door.ann.ask("POST", "/v1/orders", ORDER).body["orderId"]
        assert refused(eva, on=True) == (404, "UNKNOWN_ACCOUNT")
        assert refused(eva, on=False) == (404, "UNKNOWN_ACCOUNT")
        with pytest.raises(RestError) as raised:
            eva.kill_switch(account=11)
        assert raised.value.name == "UNKNOWN_ACCOUNT"
        assert refused(vic, on=True) == (403, "SCOPE_MISSING")
        assert vic.kill_switch().on is False
        assert door.bob.ask("POST", "/v1/kill-switch", {"on": True, "account": 11}).name == "UNKNOWN_ACCOUNT"
        assert refused(desk, on=True, account=987_654) == (404, "UNKNOWN_ACCOUNT")
        assert door.ann.ask("GET", f"/v1/orders/{before}").body["orderStatus"] == "open"
        stopped = desk.stop_account(account=12)
        assert stopped.account == 12
        desk.release_account(account=12)


def test_without_administration_a_trader_stops_and_an_administrator_releases(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Nobody knows then who threw it. The command line takes it back."""
    with running(tmp_path_factory.mktemp("switch") / "data", *LARGE) as door:
        _people(door)
        with signed_in(door, "ann") as ann:
            assert seen(ann, ann.stop_account(why="a loop")) == (True, None, None, False)
            assert refused(ann, on=False) == (501, "NOT_ENABLED")
            endpoint = f"ipc://{door.data}/run/orders.sock"
            with Client.connect(
                endpoint, tenant=0, name="op", user="op", timeout_ms=WAIT_MS, connect_ms=WAIT_MS
            ) as operator:
                sequence = operator.admin.kill("account", account=11, on=False).sequence
            assert ann.kill_switch(min_sequence=sequence).on is False


def test_only_what_was_thrown_since_the_last_release_counts() -> None:
    """Refused wishes do not, nor what came after a release that is looked at."""
    row = AdminChangeRow(entity_type="KillSwitch", entity_id="account/11", afterwards='{"on": true}')
    off = '{"on": false}'
    rows = [
        replace(row, sequence=60, who="zoe"),
        replace(row, sequence=50, who="ann", afterwards=off),
        replace(row, sequence=40, who="zoe"),
        replace(row, sequence=30, who="eve", reject=2001),
        replace(row, sequence=20, who="ann"),
        replace(row, sequence=10, who="abe", afterwards=off),
        replace(row, sequence=5, who="abe"),
    ]
    assert [each.who for each in thrown(rows)] == ["zoe"]
    assert [each.who for each in thrown(rows, 50)] == ["zoe", "ann"]
    assert thrown(rows[1:]) == []
    assert thrown([]) == []
