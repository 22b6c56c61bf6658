"""Spans of calls, consumers and outboxes: by the SDK's own exporter, and at a real OTLP receiver."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import format_span_id, format_trace_id

from exchange.bus.rpc import LOCAL, Call, Dispatcher, LocalChannel, Metadata, RpcClient, calling
from exchange.errors import RpcError, RpcStatus
from exchange.observability.correlation import correlated, current_correlation
from exchange.observability.tracing import (
    Kind,
    current_ids,
    of_correlation,
    span,
    start_tracing,
    trace_with,
    traceparent,
)
from exchange.runtime.rpc_metrics import ServedCalls, traced_call
from tests.exchange.rpc_world import METADATA, policy_of, run, service
from tests.inbox.world import World

TRACE = of_correlation(METADATA.correlation_id).split("-")[1]


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """Those of this process, as they end."""
    exporter = InMemorySpanExporter()
    end = trace_with("test", SimpleSpanProcessor(exporter))
    try:
        yield exporter
    finally:
        end()


def ids(one: ReadableSpan) -> tuple[str, str]:
    """Of its trace, and its own."""
    assert one.context is not None
    return format_trace_id(one.context.trace_id), format_span_id(one.context.span_id)


async def _calls(served: ServedCalls) -> list[str]:
    """A call that succeeds and calls another, one that is refused; what handlers saw of the request."""
    seen: list[str] = []

    async def inner(call: Call) -> bytes:
        correlation = current_correlation()
        seen.append(f"{correlation.correlation_id} {correlation.tenant}" if correlation else "")
        return call.payload

    async def outer(call: Call) -> bytes:
        async with RpcClient(
            LocalChannel(Dispatcher({"b.Inner": inner}, [served]), LOCAL), policy_of(), [traced_call]
        ) as further:
            return await further.call("b.Inner", call.payload)

    async def refuse(_: Call) -> bytes:
        raise RpcError(RpcStatus.NOT_FOUND, "no such order")

    dispatcher = Dispatcher({"a.Outer": outer, "a.Refuse": refuse}, [served])
    async with RpcClient(LocalChannel(dispatcher, LOCAL), policy_of(), [traced_call]) as client:
        with calling(METADATA), correlated(METADATA.correlation_id, METADATA.tenant_id):
            assert await client.call("a.Outer", b"x") == b"x"
            with pytest.raises(RpcError):
                await client.call("a.Refuse")
    return seen


@pytest.mark.req("C085")
def test_spans_of_calls_hang_together(spans: InMemorySpanExporter) -> None:
    """Client above server above what it calls, in the trace of the correlation id; errors are marked."""
    served = ServedCalls()
    assert run(_calls(served)) == ["corr-abc-123 acme-corp"]
    ended = {(one.name, one.kind.name): one for one in spans.get_finished_spans()}
    chain = [
        ("rpc a.Outer", "CLIENT"),
        ("rpc a.Outer", "SERVER"),
        ("rpc b.Inner", "CLIENT"),
        ("rpc b.Inner", "SERVER"),
    ]
    assert set(ended) == {*chain, ("rpc a.Refuse", "CLIENT"), ("rpc a.Refuse", "SERVER")}
    assert {ids(one)[0] for one in ended.values()} == {TRACE}
    for one in ended.values():
        assert one.attributes is not None
        assert one.attributes["exchange.correlation_id"] == METADATA.correlation_id
        assert one.attributes["exchange.tenant"] == METADATA.tenant_id
    refused = ended["rpc a.Refuse", "SERVER"]
    assert (refused.status.status_code.name, refused.status.description) == ("ERROR", "NOT_FOUND")
    assert ended["rpc a.Outer", "SERVER"].status.status_code.name == "UNSET"
    found = {
        (family.name, suffix, *(value for _, value in labels)): value
        for family in served.families()
        for suffix, labels, value in family.samples
        if suffix in ("_total", "_count")
    }
    assert found == {
        ("exchange_rpc_server_calls", "_total", "b.Inner", "OK"): "1",
        ("exchange_rpc_server_calls", "_total", "a.Outer", "OK"): "1",
        ("exchange_rpc_server_calls", "_total", "a.Refuse", "NOT_FOUND"): "1",
        ("exchange_rpc_server_duration_seconds", "_count", "b.Inner"): "1",
        ("exchange_rpc_server_duration_seconds", "_count", "a.Outer"): "1",
        ("exchange_rpc_server_duration_seconds", "_count", "a.Refuse"): "1",
    }


@pytest.mark.parametrize("way", ["local", "ipc"])
def test_traceparent_goes_with_a_call_and_is_handed_on(
    spans: InMemorySpanExporter, way: str, tmp_path: Path
) -> None:
    """The server's span is below the client's; a header from outside counts as it is."""
    outside = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    seen: list[str] = []

    async def handle(call: Call) -> bytes:
        seen.append(call.metadata.traceparent)
        return b""

    async def play() -> None:
        served = ServedCalls()
        handlers = {"a.Traced": handle}
        async with service(
            way, tmp_path, handlers, interceptors=[served], client_interceptors=[traced_call]
        ) as client:
            await client.call("a.Traced", metadata=METADATA)
        async with service(way, tmp_path / "plain", handlers, interceptors=[served]) as client:
            headers = METADATA.headers | {"Traceparent": outside}
            await client.call("a.Traced", metadata=Metadata.of_headers(headers))
            await client.call("a.Traced", metadata=METADATA)

    run(play())
    server, client, *others = spans.get_finished_spans()
    assert [one.kind.name for one in (server, client)] == ["SERVER", "CLIENT"]
    assert seen[0].rpartition("-")[0] == f"00-{ids(client)[0]}-{ids(client)[1]}"
    assert seen[1:] == [outside, ""]
    parents = [one.parent and format_span_id(one.parent.span_id) for one in (server, *others)]
    by_id = of_correlation(METADATA.correlation_id)
    assert parents == [ids(client)[1], outside.split("-")[2], by_id.split("-")[2]]
    assert [ids(one)[0] for one in others] == [outside.split("-")[1], by_id.split("-")[1]]


def test_trace_is_that_of_the_header_else_of_the_correlation_id(spans: InMemorySpanExporter) -> None:
    """Every process comes to the same one; what came from outside counts more; below a span, its own."""
    outside = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with correlated("c-1"):
        with span("from outside", Kind.SERVER, parent=outside), span("below"):
            sent = traceparent()
            assert current_ids() == {"trace_id": sent.split("-")[1], "span_id": sent.split("-")[2]}
        with span("by id"):
            pass
    with span("alone") as it:
        it.says({"n": 1})
    assert current_ids() == {}
    assert traceparent() == ""
    below, came, by_id, alone = spans.get_finished_spans()
    assert ids(below) == (outside.split("-")[1], sent.split("-")[2])
    assert ids(came)[0] == ids(below)[0]
    assert ids(by_id)[0] == of_correlation("c-1").split("-")[1]
    assert ids(alone)[0] not in {ids(by_id)[0], ids(came)[0]}
    assert alone.attributes == {"n": 1}


def test_spans_of_a_consumer_and_its_outbox(spans: InMemorySpanExporter, tmp_path: Path) -> None:
    """One a transaction, one a publication, with topic and number; a failed one carries its error."""
    with World(str(tmp_path / "stores"), tmp_path) as world:
        world.place(1, 2)
        world.mood.say("3", "down")
        world.settle()
        world.place(3)
        world.settle(2.0)
    told = [
        (
            one.name,
            one.kind.name,
            dict(one.attributes or {}).get("messaging.batch.message_count"),
            one.status.is_ok,
        )
        for one in spans.get_finished_spans()
    ]
    assert ("consume test.orders.lifecycle.v1", "CONSUMER", 2, True) in told
    assert ("consume test.orders.lifecycle.v1", "CONSUMER", 1, False) in told
    assert ("consume test.orders.lifecycle.v1", "CONSUMER", 1, True) in told
    assert ("publish test.execution.trades.v1", "PRODUCER", 2, True) in told


class _Receiver(BaseHTTPRequestHandler):
    taken: list[ExportTraceServiceRequest]
    came: threading.Event

    def do_POST(self) -> None:
        """One batch of spans."""
        request = ExportTraceServiceRequest()
        request.ParseFromString(self.rfile.read(int(self.headers["Content-Length"])))
        self.taken.append(request)
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()
        self.came.set()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Quiet."""


