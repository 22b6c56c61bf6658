"""Bounds of the sockets of an exchange, all of which lie in its data directory."""

from __future__ import annotations

from typing import Final

SOCKET_PATH_BYTES_MAX: Final = 107
"""What the kernel's socket address holds, less its closing zero (unix(7))."""

SOCKET_NAME_BYTES_MAX: Final = 20
"""The longest that a process of ours gives to one of its own, as `settlement-12.sock`."""
