"""One file a command; a file may hold a family of commands that are one idea."""
