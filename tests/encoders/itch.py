"""Nasdaq TotalView-ITCH 5.0 messages, from Nasdaq's specification of the format.

Every message begins with its type, the stock locate (2 bytes), a tracking number (2) and the time (6 bytes,
ns after midnight). Integers are big endian and unsigned, prices have four decimals, texts are padded with
blanks. In a file each message stands after its length in two bytes.
"""

from __future__ import annotations

import struct


def framed(*messages: bytes) -> bytes:
    """A file of messages."""
    return b"".join(struct.pack(">H", len(message)) + message for message in messages)


class Itch:
    """Makes messages of one stock."""

    def __init__(self, stock: str = "ARL", locate: int = 1) -> None:
        self.stock = stock.encode().ljust(8)
        self.locate = locate

    def _message(self, kind: str, time: int, body: bytes) -> bytes:
        return kind.encode() + struct.pack(">HH", self.locate, 0) + time.to_bytes(6, "big") + body

    def system_event(self, time: int, code: str = "O") -> bytes:
        """S: the start of messages (O), of system hours (S), of the market (Q); of no stock, so locate 0."""
        return b"S" + struct.pack(">HH", 0, 0) + time.to_bytes(6, "big") + code.encode()

    def directory(self, time: int) -> bytes:
        """R: what the locate code stands for."""
        about = b"Q" + b"N" + struct.pack(">I", 100) + b"N" + b"C" + b"Z " + b"P" + b"N" + b" " + b"1" + b"N"
        return self._message("R", time, self.stock + about + struct.pack(">I", 0) + b"N")

    def trading_action(self, time: int, state: str) -> bytes:
        """H: halted (H), paused (P), quotation only (Q), trading (T)."""
        return self._message("H", time, self.stock + state.encode() + b" " + b"    ")

    def add(self, time: int, order_id: int, side: str, shares: int, price: int, maker: str = "") -> bytes:
        """A, or F where a market participant is named: an order came into the book."""
        body = struct.pack(">QcI", order_id, side.encode(), shares) + self.stock + struct.pack(">I", price)
        return self._message("F" if maker else "A", time, body + maker.encode().ljust(4 if maker else 0))

    def executed(self, time: int, order_id: int, shares: int, match: int) -> bytes:
        """E: executed at its displayed price."""
        return self._message("E", time, struct.pack(">QIQ", order_id, shares, match))

    def executed_at(
        self, time: int, order_id: int, shares: int, match: int, price: int, *, printable: bool
    ) -> bytes:
        """C: executed at another price than the displayed one."""
        body = struct.pack(">QIQ", order_id, shares, match) + (b"Y" if printable else b"N")
        return self._message("C", time, body + struct.pack(">I", price))

    def cancel(self, time: int, order_id: int, shares: int) -> bytes:
        """X: shares were taken off."""
        return self._message("X", time, struct.pack(">QI", order_id, shares))

    def delete(self, time: int, order_id: int) -> bytes:
        """D: it is gone."""
        return self._message("D", time, struct.pack(">Q", order_id))

    def replace(self, time: int, order_id: int, new_order_id: int, shares: int, price: int) -> bytes:
        """U: it is gone, and another one came in its stead."""
        return self._message("U", time, struct.pack(">QQII", order_id, new_order_id, shares, price))

    def hidden_trade(self, time: int, side: str, shares: int, price: int, match: int) -> bytes:
        """P: a trade of an order that was not displayed; its reference is 0."""
        body = struct.pack(">QcI", 0, side.encode(), shares) + self.stock + struct.pack(">IQ", price, match)
        return self._message("P", time, body)

    def cross_trade(self, time: int, shares: int, price: int, match: int, kind: str = "O") -> bytes:
        """Q: the total of an auction."""
        return self._message(
            "Q",
            time,
            struct.pack(">Q", shares) + self.stock + struct.pack(">IQ", price, match) + kind.encode(),
        )

    def broken_trade(self, time: int, match: int) -> bytes:
        """B: a trade was undone."""
        return self._message("B", time, struct.pack(">Q", match))
