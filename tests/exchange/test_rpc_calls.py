"""Calls: what holds alike over every way that they go."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from pathlib import Path

import pytest

from exchange.bus.curve import Principal
from exchange.bus.rpc import (
    HEADERS,
    LOCAL,
    Call,
    DispatchLimits,
    Handler,
    Interceptor,
    Metadata,
    Scope,
    calling,
    current_scope,
)
from exchange.config.settings import Log
from exchange.errors import (
    ConfigError,
    DeadlineExceeded,
    RpcError,
    RpcStatus,
    SecurityError,
    ServiceUnavailableError,
    WireError,
)
from exchange.observability.correlation import CorrelationContext, current_correlation
from exchange.runtime.interceptors import logged_call
from exchange.runtime.log import LOGGER, configure
from exchange.runtime.rpc_metrics import ServedCalls
from exchange.schema.bus_frames import PAYLOAD_BYTES_MAX
from tests.exchange.rpc_world import METADATA, PATIENCE_MS, WAYS, policy_of, run, service

every_way = pytest.mark.parametrize("way", WAYS)


async def echo(call: Call) -> bytes:
    """The request again."""
    return call.payload


async def hang(call: Call) -> bytes:
    """Never."""
    await asyncio.Event().wait()
    return call.payload


def failing(error: Exception) -> Handler:
    """A handler that fails so."""

    async def fail(call: Call) -> bytes:
        raise error

    return fail


@every_way
@pytest.mark.req("E022", "E023", "E024", "E025")
def test_call_brings_payload_and_all_four_headers(way: str, tmp_path: Path) -> None:
    """The handler sees them as they were given, and who the connection is."""
    seen: list[Call] = []

    async def handle(call: Call) -> bytes:
        seen.append(call)
        return call.payload[::-1]

    async def play() -> bytes:
        async with service(way, tmp_path, {"risk.approve": handle}) as client:
            return await client.call("risk.approve", b"abc", metadata=METADATA)

    assert run(play()) == b"cba"
    (call,) = seen
    assert (call.method, call.payload, call.metadata, call.principal) == (
        "risk.approve",
        b"abc",
        METADATA,
        LOCAL,
    )
    assert call.metadata.headers == {
        "x-correlation-id": "corr-abc-123",
        "x-tenant-id": "acme-corp",
        "x-user-id": "trader-42",
        "x-security-context": "eyJ2IjoxfQ==",
    }


@every_way
@pytest.mark.req("E022", "E023", "E024", "E025")
def test_call_of_a_handler_carries_the_headers_of_its_own_call(way: str, tmp_path: Path) -> None:
    """Three hops with nothing said in between: the same four headers on each, for two callers at once."""
    both = asyncio.Barrier(2)

    async def play() -> list[bytes]:
        async with service(way, tmp_path / "c", {"c.ask": names}) as to_c:

            async def onward(call: Call) -> bytes:
                await both.wait()  # the other caller is in the middle of its call, too
                return (
                    b"b:"
                    + "/".join(call.metadata.headers.values()).encode()
                    + b" "
                    + await to_c.call("c.ask")
                )

            async with service(way, tmp_path / "b", {"b.ask": onward}) as to_b:
                other = Metadata("corr-2", "globex", "trader-7", "e30=")
                calls = [to_b.call("b.ask", metadata=who) for who in (METADATA, other)]
                return await asyncio.gather(*calls)

    async def names(call: Call) -> bytes:
        return b"c:" + "/".join(call.metadata.headers.values()).encode()

    acme, globex = "corr-abc-123/acme-corp/trader-42/eyJ2IjoxfQ==", "corr-2/globex/trader-7/e30="
    (tmp_path / "b").mkdir()
    (tmp_path / "c").mkdir()
    assert run(play()) == [f"b:{who} c:{who}".encode() for who in (acme, globex)]


@every_way
@pytest.mark.req("E011")
def test_deadline_shrinks_with_every_hop(way: str, tmp_path: Path) -> None:
    """Each hop has less than the one before, however much time it asks for."""
    remaining: list[int] = []

    async def play() -> None:
        async with service(way, tmp_path / "c", {"c.ask": note}) as to_c:

            async def onward(call: Call) -> bytes:
                await note(call)
                return await to_c.call("c.ask", timeout_ms=60_000)

            async with service(way, tmp_path / "b", {"b.ask": onward}) as to_b:
                await to_b.call("b.ask", metadata=METADATA, timeout_ms=20_000)

    async def note(call: Call) -> bytes:
        remaining.append(call.remaining_ns)
        return b""

    (tmp_path / "b").mkdir()
    (tmp_path / "c").mkdir()
    run(play())
    at_b, at_c = remaining
    assert 20_000_000_000 > at_b > at_c > 0


@every_way
@pytest.mark.req("E011")
def test_deadline_ends_every_handler_on_the_way(way: str, tmp_path: Path) -> None:
    """The last service hangs: when the first caller's time is over it and who waits for it are cancelled."""
    reached: list[str] = []
    ended: list[str] = []

    async def play() -> None:
        ends = asyncio.Condition()

        async def end(name: str) -> None:
            async with ends:
                ended.append(name)
                ends.notify_all()

        async def last(call: Call) -> bytes:
            reached.append("c")
            try:
                return await hang(call)
            finally:
                await end("c")

        async with service(way, tmp_path / "c", {"c.ask": last}) as to_c:

            async def onward(call: Call) -> bytes:
                reached.append("b")
                try:
                    return await to_c.call("c.ask")
                finally:
                    await end("b")

            async with service(way, tmp_path / "b", {"b.ask": onward}) as to_b:
                timeout_ms, late = 100, ServiceUnavailableError("not tried yet")
                while "c" not in reached:  # with more time, until the call comes so far
                    with pytest.raises(ServiceUnavailableError) as caught:
                        await to_b.call("b.ask", metadata=METADATA, timeout_ms=timeout_ms)
                    async with ends:
                        await ends.wait_for(lambda: sorted(ended) == sorted(reached))
                    timeout_ms, late = 2 * timeout_ms, caught.value
                assert isinstance(late, DeadlineExceeded)

    (tmp_path / "b").mkdir()
    (tmp_path / "c").mkdir()
    run(play())
    assert {"b", "c"} == set(ended)
    assert sorted(ended) == sorted(reached)


