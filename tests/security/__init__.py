"""Keys, roles, tenants, and the audit log."""
