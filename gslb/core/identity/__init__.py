"""Who calls, and what they may do: names in certificates, roles, and the table of calls."""
