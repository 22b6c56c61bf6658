"""Orders: owns the life of every order, from the sequence it gets to its last report, and the journal."""
