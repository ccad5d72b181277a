"""`gslb demo`: a small world of real processes on loopback, and a story that breaks it."""
