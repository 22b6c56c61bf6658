"""Health, metrics, logs, spans and the registry of running processes."""
