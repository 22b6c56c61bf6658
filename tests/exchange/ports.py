"""Ports for processes that are told theirs."""

from __future__ import annotations

import random
import socket
from contextlib import closing, suppress
from pathlib import Path

_LISTEN = "0A"  # of the kernel's table


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


def listening(pid: int) -> list[tuple[str, int]]:
    """Where a process listens by TCP."""
    inodes = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            inodes.add(str(link.readlink()).removeprefix("socket:[").rstrip("]"))
    found = []
    for family, table in ((socket.AF_INET, "tcp"), (socket.AF_INET6, "tcp6")):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == _LISTEN and words[9] in inodes:
                address, _, port = words[1].partition(":")
                parts = [bytes.fromhex(address[at : at + 8])[::-1] for at in range(0, len(address), 8)]
                found.append((socket.inet_ntop(family, b"".join(parts)), int(port, 16)))
    return found
