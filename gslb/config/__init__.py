"""YAML to Model: every error at once, each with file:line:column."""
