"""The event log in files of one machine: segments under one directory, a ZeroMQ wake-up, no server."""

from exchange.bus.log.embedded.log import EmbeddedLog

__all__ = ["EmbeddedLog"]
