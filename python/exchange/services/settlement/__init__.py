"""Settlement: what trades cost, and when their money and goods change hands."""
