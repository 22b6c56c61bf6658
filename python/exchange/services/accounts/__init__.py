"""Accounts: owns balances and reservations, in a ledger whose postings sum to zero per asset."""