@every_way
def test_call_without_time_left_is_not_made(way: str, tmp_path: Path) -> None:
    """Neither the service nor the breaker hears of it."""
    seen: list[Call] = []

    async def handle(call: Call) -> bytes:
        seen.append(call)
        return b""

    async def play() -> int:
        policy = policy_of(failures=Exception)
        async with service(way, tmp_path, {"a.b": handle}, policy=policy) as client:
            with (
                calling(METADATA, timeout_ms=0),
                pytest.raises(DeadlineExceeded, match="no time was left"),
            ):
                await client.call("a.b")
        return policy.breaker.failure_count

    assert run(play()) == 0
    assert seen == []


@every_way
def test_calling_hands_down_headers_and_the_earlier_deadline(way: str, tmp_path: Path) -> None:
    """Blocks may be nested; outside of them there is nothing."""

    async def play() -> list[Scope | None]:
        seen = [current_scope()]
        async with service(way, tmp_path, {"a.b": echo}) as client:
            with calling(METADATA, timeout_ms=PATIENCE_MS) as outer:
                other = METADATA._replace(user_id="trader-7")
                with calling(other, timeout_ms=2 * PATIENCE_MS) as inner:
                    assert await client.call("a.b", b"x") == b"x"
                    assert inner == Scope(other, outer.deadline_ns)
                    with calling(other, timeout_ms=1) as innermost:
                        assert (innermost.deadline_ns or 0) < (outer.deadline_ns or 0)
                seen.append(current_scope())
        return [*seen, current_scope()]

    before, inside, after = run(play())
    assert (before, inside and inside.metadata, after) == (None, METADATA, None)


@every_way
@pytest.mark.req("E023")
@pytest.mark.parametrize("header", HEADERS)
def test_call_without_a_header_is_refused_before_it_is_sent(way: str, tmp_path: Path, header: str) -> None:
    """Tenant, user and security context: UNAUTHENTICATED."""
    seen: list[Call] = []

    async def handle(call: Call) -> bytes:
        seen.append(call)
        return b""

    async def play() -> RpcError:
        async with service(way, tmp_path, {"a.b": handle}) as client:
            with pytest.raises(RpcError) as refused:
                await client.call("a.b", metadata=METADATA._replace(**{HEADERS[header]: ""}))
            return refused.value

    expected = RpcStatus.INVALID_ARGUMENT if header == "x-correlation-id" else RpcStatus.UNAUTHENTICATED
    refused = run(play())
    assert (refused.code, refused.message, seen) == (expected, f"{header} is missing", [])


