"""Market data: rows, queries, processes."""
