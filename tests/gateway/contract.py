"""``python -m tests.gateway.contract --requests 20000``: does the gateway keep to its OpenAPI document?

Schemathesis makes requests of every operation, half of them as the document allows and half as it does not;
a running exchange answers them. No answer may be a 5xx, or of a status, a content type or a body that the
document does not have, and nothing may be accepted that it does not allow. Half of the requests name what
there is (the market, an account, an order), so that they come further than the first check.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import hypothesis
import requests
import schemathesis
from hypothesis import HealthCheck, Phase
from requests.auth import AuthBase
from schemathesis import Case, GenerationMode
from schemathesis.config import GenerationConfig, ProjectConfig, ProjectsConfig, SchemathesisConfig
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from exchange.bus.topics import TopicTable
from exchange.client.rest import RestClient
from exchange.client.rest.credentials import ApiKeyAuth
from exchange.security.api_keys import SCOPES
from exchange.security.sealing import Sealer
from exchange.services.identity.passwords import hashed
from exchange.services.identity.store import IdentityStore
from exchange.services.identity.tables import MIGRATIONS
from exchange.services.identity.users import Users
from exchange.storage.sql import open_store
from tests.gateway.door import ANN, BOB, Open
from tests.gateway.rest import auth_of
from tests.gateway.running import LARGE, running
from tests.gateway.stream.floor import PASSWORD

TIMEOUT_S: Final = 120
ADMIN: Final = "zoe"
# A switch thrown by chance has every order refused from then on; the others need administration.
NOT_ASKED: Final = {
    "POST /v1/operator/kill-switch",
    "POST /v1/kill-switch",
    "POST /v1/operator/audit",
    "GET /v1/operator/limits",
    "GET /v1/operator/kill-switches",
}
CHECKS: Final = [
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]


class Signing(AuthBase):
    """Signs what schemathesis sends, which goes through requests, by the client's signer.

    Args:
        auth: The client's.
        token: Of a session.
    """

    def __init__(self, auth: ApiKeyAuth, token: str) -> None:
        self._auth = auth
        self._token = token
        self.by_key = True
        """Else by a session's token."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Of requests: the last word on what is sent."""
        if not self.by_key:
            request.headers["authorization"] = f"Bearer {self._token}"
            return request
        body = request.body or b""
        if not isinstance(body, str | bytes):
            raise TypeError(f"a body of {type(body).__name__} cannot be signed")
        content = body.encode() if isinstance(body, str) else body
        method, target = str(request.method), request.path_url.encode("ascii")
        request.headers.update(self._auth.headers(method, target, content))
        return request


