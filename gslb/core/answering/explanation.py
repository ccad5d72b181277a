"""Extended DNS errors (RFC 8914): what a person who reads a bad answer is told about why it is so."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Explanation:
    """`code`: the INFO-CODE, which tools know by name; `text` where that says too little."""

    code: int
    text: str = ""


NOT_READY = Explanation(14)
"""There is no snapshot yet."""
NOT_AUTHORITATIVE = Explanation(20)
"""No zone of ours ends the name."""
NOT_SUPPORTED = Explanation(21)
"""Transfers, other classes, types that cannot be asked for."""
ALL_DOWN = Explanation(0, "no server for this name and type is up")
