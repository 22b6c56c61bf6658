"""Identity: users, sessions, tokens and API keys, in SQL; and whose a request at the gateway is."""
