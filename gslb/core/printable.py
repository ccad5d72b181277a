"""Text that somebody else wrote, made fit to be shown: it ends no line and tells a terminal nothing."""

from __future__ import annotations


def printable(text: str, keep: str = "") -> str:
    """Control characters, and those that turn the direction of writing, as escapes; those in `keep` stay."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char in keep else repr(char)[1:-1] for char in text)
