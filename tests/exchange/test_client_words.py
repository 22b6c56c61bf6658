"""What clients say of what they were given that cannot be: addresses, secrets, symbols."""

from __future__ import annotations

from typing import Any

import pytest

from exchange.cli.order import _words
from exchange.client import Client, UnknownName
from exchange.client.instruments import Asset, Directory, Instrument
from exchange.client.rest import AsyncRestClient, RestClient, ed25519_key, hmac_key
from exchange.embedded import Exchange
from exchange.errors import ConfigError


@pytest.mark.parametrize("client", [RestClient, AsyncRestClient])
@pytest.mark.parametrize("address", ["127.0.0.1:8080", "localhost", "", "ws://a:1", "http://", "http://["])
def test_rest_client_refuses_what_is_no_address_of_a_gateway(client: type[RestClient], address: str) -> None:
    """When it is made: later it would look like an outcome that nobody knows."""
    with pytest.raises(ConfigError) as refused:
        client(address)
    assert str(refused.value) == (f"{address!r} is no address of a gateway: expected http://host:port")


def test_client_of_the_core_refuses_an_address_of_http() -> None:
    """And says who takes one."""
    with pytest.raises(ConfigError, match="is an address of HTTP: RestClient is for that; here ipc://"):
        Client.connect("http://127.0.0.1:8080", tenant=1, name="bot", user="ann")


def test_mistyped_secret_is_told_with_its_key_and_not_shown() -> None:
    """What signs cannot be made of it."""
    with pytest.raises(ValueError, match="the secret of key gk-1 is not hexadecimal: expected what") as told:
        hmac_key("gk-1", "e44z")
    assert "e44z" not in str(told.value)
    with pytest.raises(ValueError, match="the private key of gk-1 is not 32 bytes in hexadecimal"):
        ed25519_key("gk-1", "e44a")


def test_symbol_that_is_not_there_is_told_with_those_that_are() -> None:
    """What loads them is said where none was."""
    directory = Directory()
    with pytest.raises(UnknownName, match=r"^instrument 'BTC-USDT' is not known here: load_instruments\(\)"):
        directory.instrument_id("BTC-USDT")
    directory.add(Instrument(1, "BTC-USD", 1, 2, 2, 4))
    directory.add(Asset(1, "BTC", 8))
    with pytest.raises(UnknownName, match=r"^there is no instrument 'BTC-USDT' \(known: BTC-USD\)$"):
        directory.instrument_id("BTC-USDT")
    with pytest.raises(UnknownName, match=r"^there is no asset 'USD' \(known: BTC\)$"):
        directory.asset("USD")
    for number in range(2, 20):
        directory.add(Instrument(number, f"X-{number:02}", 1, 2, 2, 4))
    with pytest.raises(UnknownName, match=r"X-09, X-10, \.\.\.\)$"):
        directory.instrument(99)


def test_order_new_tells_what_became_of_an_order_in_decimals() -> None:
    """One that traded at once is not told as open."""
    with Exchange.embedded() as exchange:
        admin = exchange.client("operator").admin
        admin.define_asset(1, "BTC", 8)
        admin.define_asset(2, "USD", 6)
        admin.define_instrument(
            1, "BTC-USD", base="BTC", quote="USD", price_scale=2, qty_scale=4, max_price="70000.00"
        )
        for account in (11, 12):
            admin.open_account(account, tenant=1)
            admin.deposit("USD", "100000", account=account)
            admin.deposit("BTC", "5", account=account)
        client: Any = exchange.client("cli", tenant=1, account=11)
        client.load_instruments()
        rests = client.limit("BTC-USD", "sell", "0.5", "64000")
        assert _words(client, rests).split(": ")[1].startswith("0.5000 left, 0.0000 filled, sequence ")
        assert "accepted, now open: " in _words(client, rests)
        other: Any = exchange.client("other", tenant=1, account=12)
        other.load_instruments()
        market = "accepted, now filled: 0.0000 left, 0.1000 filled, sequence "
        bought = other.new_order("BTC-USD", "buy", "0.1", type="market")
        assert _words(other, bought).startswith(f"order {bought.order_id} {market}")
