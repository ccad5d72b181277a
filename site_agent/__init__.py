"""The agent beside the servers: probes them and reports."""
