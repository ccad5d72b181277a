"""The reflex: agents' registers in, everything dns servers need out, at once and every second."""
