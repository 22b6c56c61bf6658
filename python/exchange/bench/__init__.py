"""Measures a running exchange: open-loop load on real sockets, latency from when each request was due."""
