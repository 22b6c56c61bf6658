"""The event log: topics of batches, one interface for every engine that keeps them."""
