"""Where prefixes are: geo databases read into ranges."""
