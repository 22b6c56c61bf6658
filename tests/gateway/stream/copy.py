"""A book as a program keeps it, by what a stream tells of it."""

from __future__ import annotations

import struct
import zlib
from decimal import Decimal

from tests.gateway.stream.socket import Frame


class Copy:
    """A book kept by what is told of it: a snapshot, then updates that have to join."""

    def __init__(self) -> None:
        self.sides: dict[str, dict[str, tuple[str, int]]] = {"bids": {}, "asks": {}}
        self.last = -1
        self.snapshots = 0

    def take(self, update: Frame) -> None:
        """One update; checked by its checksum."""
        data = update["data"]
        if update["kind"] == "snapshot":
            self.sides = {"bids": {}, "asks": {}}
            self.snapshots += 1
        else:
            assert int(data["firstSequence"]) == self.last + 1, "it does not join"
        self.last = int(data["lastSequence"])
        for name, levels in self.sides.items():
            for price, qty, orders in data[name]:
                if orders:
                    levels[price] = (qty, orders)
                else:
                    levels.pop(price, None)
        assert self.checksum == data["checksum"]

    @property
    def checksum(self) -> int:
        """As the documentation says it."""
        content = b""
        for name, down in (("bids", True), ("asks", False)):
            best = sorted(self.sides[name], key=Decimal, reverse=down)[:10]
            for price in best:
                numbers = (int(each.replace(".", "")) for each in (price, self.sides[name][price][0]))
                content += struct.pack("<qq", *numbers)
        return zlib.crc32(content)
