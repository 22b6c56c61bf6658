"""Calls between services: RPC over ZeroMQ or in one process; deadlines and headers pass on.

dispatcher = Dispatcher({"risk.approve": approve})
server = RpcServer(context, ipc_endpoint(directory, "risk"), dispatcher)
client = RpcClient(SocketChannel(context, server.endpoint), policies.of("execution", "risk"))
with calling(Metadata("corr-abc-123", "acme-corp", "trader-42", security_context), timeout_ms=200):
    answer = await client.call("risk.approve", request)
    async with client.stream("risk.watch", Streaming.SERVER, request) as stream:
        async for message in stream:
            ...
"""

from exchange.bus.rpc.balancing import BalancedChannel, InstanceStatus
from exchange.bus.rpc.blocking import BlockingChannel
from exchange.bus.rpc.blocking_balancing import BlockingBalancedChannel
from exchange.bus.rpc.calls import (
    HEADERS,
    NO_CONTEXT,
    Call,
    Handler,
    Interceptor,
    Metadata,
    Reply,
    Scope,
    calling,
    current_scope,
)
from exchange.bus.rpc.channels import Channel, SocketChannel
from exchange.bus.rpc.client import BlockingClient, RpcClient
from exchange.bus.rpc.client_stream import ClientStream
from exchange.bus.rpc.dispatch import Dispatcher, DispatchLimits
from exchange.bus.rpc.eager import run_now
from exchange.bus.rpc.interceptors import CallRecord, observe_calls
from exchange.bus.rpc.local import LocalChannel
from exchange.bus.rpc.methods import Method, bidirectional, client_streaming, eager, server_streaming
from exchange.bus.rpc.metrics import CallMetrics, MethodCounts
from exchange.bus.rpc.server import LOCAL, RpcServer
from exchange.bus.rpc.stubs import (
    MessageStream,
    Stub,
    serve_bidirectional,
    serve_client_stream,
    serve_server_stream,
    serve_unary,
)
from exchange.domain.method import Streaming

__all__ = [
    "HEADERS",
    "LOCAL",
    "NO_CONTEXT",
    "BalancedChannel",
    "BlockingBalancedChannel",
    "BlockingChannel",
    "BlockingClient",
    "Call",
    "CallMetrics",
    "CallRecord",
    "Channel",
    "ClientStream",
    "DispatchLimits",
    "Dispatcher",
    "Handler",
    "InstanceStatus",
    "Interceptor",
    "LocalChannel",
    "MessageStream",
    "Metadata",
    "Method",
    "MethodCounts",
    "Reply",
    "RpcClient",
    "RpcServer",
    "Scope",
    "SocketChannel",
    "Streaming",
    "Stub",
    "bidirectional",
    "calling",
    "client_streaming",
    "current_scope",
    "eager",
    "observe_calls",
    "run_now",
    "serve_bidirectional",
    "serve_client_stream",
    "serve_server_stream",
    "serve_unary",
    "server_streaming",
]
