"""The exchange of these tests, and what its processes say of themselves."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exchange.client import Client
from tests.exchange.running import Up, until
from tests.gateway.door import WAIT_MS, Open
from tests.gateway.metrics import sample
from tests.gateway.signed import Answer, Program
from tests.gateway.stream.socket import Stream

PASSWORD = "a password of theirs 7"  # noqa: S105 (of a test)
SYMBOL = "BTC-USD"
MARKET = "/stream/market"


@dataclass(kw_only=True)
class Floor(Open):
    """With gateways on `port` and the one after it."""

    up: Up
    issuer: Ed25519PrivateKey

    def session(self, who: str, at: int = 0) -> str:
        """The token of a new session of a person, who signs in at one of the gateways."""
        body = {"userName": who, "password": PASSWORD}
        opened: Answer = Program(self.port + at).ask("POST", "/v1/sessions", body)
        assert opened.status == 201, opened.content
        token: str = opened.body["token"]
        return token

    def sample(self, metric: str, /, **labels: str) -> float:
        """See `tests.gateway.metrics`."""
        return sample(self.up, metric, **labels)

    def stream(self, who: str = "", at: int = 0, **more: object) -> Stream:
        """A stream of somebody, logged on at one of the gateways."""
        made = Stream(self.port + at)
        if who:
            welcome = made.log_on(self.programs[who], **more)
            assert welcome["type"] == "WELCOME", welcome
        return made

    def trader(self, account: int, tenant: int = 1) -> Client:
        """A program with a session of its own, past the gateways."""
        client = Client.connect(
            f"ipc://{self.data}/run/orders.sock", tenant=tenant, name=f"past-{account}", user="t",
            account=account, queries=f"ipc://{self.data}/run/queries.sock", timeout_ms=WAIT_MS,
            connect_ms=WAIT_MS,
        )  # fmt: skip
        client.load_instruments()
        return client

    def kill(self, name: str) -> None:
        """A process at once; waits until its successor is there."""
        pid = self.up.announcement()["processes"][name]
        os.kill(pid, signal.SIGKILL)
        until(lambda: self.up.announcement()["processes"][name] not in {None, pid}, f"{name} stays away")

    def answers(self, at: int = 0) -> bool:
        """Whether one of the gateways answers somebody who signs."""
        try:
            asked = Program(self.port + at, self.ann.key).ask("GET", "/v1/balances")
        except OSError:
            return False
        return asked.status == 200
