"""Which pools and members serve each class of clients: stages, chains, verdicts, decisions, cohorts, explanations."""
