"""What no program sends: the gateway answers it with a number, keeps nothing of it, and serves the others."""

from __future__ import annotations

import gzip
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, suppress

import pytest

from exchange.observability.process_metrics import usage_of
from tests.exchange.running import Up
from tests.gateway.door import BOB, SELL, Open
from tests.gateway.running import watched
from tests.gateway.signed import Answer, Program

WAIT_S = 120.0
ROUNDS, WARM = 84, 12  # of twelve kinds: a thousand and more
RSS_GROWTH_MAX = 24 << 20
MEGABYTE = 1 << 20
POST = b"POST /v1/orders HTTP/1.1\r\nhost: x\r\n"
GET = b"GET /v1/time HTTP/1.1\r\nhost: x\r\n"
CHUNKED = POST + b"transfer-encoding: chunked\r\n\r\n"
Outcome = tuple[int, str]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Up, Open]]:
    """With budgets that nobody empties, and long times."""
    patient = ("gateway.answer_timeout_ms=60000", "gateway.request_timeout_ms=60000", "events.publish=false")
    with watched(tmp_path_factory.mktemp("bounds") / "data", *patient) as (up, made):
        made.add(BOB)
        yield up, made


def told(port: int, head: bytes, part: bytes = b"", times: int = 0) -> Outcome:
    """Status and name of the answer to bytes as they are; 0 where the connection is ended without one."""
    with closing(socket.create_connection(("127.0.0.1", port), WAIT_S)) as connection:
        with suppress(OSError):  # it may be ended before all is said
            connection.sendall(head)
            for _ in range(times):
                connection.sendall(part)
        content = b""
        with suppress(OSError):
            while more := connection.recv(65_536):
                content += more
                if _is_whole(content):
                    break
    if not content:
        return 0, ""
    status, _, body = content.partition(b"\r\n\r\n")
    return int(status.split(b" ", 2)[1]), json.loads(body)["name"]


def _is_whole(content: bytes) -> bool:
    head, found, body = content.partition(b"\r\n\r\n")
    lengths = [each for each in head.lower().split(b"\r\n") if each.startswith(b"content-length:")]
    return bool(found and lengths) and len(body) >= int(lengths[0].partition(b":")[2])


def outcome(answer: Answer) -> Outcome:
    """Of an answer."""
    return answer.status, answer.name


def sent(bob: Program, content: bytes, **headers: str) -> Outcome:
    """A signed order of these bytes."""
    return outcome(bob.ask("POST", "/v1/orders", content, **headers))


def kinds(door: Open) -> dict[str, tuple[Callable[[], Outcome], Outcome]]:
    """What is sent, and how it has to be answered."""
    port, bob = door.port, door.bob
    order = json.dumps(SELL).encode()
    bomb = gzip.compress(b" " * (60 * MEGABYTE) + order)
    assert len(bomb) < 65_536
    length = b"content-length: %d\r\n\r\n"
    both, hello = b"transfer-encoding: chunked\r\n" + length % 2, b"\x16\x03\x01\x02\x00\x01" + b"\x00" * 512
    malformed, too_large = (400, "MALFORMED_REQUEST"), (413, "BODY_TOO_LARGE")
    head, body = (431, "HEAD_TOO_LARGE"), (400, "INVALID_BODY")
    return {
        "10 MB": (lambda: told(port, POST + length % (10 * MEGABYTE), b" " * MEGABYTE, 10), too_large),
        "chunks": (lambda: told(port, CHUNKED, b"10000\r\n" + b" " * 0x10000 + b"\r\n", 64), too_large),
        "trailers": (
            lambda: told(port, CHUNKED + b"2\r\n{}\r\n0\r\n", b"x: " + b"y" * 8_192 + b"\r\n", 500),
            head,
        ),
        "extension": (lambda: told(port, CHUNKED + b"2;a=", b"y" * 8_192, 500), head),
        "headers": (lambda: told(port, GET + b"x: y\r\n" * 5_000 + b"\r\n"), head),
        "header": (lambda: told(port, GET + b"x: ", b"y" * 8_192, 500), head),
        "two lengths": (lambda: told(port, POST + both, b"{}", 1), malformed),
        "no HTTP": (lambda: told(port, hello), malformed),
        "deep": (lambda: sent(bob, b'{"a":' * 10_000), body),
        "twice": (lambda: sent(bob, order[:-1] + b',"qty":"0.1"}'), body),
        "bomb": (lambda: sent(bob, bomb, content_encoding="gzip"), (415, "UNSUPPORTED_MEDIA_TYPE")),
        "bomb as it is": (lambda: sent(bob, bomb), body),
    }


def test_thousand_of_what_no_program_sends_leave_nothing_behind(kept: tuple[Up, Open]) -> None:
    """Row 41 of the faults: each is answered with its number, and the gateway's memory is flat."""
    up, door = kept
    pid = up.announcement()["processes"]["gateway"]
    wrong = kinds(door)
    found: dict[str, set[Outcome]] = {name: set() for name in wrong}
    warm = None
    for number in range(ROUNDS):
        for name, (send, _) in wrong.items():
            found[name].add(send())
        if number == WARM:
            warm = usage_of(pid)
    assert found == {name: {expected} for name, (_, expected) in wrong.items()}
    assert ROUNDS * len(wrong) > 1_000
    after = usage_of(pid)
    assert warm is not None
    assert after is not None
    assert after.rss_bytes - warm.rss_bytes < RSS_GROWTH_MAX
    assert up.announcement()["processes"]["gateway"] == pid
    assert door.bob.ask("GET", "/v1/orders/open").body["orders"] == []
    assert door.bob.ask("POST", "/v1/orders", SELL | {"price": "700.00"}).status == 201
    assert door.bob.ask("DELETE", "/v1/orders").body["cancelled"] == 1


def test_requests_before_answers_are_read_are_bounded(kept: tuple[Up, Open]) -> None:
    """Sixteen at a time are answered; a flood of them ends the connection, and takes nothing."""
    up, door = kept
    pid = up.announcement()["processes"]["gateway"]
    with closing(socket.create_connection(("127.0.0.1", door.port), WAIT_S)) as connection:
        connection.sendall((GET + b"\r\n") * 15 + GET + b"connection: close\r\n\r\n")
        content = b""
        while part := connection.recv(65_536):
            content += part
        assert content.count(b"HTTP/1.1 200 OK\r\n") == 16
    before = usage_of(pid)
    for _ in range(50):
        told(door.port, (GET + b"\r\n") * 6_000)
    after = usage_of(pid)
    assert before is not None
    assert after is not None
    assert after.rss_bytes - before.rss_bytes < RSS_GROWTH_MAX
    assert door.nobody.ask("GET", "/v1/time").status == 200


def test_body_that_nobody_reads_ends_the_connection(kept: tuple[Up, Open]) -> None:
    """Of a path that is not there: the answer comes at once, and what is sent on is bounded."""
    _, door = kept
    with closing(socket.create_connection(("127.0.0.1", door.port), WAIT_S)) as connection:
        connection.sendall(b"POST /nowhere HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 404")
        endless = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
        with pytest.raises(OSError, match=r"reset|pipe"):
            connection.sendall(endless * 4_096)
