"""Caches, in memory and in a real Redis."""
