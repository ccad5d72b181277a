"""Typed blocks to the Model: references resolved, everything checked against everything else."""
