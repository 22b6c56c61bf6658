"""What a method of a service is: its name, its messages, and which side sends a stream of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import ClassVar, Generic, TypeVar

RequestT = TypeVar("RequestT")
ReplyT = TypeVar("ReplyT")


class Streaming(IntEnum):
    """Which side of a call sends a stream of messages; the other sends one. The wire's numbers."""

    UNARY = 0
    SERVER = 1
    CLIENT = 2
    BIDIRECTIONAL = 3

    @property
    def client(self) -> bool:
        """Whether the client sends a stream."""
        return self in (Streaming.CLIENT, Streaming.BIDIRECTIONAL)

    @property
    def server(self) -> bool:
        """Whether the server sends a stream."""
        return self in (Streaming.SERVER, Streaming.BIDIRECTIONAL)


@dataclass(frozen=True, slots=True)
class RpcMethod(Generic[RequestT, ReplyT]):
    """A method of a service; one of its four kinds.

    Args:
        service: Which has it.
        name: Of the method, in the documents' letters.
        request: The class of a request.
        reply: The class of a reply.
        idempotent: It may be carried out twice, so a client may try it again.
    """

    service: str
    name: str
    request: type[RequestT]
    reply: type[ReplyT]
    idempotent: bool = False
    streaming: ClassVar[Streaming] = Streaming.UNARY

    path: str = field(init=False)
    """By which it is called."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", f"{self.service}.{self.name}")


class Unary(RpcMethod[RequestT, ReplyT]):
    """A request, a reply."""

    __slots__ = ()


class ServerStreaming(RpcMethod[RequestT, ReplyT]):
    """A request, replies."""

    __slots__ = ()
    streaming = Streaming.SERVER


class ClientStreaming(RpcMethod[RequestT, ReplyT]):
    """Requests, a reply."""

    __slots__ = ()
    streaming = Streaming.CLIENT


class Bidirectional(RpcMethod[RequestT, ReplyT]):
    """Requests and replies, independent of each other."""

    __slots__ = ()
    streaming = Streaming.BIDIRECTIONAL