@every_way
@pytest.mark.req("E023")
def test_call_outside_of_any_other_without_headers_is_refused(way: str, tmp_path: Path) -> None:
    """There is no tenant to act for."""

    async def play() -> RpcError:
        async with service(way, tmp_path, {"a.b": echo}) as client:
            with pytest.raises(RpcError) as refused:
                await client.call("a.b")
            return refused.value

    assert str(run(play())) == "UNAUTHENTICATED: x-tenant-id is missing: the call has no headers"


@pytest.mark.parametrize("way", ["local", "tcp"])
def test_call_for_another_tenant_than_the_key_s_is_refused(way: str, tmp_path: Path) -> None:
    """What the connection is counts, not what the header says; its own tenant is served."""

    async def play() -> tuple[RpcError, bytes]:
        principal = Principal("acme-desk", "acme-corp")
        async with service(way, tmp_path, {"a.b": echo}, principal=principal) as client:
            with pytest.raises(RpcError) as refused:
                await client.call("a.b", metadata=METADATA._replace(tenant_id="globex"))
            return refused.value, await client.call("a.b", b"own", metadata=METADATA)

    refused, own = run(play())
    assert (refused.code, refused.message) == (
        RpcStatus.PERMISSION_DENIED,
        "the connection belongs to another tenant",
    )
    assert own == b"own"


@every_way
@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (
            RpcError(RpcStatus.NOT_FOUND, "no such account", 7),
            RpcError(RpcStatus.NOT_FOUND, "no such account", 7),
        ),
        (ServiceUnavailableError("later", 250), ServiceUnavailableError("later", 250)),
        (DeadlineExceeded("too slow"), DeadlineExceeded("too slow")),
        (WireError("bad request"), RpcError(RpcStatus.INVALID_ARGUMENT, "bad request")),
        (SecurityError("not yours"), RpcError(RpcStatus.PERMISSION_DENIED, "not yours")),
        (ConfigError("file x says y"), RpcError(RpcStatus.FAILED_PRECONDITION, "internal error")),
        (KeyError("canary"), RpcError(RpcStatus.INTERNAL, "internal error")),
    ],
)
def test_handler_that_raises_is_told_by_status(
    way: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, raised: Exception, expected: Exception
) -> None:
    """Ours by their own; of others the caller learns nothing, and the log all."""

    async def play() -> Exception:
        async with service(way, tmp_path, {"a.b": failing(raised)}) as client:
            with pytest.raises(type(expected)) as refused:
                await client.call("a.b", metadata=METADATA)
            return refused.value

    error = run(play())
    assert (type(error), str(error)) == (type(expected), str(expected))
    assert getattr(error, "retry_after_ms", None) == getattr(expected, "retry_after_ms", None)
    assert ("canary" in caplog.text) == isinstance(raised, KeyError)


@every_way
def test_method_that_is_not_there_is_unimplemented(way: str, tmp_path: Path) -> None:
    """And the message names it."""

    async def play() -> RpcError:
        async with service(way, tmp_path, {"a.b": echo}) as client:
            with pytest.raises(RpcError) as refused:
                await client.call("a.c", metadata=METADATA)
            return refused.value

    assert str(run(play())) == "UNIMPLEMENTED: there is no method a.c"


