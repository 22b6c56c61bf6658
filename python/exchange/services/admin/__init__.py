"""What administrators change: who changed what when and why, and what the core has no command of."""
