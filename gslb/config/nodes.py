"""YAML as a tree of text with places. Nothing is typed here: `NO` stays the two letters that the user wrote."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from gslb.config.problems import Mark


@dataclass(frozen=True, slots=True)
class Scalar:
    """Text. `empty`: nothing was written at all, as after `key:`."""

    text: str
    mark: Mark
    empty: bool = False


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    items: tuple[Node, ...]
    mark: Mark


class Entry(NamedTuple):
    """A key's place and its value."""

    mark: Mark
    value: Node


@dataclass(frozen=True, slots=True)
class Table:
    """A mapping, in the order written."""

    entries: dict[str, Entry]
    mark: Mark


Node = Scalar | Items | Table
Plain = str | list["Plain"] | dict[str, "Plain"]
Path = Sequence[str | int]


def to_plain(node: Node) -> Plain:
    """The tree without places, for the schema."""
    match node:
        case Scalar():
            return node.text
        case Items():
            return [to_plain(item) for item in node.items]
        case Table():
            return {key: to_plain(entry.value) for key, entry in node.entries.items()}


class Found(NamedTuple):
    """What `locate` reached: the node, the last key on the way and that key's place."""

    node: Node
    key: str | None
    key_mark: Mark


def locate(node: Node, path: Path) -> Found:
    """Follow `path` as far as it exists in what the user wrote.

    The schema also accepts shorthands (a name for a list of one ...), so a path may name steps that the text does not
    have; those are skipped. An index into a mapping is its n-th entry.
    """
    key, key_mark = None, node.mark
    for step in path:
        match node:
            case Table() if isinstance(step, int) and step < len(node.entries):
                key = list(node.entries)[step]
                key_mark, node = node.entries[key]
            case Table() if isinstance(step, str) and step in node.entries:
                key = step
                key_mark, node = node.entries[step]
            case Items() if isinstance(step, int) and step < len(node.items):
                node = node.items[step]
            case _:
                pass
    return Found(node, key, key_mark)


def place(node: Node, *path: str | int) -> Mark:
    """Where the value at `path` stands, or the nearest thing around it."""
    return locate(node, path).node.mark
