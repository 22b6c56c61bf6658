"""The event log: what every backend must do, and what the embedded one survives."""
