"""Transports, shared statistics, metrics and the load generator."""
