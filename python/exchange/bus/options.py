"""What every socket of ours is set to, in one place.

TCP left alone notices a dead peer after minutes; with these a silent one is dropped within seconds. Queues
are bounded, messages have a largest size, and closing a socket never waits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import zmq

from exchange.schema.bus_frames import FRAME_BYTES_MAX, PAYLOAD_BYTES_MAX

# What CURVE adds to a part of a message; libzmq measures it with that.
_CIPHER_BYTES: Final = 1_024


@dataclass(frozen=True, slots=True)
class SocketOptions:
    """Bounds and times of a socket; times in milliseconds.

    Args:
        message_bytes_max: A larger part of a message disconnects its sender.
        queue_messages_max: Messages that wait in each direction, for each peer.
        heartbeat_interval_ms: How often a silent peer is asked whether it lives.
        heartbeat_timeout_ms: Silence after which it is taken for dead.
        handshake_timeout_ms: Time for a connection to become one.
        tcp_unacknowledged_ms_max: How long TCP sends again before it gives the connection up.
        reconnect_interval_ms: Pause before the first new attempt to connect; doubles with each.
        reconnect_interval_ms_max: The longest such pause.
        linger_ms: How long closing waits for what is still to be sent.
        backlog: Connections that wait to be taken.
        immediate: Whether a DEALER queues only for connections that stand. libzmq then also forgets what came
            over a connection that broke and was not read yet; where those count, watch the connection.
    """

    message_bytes_max: int = FRAME_BYTES_MAX + PAYLOAD_BYTES_MAX + _CIPHER_BYTES
    queue_messages_max: int = 1_000
    heartbeat_interval_ms: int = 1_000
    heartbeat_timeout_ms: int = 3_000
    handshake_timeout_ms: int = 2_000
    tcp_unacknowledged_ms_max: int = 3_000
    reconnect_interval_ms: int = 20
    reconnect_interval_ms_max: int = 1_000
    linger_ms: int = 0
    backlog: int = 256
    immediate: bool = True


DEFAULT = SocketOptions()
_NEAR_RECONNECT_MS_MAX: Final = 50


def options_to(endpoint: str, options: SocketOptions) -> SocketOptions:
    """Those of a socket that connects there: on this machine an attempt costs little, so pauses are short."""
    if not endpoint.startswith("ipc://"):
        return options
    longest = min(options.reconnect_interval_ms_max, _NEAR_RECONNECT_MS_MAX)
    return replace(options, reconnect_interval_ms_max=longest)


def configure(socket: zmq.Socket[bytes], options: SocketOptions = DEFAULT) -> None:
    """Set a socket's options; before it binds or connects, later they count for nothing.

    A ROUTER is also told to report peers that are gone or full instead of dropping what is sent to them.
    """
    for option, value in (
        (zmq.MAXMSGSIZE, options.message_bytes_max),
        (zmq.SNDHWM, options.queue_messages_max),
        (zmq.RCVHWM, options.queue_messages_max),
        (zmq.HEARTBEAT_IVL, options.heartbeat_interval_ms),
        (zmq.HEARTBEAT_TIMEOUT, options.heartbeat_timeout_ms),
        (zmq.HEARTBEAT_TTL, options.heartbeat_timeout_ms),
        (zmq.HANDSHAKE_IVL, options.handshake_timeout_ms),
        (zmq.CONNECT_TIMEOUT, options.handshake_timeout_ms),
        (zmq.TCP_MAXRT, options.tcp_unacknowledged_ms_max),
        (zmq.TCP_KEEPALIVE, 1),
        (zmq.RECONNECT_IVL, options.reconnect_interval_ms),
        (zmq.RECONNECT_IVL_MAX, options.reconnect_interval_ms_max),
        (zmq.LINGER, options.linger_ms),
        (zmq.BACKLOG, options.backlog),
    ):
        socket.setsockopt(option, value)
    if socket.type == zmq.ROUTER:
        socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
    elif socket.type == zmq.DEALER:
        socket.setsockopt(zmq.IMMEDIATE, int(options.immediate))
