"""What turns packets into answers: engines behind one interface, so that a faster one changes nothing else."""
