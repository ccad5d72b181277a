"""The reference engine: from the bytes of a query to the bytes of its reply."""
