"""One file, one thing that breaks; see `chaos` for how to add one. They run in the order of the files' names."""
