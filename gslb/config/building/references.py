"""References of items that could not be read: they are checked too, so that every error is told at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from gslb.config.nodes import Items, Node, Scalar, Table
from gslb.config.parse import Config
from gslb.config.problems import Mark

Find = Callable[[str, Mark], object]
"""Looks a name up and reports it at its place if there is no such thing."""


def check_broken(config: Config, kind: str, references: Mapping[str, Find]) -> None:
    """Look up what the values of these keys name, in every item of the list that has errors elsewhere."""
    for item in config.broken.get(kind, ()):
        if isinstance(item, Table):
            for key, find in references.items():
                entry = item.entries.get(key)
                for name in _names(entry.value) if entry else ():
                    find(name.text, name.mark)


def _names(node: Node) -> Iterator[Scalar]:
    """One name, a list of names, or a mapping of something to names."""
    match node:
        case Scalar():
            yield from () if node.empty else (node,)
        case Items():
            yield from (item for item in node.items if isinstance(item, Scalar))
        case Table():
            yield from (entry.value for entry in node.entries.values() if isinstance(entry.value, Scalar))
