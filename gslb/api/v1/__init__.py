"""Version 1 of the wire interfaces."""
