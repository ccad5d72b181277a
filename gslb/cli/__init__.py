"""The gslb command: thin."""
