"""A store that holds less than it did: restored from a copy of its own, or emptied, while coordinators run.

What is written there would stand below what every node has, and order never falls, so nobody would take it.
"""

from __future__ import annotations

from gslb.core.errors import StoreUnavailable


def check_not_taken_back(what: str, *, stored: int, in_force: int) -> None:
    """Raises StoreUnavailable, before anything is written."""
    if stored < in_force:
        raise StoreUnavailable(
            f"the store holds {what} {stored or 'none'}, but {in_force} is in force: it was taken back or emptied."
            " `gslb restore` puts it above all that was"
        )
