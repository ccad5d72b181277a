"""What every process needs around its own job: logs, metrics and health over HTTP, gRPC settings, back-off, clocks."""
