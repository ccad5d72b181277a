"""Bounds on configuration: far above sensible use, low enough that hostile input cannot hang or fill a process."""

MAX_FILE_BYTES = 16 * 1024 * 1024
MAX_FILES = 1_000
MAX_TOTAL_BYTES = 64 * 1024 * 1024
MAX_DEPTH = 32
MAX_NODES = 2_000_000
MAX_SERVICES = 100_000
MAX_RECORDS = 200_000
MAX_RULES = 2_000
MAX_RRSET_BYTES = 60_000
"""So that an answer with a CNAME or two before it still fits into a DNS message over TCP."""
RECORD_BYTES = 12
"""A record without its RDATA."""
MAX_COMPARISONS = 500_000
MAX_CANDIDATES = 2_000
MAX_HINTS = 50
