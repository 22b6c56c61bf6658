"""Measures a running exchange: open-loop load on its real sockets, latency from the time at which each request was due."""
