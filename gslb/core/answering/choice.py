"""What answers of steered names are counted by, apart from the way to them."""

from __future__ import annotations

from dataclasses import dataclass

from gslb.core.names import Name


@dataclass(frozen=True, slots=True)
class Choice:
    """Which pool answered a class of a service's clients; None: no pool did."""

    service: Name
    cls: int
    pool: str | None
