"""The gateway: the one public door for programs. Owns nothing that outlives it but budgets and nonces."""
