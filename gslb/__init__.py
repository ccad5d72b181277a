"""Aya: a global server load balancer with an authoritative DNS front end."""

__version__ = "0.1.0"
