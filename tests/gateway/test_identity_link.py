"""The way to identity: within the process of a gateway a signature is checked without a call."""

from __future__ import annotations

import asyncio
import hashlib
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

from exchange.bus.topics import TopicTable
from exchange.config import load
from exchange.domain.contracts.identity import AuthenticateRequest, SignedRequest
from exchange.errors import GatewayFault
from exchange.security.principal import Principal
from exchange.security.sealing import Sealer
from exchange.security.signing import (
    HMAC_SHA256,
    KEY_HEADER,
    NONCE_HEADER,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
)
from exchange.services.gateway.identity_link import IdentityLink, IdentityWay
from exchange.services.gateway.refusal import Refusal
from exchange.services.identity.api_keys import ApiKeys, Wanted
from exchange.services.identity.replay import AHEAD_MS, WINDOW_MS
from exchange.services.identity.store import IdentityStore
from exchange.services.identity.tables import MIGRATIONS
from exchange.storage.sql import open_store
from exchange.topology.gateway import plan_of
from tests.gateway.signed import signature

HERE, ELSEWHERE = "10.1.2.3", "192.0.2.7"
ANN = Wanted(name="ann", tenant=7, scopes=("read", "trade"), accounts=(11, 12), addresses=("10.0.0.0/8",))
FAR_MS = 2 * WINDOW_MS
REPLAYED: tuple[str, str, list[str]] = ("REPLAYED", GatewayFault.REPLAYED.meaning, [])


def request_of(key_id: str, secret: str, ahead_ms: int = 0) -> SignedRequest:
    """One that the key signed, with a nonce of its own."""
    at_ms = time.time_ns() // 1_000_000 + ahead_ms
    said = signature(HMAC_SHA256, key_id, secret, "POST", "/v1/orders", b"", at_ms=at_ms)
    return SignedRequest(
        key_id=said[KEY_HEADER],
        timestamp=said[TIMESTAMP_HEADER].encode("ascii"),
        nonce=said[NONCE_HEADER].encode("ascii"),
        method="POST",
        target=b"/v1/orders",
        body_sha256=hashlib.sha256(b"").digest(),
        signature=bytes.fromhex(said[SIGNATURE_HEADER]),
    )


async def said(
    link: IdentityLink, request: SignedRequest, address: str = HERE
) -> Principal | tuple[str, str, list[str]]:
    """Whose a request is, or all that its sender is told instead but for the time."""
    try:
        return await link.principal(AuthenticateRequest(signed=request, address=address))
    except Refusal as refusal:
        return refusal.name, refusal.message, sorted(refusal.details)


def test_signature_is_worth_the_same_with_a_call_and_without(tmp_path: Path) -> None:
    """Whose it is, each reason for which it is nobody's, and its nonce, which counts once for both ways."""
    for name in ("keys", "stores", "run"):
        (tmp_path / "data" / name).mkdir(parents=True, mode=0o700)
    settings = load(environment={}, data_directory=str(tmp_path / "data"), gateway={"enabled": True})

    async def run() -> None:
        async with plan.identity() as way:
            near, called = IdentityLink(way), IdentityLink(IdentityWay(way.client))
            await asyncio.sleep(AHEAD_MS / 1_000 + 0.1)  # it takes nothing that was signed before it began
            calls = plan.policies.of("gateway", "identity")
            before = calls.counts
            whose = await said(near, ann())
            assert calls.counts == before
            assert isinstance(whose, Principal)
            assert (whose.tenant, whose.subject, whose.accounts) == (7, key.key_id, (11, 12))
            assert whose == await said(called, ann())
            assert calls.counts != before
            for first, second in ((near, called), (called, near)):
                taken = ann()
                assert await said(first, taken) == whose
                assert await said(first, taken) == await said(second, taken) == REPLAYED
            for name, request, address in (
                ("UNKNOWN_KEY", replace(ann(), key_id="gk-0000000000000000"), HERE),
                ("ADDRESS_NOT_ALLOWED", ann(), ELSEWHERE),
                ("CLOCK_OUT_OF_WINDOW", ann(-FAR_MS), HERE),
                ("CLOCK_OUT_OF_WINDOW", ann(FAR_MS), HERE),
                ("WRONG_SIGNATURE", replace(ann(), target=b"/v1/orders/1"), HERE),
                ("MALFORMED_CREDENTIAL", replace(ann(), timestamp=b"now"), HERE),
                ("KEY_REVOKED", gone(), HERE),
            ):
                refused = await said(near, request, address)
                assert isinstance(refused, tuple)
                assert refused[0] == name
                assert refused == await said(called, request, address)

    with plan_of(settings) as plan:
        with open_store(str(tmp_path / "data" / "stores"), "identity", MIGRATIONS) as store:
            keys = ApiKeys(IdentityStore(store, Sealer(tmp_path / "data" / "keys"), TopicTable("dev")))
            key, secret = keys.create(ANN)
            ann = partial(request_of, key.key_id, secret)
            revoked, other_secret = keys.create(replace(ANN, name="bob"))
            gone = partial(request_of, revoked.key_id, other_secret)
            keys.revoke(revoked.key_id, "left")
        asyncio.run(run())
