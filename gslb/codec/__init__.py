"""Core values to protobuf bytes and back, with limits."""
