"""The order history: rows, queries, processes."""