@dataclass
class Findings:
    """What came of it.

    Args:
        statuses: How often each operation had each status.
        failures: What did not keep to the document.
    """

    statuses: dict[str, Counter[int]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    @property
    def requests(self) -> int:
        """How many were answered."""
        return sum(sum(each.values()) for each in self.statuses.values())


# Of an order that the exchange takes; with anything else it is one that it may refuse.
PLAIN: Final = ("symbol", "side", "clientOrderId", "account", "respType")
THERE: Final[dict[str, Any]] = {
    **dict.fromkeys(("price", "stopPrice", "trail", "offset"), "95.00"),
    **dict.fromkeys(("qty", "displayQty", "minQty"), "0.0100"),
    "symbol": "BTC-USD", "account": 11, "asset": "USD", "amount": "0.01", "toAccount": 12,
    "quoteQty": "10.00", "expireAt": "2100-01-01T00:00:00Z",
}  # fmt: skip


class Known:
    """Names what there is, in the place of what was made up, in every second request.

    Args:
        client: Enters the orders that are named, a new one for each request that may end it.
    """

    def __init__(self, client: RestClient) -> None:
        self._client = client
        self._order = client.limit("BTC-USD", "sell", "1", "900.00")
        self._named = 0

    def name(self, case: Case[Any]) -> None:
        """Of one request."""
        self._named += 1
        if self._named % 2:
            return
        path: Any = case.path_parameters or {}
        if case.method != "GET" and ("orderId" in path or "clientOrderId" in path):
            self._order = self._client.limit("BTC-USD", "sell", "0.1", "900.00")
        order = {"orderId": self._order.order_id, "clientOrderId": self._order.client_order_id}
        path.update({name: value for name, value in (THERE | order).items() if name in path})
        orders = case.body.get("orders") if isinstance(case.body, dict) else None
        for part in (case.query, case.body, *(orders if isinstance(orders, list) else ())):
            if not isinstance(part, dict):
                continue
            if self._named % 4 and "side" in part and part is not case.query:
                for name in part.keys() - set(PLAIN):
                    del part[name]
                part |= {"qty": "0.0100", "price": "95.00"}
            for name, value in THERE.items():
                if part.get(name) is not None:
                    part[name] = value


def furnish(door: Open) -> None:
    """Keys for two programs, and somebody who may do all that people may."""
    door.add(ANN, BOB)
    with open_store(door.data / "stores", "identity", MIGRATIONS) as store:
        users = Users(IdentityStore(store, Sealer(door.data / "keys"), TopicTable("dev")))
        users.create(ADMIN, 1, hashed(PASSWORD), ["admin"], [11])


def campaign(door: Open, most: int, seed: int = 0) -> Findings:
    """Ask so many requests, about as many of each operation.

    Args:
        door: The exchange.
        most: How many.
        seed: Of chance.
    """
    config = SchemathesisConfig(
        projects=ProjectsConfig(
            default=ProjectConfig(generation=GenerationConfig(with_security_parameters=False))
        )
    )
    document = door.nobody.ask("GET", "/openapi.json").body
    schema = schemathesis.openapi.from_dict(document, config=config)
    operations: list[Any] = [each.ok() for each in schema.get_all_operations()]  # type: ignore[union-attr]  # its own document is valid
    operations = [each for each in operations if each.label not in NOT_ASKED]
    auth = auth_of(door.ann)
    found = Findings()
    url = f"http://127.0.0.1:{door.port}"
    with (
        RestClient(url, auth_of(door.bob)) as bob,
        RestClient(url, auth) as ann,
        requests.Session() as session,
    ):
        bob.limit("BTC-USD", "sell", "1", "100.00")
        known = Known(ann)
        ann.limit("BTC-USD", "buy", "0.5", "100.00")
        session.trust_env = False
        opened = ann.open_session(ADMIN, PASSWORD)
        session.auth = signing = Signing(auth, opened.token)
        while found.requests < most and not found.failures:
            each_mode = -(-(most - found.requests) // (2 * len(operations)))
            for operation in operations:
                # What ends the session is asked by the key alone, which may not.
                scope = operation.definition.raw["x-scope"]
                signing.by_key = scope in SCOPES or operation.label == "DELETE /v1/sessions/current"
                _both_ways(operation, _Asking(session, door.port, known, found), each_mode, seed)
            seed += 1
    return found


def _both_ways(operation: Any, asking: _Asking, most: int, seed: int) -> None:
    """An operation as the document allows it, and as it does not."""
    settings = hypothesis.settings(
        max_examples=most,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
        given = hypothesis.given(case=operation.as_strategy(generation_mode=mode))
        ask = asking.as_it_comes if mode is GenerationMode.NEGATIVE else asking.of_what_is_there
        try:
            hypothesis.seed(seed)(settings(given(ask)))()
        except hypothesis.errors.Unsatisfiable:
            continue  # of what takes nothing, nothing can be wrong
        except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001  # whatever it is, it is a finding
            asking.found.failures.append(f"{operation.label} ({mode.value}): {error}")


@dataclass
class _Asking:
    """Asks, counts, and holds answers against the document."""

    session: requests.Session
    port: int
    known: Known
    found: Findings

    @property
    def of_what_is_there(self) -> Callable[..., None]:
        """Asks, in every second request of what there is."""

        def ask(case: Case[Any]) -> None:
            self.known.name(case)
            self.ask(case)

        return ask

    @property
    def as_it_comes(self) -> Callable[..., None]:
        """Asks what was made up."""

        def ask(case: Case[Any]) -> None:
            self.ask(case)

        return ask

    def ask(self, case: Case[Any]) -> None:
        """One request."""
        url = f"http://127.0.0.1:{self.port}"
        response = case.call(base_url=url, session=self.session, timeout=TIMEOUT_S)
        self.found.statuses.setdefault(case.operation.label, Counter())[response.status_code] += 1
        case.validate_response(response, checks=CHECKS)


def main(arguments: Sequence[str] | None = None) -> int:
    """Asks and tells; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.gateway.contract", description=__doc__)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory() as directory,
        running(Path(directory) / "data", *LARGE) as door,
    ):
        furnish(door)
        found = campaign(door, options.requests, options.seed)
    for name, counted in found.statuses.items():
        print(f"{name:50}", " ".join(f"{status}: {count}" for status, count in sorted(counted.items())))
    for failure in found.failures:
        print(f"\n{failure}")
    took_s = time.monotonic() - began
    print(f"\n{found.requests} requests of {len(found.statuses)} operations in {took_s:.0f} s,")
    print(f"{len(found.failures)} failures")
    return 1 if found.failures or found.requests < options.requests else 0


if __name__ == "__main__":
    sys.exit(main())
