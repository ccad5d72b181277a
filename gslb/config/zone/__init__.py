"""Plain records: RDATA as text to wire bytes, from YAML and from zone files."""