def test_spans_reach_a_collector_by_otlp_over_http() -> None:
    """A real socket and the real exporter; what is left is sent at the end."""
    _Receiver.taken, _Receiver.came = [], threading.Event()
    with HTTPServer(("127.0.0.1", 0), _Receiver) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            end = start_tracing("replica", f"http://127.0.0.1:{server.server_address[1]}/v1/traces", 100)
            with correlated("c-9", "acme"), span("rpc orders.GetOrder", Kind.SERVER):
                pass
            end()
            assert _Receiver.came.wait(60)
        finally:
            server.shutdown()
            thread.join()
    (request,) = _Receiver.taken
    (resource,) = request.resource_spans
    said = {each.key: each.value.string_value for each in resource.resource.attributes}
    assert (said["service.name"], said["service.instance.id"]) == ("exchange", "replica")
    (one,) = resource.scope_spans[0].spans
    assert one.name == "rpc orders.GetOrder"
    assert one.trace_id.hex() == of_correlation("c-9").split("-")[1]


def test_none_are_recorded_of_traces_that_are_not_sampled() -> None:
    """The id decides, so that all processes decide alike."""
    exporter = InMemorySpanExporter()
    end = trace_with("test", SimpleSpanProcessor(exporter), sample_percent=50)
    try:
        for number in range(100):
            with correlated(f"c-{number}"), span("one"), span("below"):
                pass
    finally:
        end()
    by_trace: dict[str, int] = {}
    for one in exporter.get_finished_spans():
        by_trace[ids(one)[0]] = by_trace.get(ids(one)[0], 0) + 1
    assert 20 < len(by_trace) < 80
    assert set(by_trace.values()) == {2}


def test_without_a_collector_nothing_of_opentelemetry_is_imported() -> None:
    """A span is nothing then: a process that does not trace does not load it."""
    program = """
import sys
import exchange.topology.supervising, exchange.topology.replica, exchange.topology.hosted
from exchange.observability.tracing import span, traceparent, current_ids
with span("x") as it:
    it.failed("why")
assert (traceparent(), current_ids()) == ("", {})
assert not [name for name in sys.modules if name.startswith("opentelemetry")]
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)
