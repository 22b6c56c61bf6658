"""What lies in a data directory: where things are, the journal read back, snapshots, digests, retention."""
