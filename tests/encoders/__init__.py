"""Encoders of market data formats, written from their published specifications: for tests only."""
