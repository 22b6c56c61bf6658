"""The security context: what it holds, its one form in a header, the interceptor that believes no other."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.bus.rpc import Call, Metadata
from exchange.errors import AuthenticationError, RpcError, SecurityError, SecurityFault
from exchange.security import (
    ContextKeys,
    SecurityContext,
    SecurityContextSerializer,
    authenticate,
    current_security_context,
)
from tests.exchange.rpc_world import WAYS, run, service

KEYS = ContextKeys("k1", {"k1": bytes(range(32))})
SERIALIZER = SecurityContextSerializer(KEYS)
CONTEXT = SecurityContext(
    "acme-corp", "trader-42", frozenset({"trader"}), frozenset({"trade", "read"}), "api_key", 1_000, 61_000
)
HEADER = SERIALIZER.encode(CONTEXT)
FOREIGN = "x-tenant-id and x-user-id are not those of the security context"
REFUSALS = tuple(fault for fault in SecurityFault if fault.name.startswith("CONTEXT_"))
NAMES = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=64)


def table_of(header: str) -> dict[str, Any]:
    """The JSON object in a header."""
    table: dict[str, Any] = json.loads(base64.b64decode(header))
    return table


def header_of(table: object) -> str:
    """A header with this JSON."""
    return base64.b64encode(json.dumps(table, separators=(",", ":")).encode()).decode()


@pytest.mark.req("E025")
def test_context_is_base64_of_json() -> None:
    """With these fields and no others."""
    table = table_of(HEADER)
    mac = table.pop("mac")
    assert table == {
        "version": 1,
        "keyId": "k1",
        "tenantId": "acme-corp",
        "userId": "trader-42",
        "roles": ["trader"],
        "scopes": ["read", "trade"],
        "authMethod": "api_key",
        "issuedAtMs": 1_000,
        "expiresAtMs": 61_000,
    }
    assert len(mac) == 64


@pytest.mark.req("E025", "E026")
@given(
    st.builds(
        SecurityContext,
        NAMES,
        NAMES,
        st.frozensets(NAMES, max_size=20),
        st.frozensets(NAMES, max_size=20),
        NAMES,
        st.integers(0, 2**40),
        st.integers(2**40 + 1, 2**53 - 1),
    )
)
def test_context_that_is_written_reads_the_same(context: SecurityContext) -> None:
    """Any names, any rights."""
    assert SERIALIZER.decode(SERIALIZER.encode(context), context.issued_at_ms) == context


@pytest.mark.req("E026")
@given(st.integers(0, len(HEADER) - 1), st.characters(min_codepoint=32, max_codepoint=126))
def test_context_with_any_character_changed_is_refused(at: int, character: str) -> None:
    """There is exactly one text for a context."""
    changed = HEADER[:at] + character + HEADER[at + 1 :]
    if changed == HEADER:
        assert SERIALIZER.decode(changed, 2_000) == CONTEXT
    else:
        with pytest.raises(AuthenticationError):
            SERIALIZER.decode(changed, 2_000)


@pytest.mark.req("E026")
def test_context_with_any_one_bit_flipped_is_refused() -> None:
    """Each bit of the header, and each bit of the JSON beneath its Base64, with a number of the table."""
    raw = base64.b64decode(HEADER)
    for content, text_of in (
        (HEADER.encode(), lambda data: data.decode("latin-1")),
        (raw, lambda data: base64.b64encode(data).decode()),
    ):
        for bit in range(8 * len(content)):
            flipped = bytearray(content)
            flipped[bit // 8] ^= 1 << bit % 8
            with pytest.raises(AuthenticationError) as refused:
                SERIALIZER.decode(text_of(bytes(flipped)), 2_000)
            assert refused.value.fault in REFUSALS


@pytest.mark.req("E026")
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t | {"version": 2}, "is of version 2, not 1"),
        (lambda t: t | {"version": True}, "has version of the wrong type"),
        (lambda t: t | {"version": 1.0}, "has version of the wrong type"),
        (lambda t: t | {"keyId": "k9"}, "is signed by a key that is not known here"),
        (lambda t: t | {"tenantId": "globex"}, "is not what was signed"),
        (lambda t: t | {"scopes": ["read", "trade", "withdraw"]}, "is not what was signed"),
        (lambda t: t | {"scopes": ["trade", "read"]}, "is not what was signed"),
        (lambda t: t | {"roles": ["trader", "trader"]}, "is not what was signed"),
        (lambda t: t | {"roles": "trader"}, "has roles of the wrong type"),
        (lambda t: t | {"roles": [1]}, "has roles that are not all text"),
        (lambda t: t | {"expiresAtMs": 10**15}, "is not what was signed"),
        (lambda t: t | {"expiresAtMs": 61_000.0}, "has expiresAtMs of the wrong type"),
        (lambda t: t | {"mac": "0" * 64}, "is not what was signed"),
        (lambda t: t | {"admin": True}, "has an unknown field 'admin'"),
        (lambda t: {k: v for k, v in t.items() if k != "mac"}, "has no mac"),
        (lambda t: {k: v for k, v in t.items() if k != "scopes"}, "has no scopes"),
        (lambda t: dict(reversed(t.items())), "is not what was signed"),
        (lambda t: [t], "is no JSON object"),
    ],
)
def test_context_with_a_field_changed_is_refused(
    change: Callable[[dict[str, Any]], object], message: str
) -> None:
    """Each with its reason."""
    with pytest.raises(AuthenticationError) as refused:
        SERIALIZER.decode(header_of(change(table_of(HEADER))), 2_000)
    assert refused.value.message == f"the security context {message}"
    assert refused.value.fault in REFUSALS
    assert str(refused.value).startswith(f"{int(refused.value.fault)} {refused.value.fault.name}: ")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not JSON"),
        ("!", "is not Base64"),
        ("é" * 4, "is not Base64"),
        (HEADER + "\n", "is not Base64"),
        ("eyJ9", "is not JSON"),
        (base64.b64encode(b"[" * 10_000).decode(), "is not JSON"),
        (base64.b64encode(b"\xff\xfe").decode(), "is not JSON"),
        ("A" * 16_388, "is longer than 16384 bytes"),
        (base64.b64encode(json.dumps(table_of(HEADER)).encode()).decode(), "is not what was signed"),
        (
            base64.b64encode(
                base64.b64decode(HEADER).replace(b'{"version"', b'{"keyId":"x","version"')
            ).decode(),
            "is not what was signed",
        ),
    ],
)
def test_text_that_is_no_context_is_refused(text: str, message: str) -> None:
    """Size first, then Base64, JSON, spelling; a doubled field too."""
    with pytest.raises(AuthenticationError) as refused:
        SERIALIZER.decode(text, 2_000)
    assert refused.value.message == f"the security context {message}"
    assert refused.value.fault in REFUSALS
    assert str(refused.value).startswith(f"{int(refused.value.fault)} {refused.value.fault.name}: ")


def test_context_counts_until_it_expires() -> None:
    """To the millisecond."""
    assert SERIALIZER.decode(HEADER, 60_999) == CONTEXT
    with pytest.raises(
        AuthenticationError, match=r"^8005 CONTEXT_EXPIRED: the security context has expired$"
    ):
        SERIALIZER.decode(HEADER, 61_000)


def test_context_of_a_retired_key_is_read_while_the_key_is_kept() -> None:
    """Two live keys, then one."""
    new = {"k2": bytes(32)}
    both = SecurityContextSerializer(ContextKeys("k2", {**KEYS.keys, **new}))
    assert both.decode(HEADER, 2_000) == CONTEXT
    assert table_of(both.encode(CONTEXT))["keyId"] == "k2"
    with pytest.raises(AuthenticationError, match="signed by a key that is not known here"):
        SecurityContextSerializer(ContextKeys("k2", new)).decode(HEADER, 2_000)


def test_context_that_is_too_long_is_not_written() -> None:
    """64 roles and 64 scopes of 64 characters that JSON doubles."""
    names = frozenset(f"{number:02d}{chr(34) * 62}" for number in range(64))
    with pytest.raises(SecurityError, match=r"^the security context is longer than 16384 bytes$"):
        SERIALIZER.encode(replace(CONTEXT, roles=names, scopes=names))


@pytest.mark.parametrize(
    "changes",
    [
        {"tenant_id": ""},
        {"user_id": "x" * 65},
        {"user_id": "a\nb"},
        {"auth_method": "clé"},
        {"roles": frozenset({""})},
        {"scopes": frozenset(str(number) for number in range(65))},
        {"expires_at_ms": 1_000},
        {"issued_at_ms": -1},
        {"expires_at_ms": 2**53},
    ],
)
def test_context_out_of_its_bounds_cannot_be_made(changes: dict[str, Any]) -> None:
    """Neither here nor from a header."""
    with pytest.raises(SecurityError):
        replace(CONTEXT, **changes)


def test_keys_that_cannot_protect_are_refused_and_none_is_printed() -> None:
    """Too short, or none to write with; `repr` shows names only."""
    with pytest.raises(SecurityError, match=r"^the key k1 has 31 bytes: expected at least 32$"):
        ContextKeys("k1", {"k1": bytes(31)})
    with pytest.raises(SecurityError, match=r"^there is no key called 'k2'"):
        ContextKeys("k2", {"k1": bytes(32)})
    assert repr(KEYS) == "ContextKeys(active='k1')"
    one, other = ContextKeys.generate(), ContextKeys.generate()
    assert one.keys[one.active] != other.keys[other.active]


@pytest.mark.req("E025", "E027", "E092")
@pytest.mark.parametrize("way", WAYS)
def test_handler_gets_the_context_of_its_call_and_no_other_call_reaches_it(way: str, tmp_path: Path) -> None:
    """Over each way: a true one passes; a false, foreign or expired one is UNAUTHENTICATED."""
    seen: list[SecurityContext] = []
    now = 2_000

    async def handle(call: Call) -> bytes:
        seen.append(current_security_context())
        return b"ok"

    async def play() -> list[str]:
        nonlocal now
        outcomes = []
        interceptors = [authenticate(SERIALIZER, lambda: now)]
        async with service(way, tmp_path, {"a.b": handle}, interceptors=interceptors) as client:
            for metadata, at in (
                (Metadata("corr-1", "acme-corp", "trader-42", HEADER), 2_000),
                (Metadata("corr-1", "globex", "trader-42", HEADER), 2_000),
                (Metadata("corr-1", "acme-corp", "trader-7", HEADER), 2_000),
                (Metadata("corr-1", "acme-corp", "trader-42", "eyJ2IjoxfQ=="), 2_000),
                (Metadata("corr-1", "acme-corp", "trader-42", HEADER), 61_000),
            ):
                now = at
                try:
                    outcomes.append((await client.call("a.b", metadata=metadata)).decode())
                except RpcError as error:
                    outcomes.append(str(error))
        return outcomes

    assert run(play()) == [
        "ok",
        f"UNAUTHENTICATED: 8006 CONTEXT_FOREIGN: {FOREIGN}",
        f"UNAUTHENTICATED: 8006 CONTEXT_FOREIGN: {FOREIGN}",
        "UNAUTHENTICATED: 8001 CONTEXT_MALFORMED: the security context has an unknown field 'v'",
        "UNAUTHENTICATED: 8005 CONTEXT_EXPIRED: the security context has expired",
    ]
    assert seen == [CONTEXT]
    with pytest.raises(AuthenticationError):
        current_security_context()
