"""What users may write: pydantic models, the one place of every key, default and description."""
