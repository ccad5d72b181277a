"""Who has changed what, kept in the store beside what was changed."""
