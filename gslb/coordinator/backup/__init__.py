"""Backups of the store: taken from a running coordinator, restored while none runs."""
