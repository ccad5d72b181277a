"""`for_each`: one service node becomes one for each combination of values, with `{key}` replaced in every text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from math import prod

from gslb.config.limits import MAX_NODES, MAX_SERVICES
from gslb.config.nodes import Entry, Items, Node, Scalar, Table
from gslb.config.problems import Problems, did_you_mean

_PLACEHOLDER = re.compile(r"\{([A-Za-z0-9_.-]+)\}")
_TEMPLATES = frozenset({"answer"})
"""Keys whose braces have a meaning of their own."""


def expand(services: Items, problems: Problems) -> Items:
    """All services, expanded. Places stay those of the text that was written."""
    found: list[Node] = []
    size = 0
    for service in services.items:
        if not isinstance(service, Table):
            found.append(service)
            continue
        values = _values(service, problems)
        count = prod(len(texts) for texts in values.values())
        size += count * _size(service)
        if len(found) + count > MAX_SERVICES or size > MAX_NODES:
            problems.error(service.mark, f"this makes more than {MAX_SERVICES} services, or too large ones: use fewer")
            break
        found.extend(_expanded(service, values, problems))
    return Items(tuple(found), services.mark)


def _values(service: Table, problems: Problems) -> Mapping[str, tuple[str, ...]]:
    """The values of each key of `for_each`; a wrong shape is left to the schema."""
    if "for_each" not in service.entries:
        return {}
    wanted = service.entries["for_each"].value
    if not isinstance(wanted, Table):
        return {}
    found = {}
    for name, entry in wanted.entries.items():
        items = entry.value.items if isinstance(entry.value, Items) else (entry.value,)
        found[name] = tuple(item.text for item in items if isinstance(item, Scalar))
        if not items:
            problems.error(entry.mark, f"`{name}` has no values, so this makes no service: write some, or remove it")
    return found


def _expanded(service: Table, values: Mapping[str, tuple[str, ...]], problems: Problems) -> Iterator[Node]:
    for combination in product(*values.values()):
        filler = _Filler(dict(zip(values, combination, strict=True)), problems)
        yield filler.table(service, _TEMPLATES | {"for_each"})
        if filler.failed:
            return


@dataclass(slots=True)
class _Filler:
    """Replaces the placeholders in one copy of a service. `failed`: one was unknown, so more copies say nothing new."""

    values: Mapping[str, str]
    problems: Problems
    failed: bool = False

    def table(self, table: Table, untouched: frozenset[str] = frozenset()) -> Table:
        entries: dict[str, Entry] = {}
        for key, entry in table.entries.items():
            if key in untouched:
                entries[key] = entry
                continue
            filled = self._fill(Scalar(key, entry.mark))
            if filled in entries:
                self.problems.error(entry.mark, f"`{key}` becomes `{filled}`, which stands here already: keep one")
            entries[filled] = Entry(entry.mark, self._node(entry.value))
        return Table(entries, table.mark)

    def _node(self, node: Node) -> Node:
        match node:
            case Scalar():
                return Scalar(self._fill(node), node.mark, node.empty) if "{" in node.text else node
            case Items():
                return Items(tuple(self._node(item) for item in node.items), node.mark)
            case Table():
                return self.table(node)

    def _fill(self, scalar: Scalar) -> str:
        for match in _PLACEHOLDER.finditer(scalar.text):
            if match[1] not in self.values:
                self.failed = True
                hint = did_you_mean(match[1], self.values) or ": add it under `for_each`"
                self.problems.error(scalar.mark, f"`{match[0]}` is no key of `for_each`{hint}")
        return _PLACEHOLDER.sub(lambda match: self.values.get(match[1], match[0]), scalar.text)


def _size(node: Node) -> int:
    match node:
        case Scalar():
            return 1
        case Items():
            return 1 + sum(map(_size, node.items))
        case Table():
            return 1 + sum(1 + _size(entry.value) for entry in node.entries.values())
