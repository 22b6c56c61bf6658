"""Matching: owns the books, price-time matching and the trades that come of it."""
