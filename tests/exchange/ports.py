"""Ports for processes that are told theirs."""

from __future__ import annotations

import random
import socket
from contextlib import closing, suppress


def free_pair() -> int:
    """A port like those with another one after it."""
    while True:
        (port,) = free_ports(1)
        with closing(socket.socket()) as after, suppress(OSError):
            after.bind(("127.0.0.1", port + 1))
            return port


def free_ports(count: int) -> list[int]:
    """Ports of this machine that nobody listens on, and that no connection is given by chance."""
    free: list[int] = []
    while len(free) < count:
        port = random.randrange(20_000, 32_000)
        with closing(socket.socket()) as one, suppress(OSError):
            one.bind(("127.0.0.1", port))
            free += [port] if port not in free else []
    return free


def free_address(*ports: int) -> str:
    """An address of this machine alone whose ports nobody listens on, for who cannot choose others."""
    for _ in range(100):
        address = f"127.{random.randrange(1, 255)}.{random.randrange(255)}.{random.randrange(1, 255)}"
        if all(_is_free(address, port) for port in ports):
            return address
    raise AssertionError(f"one of the ports {ports} is taken at every address of this machine")


def _is_free(address: str, port: int) -> bool:
    with closing(socket.socket()) as one:
        try:
            one.bind((address, port))
        except OSError:
            return False
    return True
