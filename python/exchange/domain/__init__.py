"""What the exchange speaks of: words and messages, pure data."""
