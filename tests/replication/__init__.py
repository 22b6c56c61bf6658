"""A leader, its standby, and what becomes of them."""
