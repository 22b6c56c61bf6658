"""People with a password, by the clients of the gateway: sessions, tokens, and keys that they make."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from exchange.client.rest import BearerAuth, RestClient, hmac_key
from exchange.client.rest import errors as e
from exchange.client.rest.connecting import Options
from exchange.client.stream import Close, OrdersEvent, StreamEnded, WaitingStreamClient
from tests.exchange.running import until
from tests.gateway.contract import ADMIN, furnish
from tests.gateway.door import Open
from tests.gateway.rest import options
from tests.gateway.running import LARGE, running
from tests.gateway.stream.floor import PASSWORD

OPTIONS = Options(timeout_s=60.0)


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    """With somebody who may do all that people may."""
    with running(tmp_path_factory.mktemp("sessions") / "data", *LARGE) as made:
        furnish(made)
        yield made


@pytest.mark.req("E091")
def test_session_trades_makes_a_key_and_ends(door: Open) -> None:
    """By its token, over HTTP and on a stream; when it ends, so does the stream."""
    url = f"http://127.0.0.1:{door.port}"
    with RestClient(url, options=OPTIONS) as nobody:
        with pytest.raises(e.NotAuthenticated):
            nobody.open_session(ADMIN, "not " + PASSWORD)
        opened = nobody.open_session(ADMIN, PASSWORD)
        assert {each.kty for each in nobody.token_keys().keys} == {"OKP"}
    auth = BearerAuth(opened.token)
    with (
        RestClient(url, auth, options=OPTIONS) as zoe,
        WaitingStreamClient(url, auth, options=options()) as stream,
    ):
        assert zoe.current_session().user.user_name == ADMIN
        assert zoe.balances().account == 11
        stream.subscribe("orders")
        order = zoe.limit("BTC-USD", "buy", "0.1", "1.00")
        for event in stream:
            if isinstance(event, OrdersEvent) and [each.order_id for each in event.orders] == [
                order.order_id
            ]:
                break
        assert stream.orders.cancel(order).exec_type == "canceled"

        made = zoe.new_api_key("robot", ["read"], accounts=[11])
        assert made.secret is not None
        robot = RestClient(url, hmac_key(made.key.key_id, made.secret), options=OPTIONS)
        with robot:
            until(lambda: _may(robot), "the key did not come")
            with pytest.raises(e.NotPermitted):
                robot.mass_cancel()
        assert made.key.key_id in {each.key_id for each in zoe.api_keys().keys}
        assert zoe.revoke_api_key(made.key.key_id).ended == made.key.key_id
        bob = zoe.new_user("robert", "a password of his own 9", ["viewer"], accounts=[11])
        assert bob.user_name in [each.user_name for each in zoe.each_user(limit=1)]
        token = zoe.issue_token()
        with RestClient(url, BearerAuth(token.token), options=OPTIONS) as by_token:
            assert by_token.balances().account == 11
        assert [each.current for each in zoe.sessions().sessions] == [True]
        zoe.end_session()
        with pytest.raises(StreamEnded) as ended:
            list(stream)
        assert ended.value.code is Close.SESSION_ENDED
        with pytest.raises(e.NotAuthenticated):
            zoe.balances()


def _may(client: RestClient) -> bool:
    try:
        return client.balances().account == 11
    except e.NotAuthenticated:
        return False
