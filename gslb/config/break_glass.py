"""The break-glass file: overrides that one machine puts in force by itself, with no control plane at all."""

from __future__ import annotations

from typing import Annotated

from gslb.config.compose import compose
from gslb.config.nodes import Items, Table
from gslb.config.parse import unknown_key, validate
from gslb.config.problems import Mark, Problems, did_you_mean
from gslb.config.schema.base import Block, key, words
from gslb.config.schema.types import ItemName, PlainText
from gslb.core.directives import Action, Override, Scope, ScopeKind
from gslb.core.model import Model
from gslb.core.scopes import names_of

EXAMPLE = "overrides: [{site: us-east, action: drain, why: power works}]"
MOST_OVERRIDES = 10_000


class BreakGlassFile(Block):
    """Overrides that beat everything on this machine's dns server."""

    overrides: tuple[object, ...] = key("Each of a site, a pool or a member.", [])


class Entry(Block):
    """One override; exactly one of `site`, `pool`, `member`."""

    site: ItemName | None = key("A site.", None)
    pool: ItemName | None = key("A pool.", None)
    member: PlainText | None = key("POOL/MEMBER.", None)
    action: Annotated[str, words(*Action)] = key("What to do with it.")
    why: PlainText = key("The reason, for people.", "break glass")
    who: PlainText = key("Who says so.", "this machine's operator")


def load_break_glass(content: bytes, file: str, model: Model | None = None) -> tuple[Override, ...]:
    """Sorted by scope, one a scope. Raises ConfigErrors with everything that is wrong.

    `model`: in which everything named must be, if it is known.

    An empty file is an error: it may be one that is being written.
    """
    problems = Problems()
    root = compose(content, file, problems)
    found: dict[Scope, Override] = {}
    for table in _items(root, Mark(file, 1, 1), problems):
        entry = validate(table, Entry, problems, "overrides")
        scope = _scope(entry, table, problems) if entry is not None else None
        if entry is None or scope is None:
            continue
        if model is not None and scope.name not in names_of(scope.kind, model):
            near = did_you_mean(scope.name, names_of(scope.kind, model))
            problems.error(table.entries[scope.kind].value.mark, f"there is no {scope.kind} `{scope.name}`{near}")
        if scope in found:
            problems.error(table.mark, f"there are two overrides of {scope.kind} {scope.name}: keep one")
        found[scope] = Override(
            scope=scope, action=Action(entry.action), who=entry.who, why=entry.why, since_unix_s=0, until_unix_s=None
        )
    problems.raise_errors()
    return tuple(found[scope] for scope in sorted(found))


def _items(root: Table | None, start: Mark, problems: Problems) -> tuple[Table, ...]:
    """The mappings under `overrides`; everything else is reported."""
    if root is None:
        if not problems.has_errors():
            problems.error(start, f"the file is empty: write `{EXAMPLE}`, or `overrides: []`, or remove it")
        return ()
    for name, entry in root.entries.items():
        if name != "overrides":
            problems.error(entry.mark, unknown_key(name, BreakGlassFile))
    listed = root.entries.get("overrides")
    if listed is None or not isinstance(listed.value, Items):
        problems.error(listed.mark if listed else root.mark, f"`overrides` must be a list, as in `{EXAMPLE}`")
        return ()
    if len(listed.value.items) > MOST_OVERRIDES:
        problems.error(listed.mark, f"more than {MOST_OVERRIDES} overrides")
        return ()
    for item in listed.value.items:
        if not isinstance(item, Table):
            problems.error(item.mark, f"an override must be a mapping, as in `{EXAMPLE}`")
    return tuple(item for item in listed.value.items if isinstance(item, Table))


def _scope(entry: Entry, table: Table, problems: Problems) -> Scope | None:
    named = [
        Scope(kind, name)
        for kind, name in zip(ScopeKind, (entry.site, entry.pool, entry.member), strict=True)
        if name is not None
    ]
    if len(named) != 1:
        problems.error(table.mark, "name exactly one of `site`, `pool` and `member`")
        return None
    if named[0].kind is ScopeKind.MEMBER and not all(named[0].name.partition("/")):
        problems.error(table.entries["member"].value.mark, "`member` must be POOL/MEMBER, as in web-us/us1")
        return None
    return named[0]
