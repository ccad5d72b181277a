"""The shell around the core: ingest, relay, publish, admin."""
