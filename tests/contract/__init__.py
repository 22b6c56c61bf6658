"""One suite over every binding of the five hot calls."""
