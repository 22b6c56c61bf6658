"""The core against the oracle: golden tables, rejects, faults, and random flows."""