@every_way
def test_handler_that_returns_no_bytes_is_an_internal_error(
    way: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The caller is answered, and the log says why."""

    async def play() -> str:
        async def nothing(call: Call) -> None:
            return None

        async with service(way, tmp_path, {"a.b": nothing}) as client:  # type: ignore[dict-item]
            with pytest.raises(RpcError) as refused:
                await client.call("a.b", metadata=METADATA)
            return str(refused.value)

    assert run(play()) == "INTERNAL: internal error"
    assert "a handler returns bytes, not NoneType" in caplog.text


@every_way
def test_payload_of_4_mib_passes_and_one_byte_more_is_refused(way: str, tmp_path: Path) -> None:
    """Both ways; the connection stands afterwards."""

    async def longer(call: Call) -> bytes:
        return bytes(PAYLOAD_BYTES_MAX + 1)

    async def play() -> list[object]:
        async with service(way, tmp_path, {"a.b": echo, "a.c": longer}) as client:
            most = bytes(range(256)) * (PAYLOAD_BYTES_MAX // 256)
            seen: list[object] = [await client.call("a.b", most, metadata=METADATA) == most]
            with pytest.raises(WireError) as refused:
                await client.call("a.b", most + b"x", metadata=METADATA)
            seen.append(str(refused.value))
            with pytest.raises(RpcError) as answered:
                await client.call("a.c", metadata=METADATA)
            return [*seen, str(answered.value), await client.call("a.b", b"x", metadata=METADATA)]

    assert run(play()) == [
        True,
        "the payload has 4194305 bytes, more than 4194304",
        "OUT_OF_RANGE: the answer is longer than 4194304 bytes",
        b"x",
    ]


@every_way
@pytest.mark.parametrize(
    ("method", "metadata", "message"),
    [
        ("a." + "b" * 127, METADATA, "method is longer than 128 bytes"),
        ("", METADATA, "method is missing"),
        ("a.b", METADATA._replace(correlation_id="c" * 41), "correlationId is longer than 40 bytes"),
        ("a.b", METADATA._replace(tenant_id="akmé"), "tenantId is not printable ASCII"),
        ("a.b", METADATA._replace(user_id="a\nb"), "userId is not printable ASCII"),
        (
            "a.b",
            METADATA._replace(security_context="x" * 16_385),
            "securityContext is longer than 16384 bytes",
        ),
    ],
)
def test_call_beyond_the_bounds_of_a_frame_is_refused_before_it_is_sent(
    way: str, tmp_path: Path, method: str, metadata: Metadata, message: str
) -> None:
    """As WireError that names the field; the breaker does not count it."""

    async def play() -> tuple[str, int]:
        policy = policy_of()
        async with service(way, tmp_path, {"a.b": echo}, policy=policy) as client:
            with pytest.raises(WireError) as refused:
                await client.call(method, metadata=metadata)
            return str(refused.value), policy.breaker.failure_count

    assert run(play()) == (message, 0)


@every_way
def test_client_that_gives_up_cancels_the_handler(way: str, tmp_path: Path) -> None:
    """And the place is free again: a bound of one call lets the next one in."""

    async def play() -> bytes:
        started, cancelled = asyncio.Event(), asyncio.Event()

        async def handle(call: Call) -> bytes:
            if call.payload:
                return call.payload
            started.set()
            try:
                return await hang(call)
            finally:
                cancelled.set()

        # Nothing but the cancellation ends it within the test's own time.
        limits = DispatchLimits(calls_max=1, timeout_ms_max=3_600_000)
        policy = policy_of(timeout_s=3_600.0, try_timeout_s=3_600.0)
        async with service(way, tmp_path, {"a.b": handle}, limits=limits, policy=policy) as client:
            task = asyncio.create_task(client.call("a.b", metadata=METADATA))
            await started.wait()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert task.cancelled()
            await cancelled.wait()
            return await client.call("a.b", b"next", metadata=METADATA)

    assert run(play()) == b"next"


@pytest.mark.req("C099")
@every_way
@pytest.mark.parametrize("limits", [DispatchLimits(calls_max=3), DispatchLimits(peer_calls_max=3)])
def test_call_above_the_bound_is_refused_at_once_and_says_when_to_come_back(
    way: str, tmp_path: Path, limits: DispatchLimits
) -> None:
    """Three are under way; the fourth and fifth get RESOURCE_EXHAUSTED, and once they ended there is room."""

    async def play() -> tuple[list[tuple[RpcStatus, int | None]], list[bytes], bytes]:
        started, go_on = asyncio.Semaphore(0), asyncio.Event()

        async def handle(call: Call) -> bytes:
            started.release()
            await go_on.wait()
            return call.payload

        async with service(way, tmp_path, {"a.b": handle}, limits=limits) as client:
            three = [asyncio.create_task(client.call("a.b", b"x", metadata=METADATA)) for _ in range(3)]
            for _ in three:
                await started.acquire()
            refusals = []
            for _ in range(2):
                with pytest.raises(RpcError) as refused:
                    await client.call("a.b", metadata=METADATA)
                refusals.append((refused.value.code, refused.value.retry_after_ms))
            go_on.set()
            return refusals, await asyncio.gather(*three), await client.call("a.b", b"y", metadata=METADATA)

    refusals, answers, then = run(play())
    assert refusals == [(RpcStatus.RESOURCE_EXHAUSTED, 50)] * 2
    assert (answers, then) == ([b"x"] * 3, b"y")


@every_way
@pytest.mark.req("A036", "A037")
def test_client_after_five_failures_makes_no_sixth_call(way: str, tmp_path: Path) -> None:
    """The service sees five calls; a refused argument counts for nothing."""
    calls: list[bytes] = []

    async def handle(call: Call) -> bytes:
        calls.append(call.payload)
        if call.payload == b"wrong":
            raise RpcError(RpcStatus.INVALID_ARGUMENT, "wrong")
        raise RpcError(RpcStatus.INTERNAL, "broken")

    async def play() -> list[str]:
        seen = []
        async with service(way, tmp_path, {"a.b": handle}) as client:
            for payload in [b"wrong"] * 6 + [b"x"] * 6:
                with pytest.raises((RpcError, ServiceUnavailableError)) as refused:
                    await client.call("a.b", payload, metadata=METADATA)
                seen.append(str(refused.value))
        return seen

    assert run(play()) == ["INVALID_ARGUMENT: wrong"] * 6 + ["INTERNAL: broken"] * 5 + [
        "Circuit breaker OPEN"
    ]
    assert calls == [b"wrong"] * 6 + [b"x"] * 5


@every_way
@pytest.mark.parametrize(
    ("tries_max", "statuses", "outcome", "made"),
    [
        (3, [RpcStatus.UNAVAILABLE, RpcStatus.RESOURCE_EXHAUSTED], "done", 3),
        (2, [RpcStatus.UNAVAILABLE, RpcStatus.UNAVAILABLE], "later", 2),
        (3, [RpcStatus.INTERNAL], "INTERNAL: later", 1),
        (3, [RpcStatus.NOT_FOUND], "NOT_FOUND: later", 1),
        (1, [RpcStatus.UNAVAILABLE], "later", 1),
    ],
)
def test_call_is_tried_again_only_where_it_may_help(
    way: str, tmp_path: Path, tries_max: int, statuses: list[RpcStatus], outcome: str, made: int
) -> None:
    """Transient statuses, as often as the policy says; each try is one call for the breaker."""
    left = list(statuses)
    calls = 0

    async def handle(call: Call) -> bytes:
        nonlocal calls
        calls += 1
        if left:
            raise RpcError(left.pop(0), "later")
        return b"done"

    async def play() -> str:
        policy = policy_of(ladder_s=(0.001,) * (tries_max - 1))
        async with service(way, tmp_path, {"a.b": handle}, policy=policy) as client:
            try:
                return (await client.call("a.b", metadata=METADATA, repeatable=True)).decode()
            except (RpcError, ServiceUnavailableError) as error:
                return str(error)

    assert (run(play()), calls) == (outcome, made)


@every_way
def test_try_that_outlives_its_own_time_is_followed_by_another(way: str, tmp_path: Path) -> None:
    """The first hangs and is cancelled, the second answers; the call as a whole has time."""
    ended: list[bytes] = []

    async def play() -> bytes:
        first = True

        async def handle(call: Call) -> bytes:
            nonlocal first
            if not first:
                return b"second"
            first = False
            try:
                return await hang(call)
            finally:
                ended.append(b"first")

        # More tries than two, for those whose time is over before a connection stands.
        policy = policy_of(try_timeout_s=0.2, ladder_s=(0.001,) * 50, failure_threshold=1_000)
        async with service(way, tmp_path, {"a.b": handle}, policy=policy) as client:
            return await client.call("a.b", metadata=METADATA, repeatable=True)

    assert run(play()) == b"second"
    assert ended == [b"first"]


@every_way
def test_interceptors_stand_around_calls_in_their_order(way: str, tmp_path: Path) -> None:
    """The first is outermost, on the client around all tries and on the server around the handler."""
    steps: list[str] = []

    def stepping(name: str) -> object:
        async def step(call: Call, proceed: Handler) -> bytes:
            steps.append(f"> {name}")
            answer = await proceed(call._replace(payload=call.payload + name.encode()))
            steps.append(f"< {name}")
            return answer + name.encode()

        return step

    async def play() -> bytes:
        async with service(
            way,
            tmp_path,
            {"a.b": echo},
            client_interceptors=[stepping("1"), stepping("2")],  # type: ignore[list-item]
            interceptors=[stepping("3"), stepping("4")],  # type: ignore[list-item]
        ) as client:
            return await client.call("a.b", b"-", metadata=METADATA)

    assert run(play()) == b"-12344321"
    assert steps == ["> 1", "> 2", "> 3", "> 4", "< 4", "< 3", "< 2", "< 1"]


@every_way
def test_interceptor_that_refuses_keeps_the_call_from_the_handler(way: str, tmp_path: Path) -> None:
    """Its exception is the answer."""
    seen: list[Call] = []

    async def handle(call: Call) -> bytes:
        seen.append(call)
        return b""

    async def refuse(call: Call, proceed: Handler) -> bytes:
        raise RpcError(RpcStatus.PERMISSION_DENIED, "not you")

    async def play() -> str:
        async with service(way, tmp_path, {"a.b": handle}, interceptors=[refuse]) as client:
            with pytest.raises(RpcError) as refused:
                await client.call("a.b", metadata=METADATA)
            return str(refused.value)

    assert run(play()) == "PERMISSION_DENIED: not you"
    assert seen == []


@every_way
@pytest.mark.req("E028")
def test_interceptor_of_a_server_gives_the_handler_the_correlation_of_its_call(
    way: str, tmp_path: Path
) -> None:
    """Of the headers alone, for two calls that are served at once; outside of any call there is none."""
    both = asyncio.Barrier(2)
    seen: dict[bytes, CorrelationContext | None] = {}

    async def handle(call: Call) -> bytes:
        await both.wait()
        seen[call.payload] = current_correlation()
        return b""

    async def play() -> None:
        async with service(way, tmp_path, {"a.b": handle}, interceptors=[ServedCalls()]) as client:
            other = METADATA._replace(correlation_id="corr-2", tenant_id="other-corp")
            await asyncio.gather(
                client.call("a.b", b"1", metadata=METADATA), client.call("a.b", b"2", metadata=other)
            )
        assert current_correlation() is None

    run(play())
    assert seen == {
        b"1": CorrelationContext("corr-abc-123", "acme-corp"),
        b"2": CorrelationContext("corr-2", "other-corp"),
    }


@every_way
def test_served_calls_are_logged_and_tell_no_secret(way: str, tmp_path: Path) -> None:
    """A line of JSON for each at debug, failures as warnings; neither payload nor security context in one."""
    metadata = METADATA._replace(security_context="canary-context")
    lines = io.StringIO()

    async def play() -> None:
        handlers = {
            "a.ok": echo,
            "a.bad": failing(RpcError(RpcStatus.NOT_FOUND, "canary-text")),
            "a.hang": hang,
        }
        interceptors: list[Interceptor] = [ServedCalls(), logged_call]
        limits = DispatchLimits(timeout_ms_max=500)  # well before the caller gives up, which would cancel it
        async with service(way, tmp_path, handlers, interceptors=interceptors, limits=limits) as client:
            await client.call("a.ok", b"canary-payload", metadata=metadata)
            with pytest.raises(RpcError):
                await client.call("a.bad", metadata=metadata)
            with pytest.raises(DeadlineExceeded):
                await client.call("a.hang", metadata=metadata)
            LOGGER.setLevel(logging.INFO)
            await client.call("a.ok", metadata=metadata)

    kept = (LOGGER.handlers[:], LOGGER.level, LOGGER.propagate)
    configure("test", lines, logging.DEBUG, Log(format="json"))
    try:
        run(play())
    finally:
        LOGGER.handlers[:], LOGGER.propagate = kept[0], kept[2]
        LOGGER.setLevel(kept[1])
    found = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert all(line["duration_us"] >= 0 for line in found)
    assert [
        tuple(
            line[name] for name in ("level", "event", "method", "status", "correlation_id", "tenant", "user")
        )
        for line in found
    ] == [
        (*how, "corr-abc-123", "acme-corp", "trader-42")
        for how in (
            ("debug", "call served", "a.ok", "OK"),
            ("warning", "call failed", "a.bad", "NOT_FOUND"),
            ("warning", "call failed", "a.hang", "DEADLINE_EXCEEDED"),
        )
    ]
    assert "canary" not in lines.getvalue()


@every_way
def test_closed_client_refuses_calls_and_ends_those_under_way(way: str, tmp_path: Path) -> None:
    """With ServiceUnavailableError, both."""

    async def play() -> list[str]:
        started = asyncio.Event()

        async def handle(call: Call) -> bytes:
            started.set()
            return await hang(call)

        async with service(way, tmp_path, {"a.b": handle}) as client:
            task = asyncio.create_task(client.call("a.b", metadata=METADATA))
            await started.wait()
            await client.close()
            seen = []
            for call in (task, client.call("a.b", metadata=METADATA)):
                with pytest.raises(ServiceUnavailableError) as refused:
                    await call
                seen.append(str(refused.value).replace("up with its channel", "closed"))
            return seen

    assert all("closed" in message for message in run(play()))
