"""Calls between services: unary RPC over ZeroMQ or in one process; deadlines and headers pass on.

dispatcher = Dispatcher({"risk.approve": approve})
server = RpcServer(context, ipc_endpoint(directory, "risk"), dispatcher)
client = RpcClient(SocketChannel(context, server.endpoint), policies.of("execution", "risk"))
with calling(Metadata("corr-abc-123", "acme-corp", "trader-42", security_context), timeout_ms=200):
    answer = await client.call("risk.approve", request)
"""

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
from exchange.bus.rpc.channels import Channel, LocalChannel, SocketChannel
from exchange.bus.rpc.client import RpcClient
from exchange.bus.rpc.dispatch import Dispatcher, DispatchLimits
from exchange.bus.rpc.interceptors import CallRecord, log_calls, observe_calls
from exchange.bus.rpc.server import LOCAL, RpcServer

__all__ = [
    "HEADERS",
    "LOCAL",
    "NO_CONTEXT",
    "Call",
    "CallRecord",
    "Channel",
    "DispatchLimits",
    "Dispatcher",
    "Handler",
    "Interceptor",
    "LocalChannel",
    "Metadata",
    "Reply",
    "RpcClient",
    "RpcServer",
    "Scope",
    "SocketChannel",
    "calling",
    "current_scope",
    "log_calls",
    "observe_calls",
]
