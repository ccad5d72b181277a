"""The authoritative DNS server: feed, engines, files."""
