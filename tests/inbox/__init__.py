"""Inbox, outbox and dead letters of SQL services, on SQLite and on PostgreSQL."""
