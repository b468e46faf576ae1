"""People, their roles, their access tokens, and the audit trail."""
