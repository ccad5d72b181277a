"""Prefixes that a policy cannot tell apart, as ranges of the address space."""
