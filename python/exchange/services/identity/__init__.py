"""Identity: the API keys of users and programs, in SQL."""
