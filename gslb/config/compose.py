"""YAML bytes to nodes: a strict subset, every syntax error located, bounded in depth and size.

libyaml only cuts the text into events. Composing them here keeps hostile nesting and alias bombs within the limits,
finds duplicate keys and leaves every value as text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NoReturn

import yaml

from gslb.config.limits import MAX_DEPTH, MAX_NODES
from gslb.config.nodes import Entry, Items, Node, Scalar, Table
from gslb.config.problems import Mark, Problems


def compose(content: bytes, file: str, problems: Problems) -> Table | None:
    """The file's one mapping; None when it is empty or broken, the reasons then being in `problems`."""
    start = Mark(file, 1, 1)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        problems.error(_place_of(content, file, error.start), "this is not UTF-8 text: save the file as UTF-8")
        return None
    try:
        node = _Composer(file, problems, yaml.parse(text, Loader=yaml.CSafeLoader)).document()
    except _Stop:
        return None
    except yaml.reader.ReaderError as error:
        octets = text.encode()  # which is what the reader counts in
        character = ord(octets[error.position :].decode()[0])
        at = _place_of(octets, file, error.position)
        problems.error(at, f"the character U+{character:04X} may not stand in YAML: remove it")
        return None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = Mark(file, mark.line + 1, mark.column + 1) if mark else start
        context = f" {error.context}" if error.context else ""
        problems.error(at, f"this is not YAML: {error.problem}{context}; check indentation, quotes and brackets here")
        return None
    if node is not None and not isinstance(node, Table):
        problems.error(node.mark, "the file must be a mapping with keys such as `zones:` and `services:`")
        return None
    return node


def _place_of(content: bytes, file: str, position: int) -> Mark:
    before = content[:position]
    line_start = before.rfind(b"\n") + 1
    return Mark(file, before.count(b"\n") + 1, len(before[line_start:].decode("utf-8", "replace")) + 1)


class _Stop(Exception):
    """The rest of this file makes no sense; the reason is reported."""


@dataclass(slots=True)
class _Composer:
    file: str
    problems: Problems
    events: Iterator[yaml.Event]
    anchors: dict[str, tuple[Node, int]] = field(default_factory=dict)
    count: int = 0

    def document(self) -> Node | None:
        """The only document of the stream."""
        root: Node | None = None
        documents = 0
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._stop(self._mark(event), "a second document starts here: one file holds one, remove the `---`")
                root = self._node(next(self.events), 0)
        return None if isinstance(root, Scalar) and root.empty else root

    def _node(self, event: yaml.Event, depth: int) -> Node:
        mark = self._mark(event)
        if depth > MAX_DEPTH:
            self._stop(mark, f"this is nested more than {MAX_DEPTH} deep: make it flatter")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, mark)
        before = self.count
        self._grow(1, mark)
        if not isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent):
            self._stop(mark, "a value must stand here: check indentation and brackets")
        node = self._value(event, mark, depth)
        if event.anchor is not None:
            self.anchors[event.anchor] = (node, self.count - before)
        return node

    def _value(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent, mark: Mark, depth: int) -> Node:
        if event.tag is not None:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            self.problems.error(mark, f"the tag `{tag}` has no meaning here: remove it, the schema knows the type")
        if isinstance(event, yaml.ScalarEvent):
            return Scalar(event.value, mark, event.value == "" and event.implicit[0])
        if isinstance(event, yaml.SequenceStartEvent):
            return Items(tuple(self._items(depth + 1)), mark)
        return self._table(mark, depth + 1)

    def _items(self, depth: int) -> Iterator[Node]:
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            yield self._node(event, depth)

    def _table(self, mark: Mark, depth: int) -> Table:
        entries: dict[str, Entry] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key = self._node(event, depth)
            value = self._node(next(self.events), depth)
            if not isinstance(key, Scalar) or key.empty:
                self.problems.error(key.mark, "a key must be text: write `name: value`")
            elif key.text == "<<":
                self.problems.error(
                    key.mark, "merge keys are not supported: use `defaults`, or an alias for a whole value"
                )
            elif key.text in entries:
                first = entries[key.text].mark
                self.problems.error(key.mark, f"`{key.text}` stands twice, first in line {first.line}: keep one")
            else:
                entries[key.text] = Entry(key.mark, value)
        return Table(entries, mark)

    def _alias(self, event: yaml.AliasEvent, mark: Mark) -> Node:
        if event.anchor is None or event.anchor not in self.anchors:
            self._stop(mark, f"`*{event.anchor}` names no anchor before it: write `&{event.anchor}` at the value meant")
        node, size = self.anchors[event.anchor]
        self._grow(size, mark)
        return node

    def _grow(self, size: int, mark: Mark) -> None:
        self.count += size
        if self.count > MAX_NODES:
            self._stop(mark, f"the file has more than {MAX_NODES} values, aliases counted in full: split or shorten it")

    def _mark(self, event: yaml.Event) -> Mark:
        start = event.start_mark
        return Mark(self.file, start.line + 1, start.column + 1) if start else Mark(self.file, 1, 1)

    def _stop(self, mark: Mark, text: str) -> NoReturn:
        self.problems.error(mark, text)
        raise _Stop
