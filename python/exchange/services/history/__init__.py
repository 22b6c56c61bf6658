"""The history: every order and every execution of the exchange, for as long as its store is kept."""
