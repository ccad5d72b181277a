"""Nodes to typed blocks: each item of each list on its own, every error translated into a sentence at its place."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Generic, TypeVar, Union, get_args, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from gslb.config.nodes import Items, Node, Plain, Scalar, Table, locate, to_plain
from gslb.config.problems import Mark, Problems, did_you_mean
from gslb.config.schema.access import Access
from gslb.config.schema.base import LATER, SHAPE, Block, keys
from gslb.config.schema.dns import Dns
from gslb.config.schema.file import Defaults, Ecs, File, GeoSources
from gslb.config.schema.monitors import Monitor
from gslb.config.schema.rollout import Rollout
from gslb.config.schema.services import Service
from gslb.config.schema.sites import Endpoint, Pool, Site
from gslb.config.schema.steering import Policy
from gslb.config.schema.zones import Zone

BlockT = TypeVar("BlockT", bound=Block)


@dataclass(frozen=True, slots=True)
class Located(Generic[BlockT]):
    """A block and what it was read from."""

    value: BlockT
    node: Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What the files say, typed but not yet checked against itself.

    `broken`: items with errors by list; references to them are no further errors. `start`: where the main file begins.
    """

    defaults: Located[Defaults]
    geo: Located[GeoSources]
    ecs: Located[Ecs]
    dns: Located[Dns]
    rollout: Located[Rollout]
    zones: tuple[Located[Zone], ...]
    sites: tuple[Located[Site], ...]
    monitors: tuple[Located[Monitor], ...]
    endpoints: tuple[Located[Endpoint], ...]
    pools: tuple[Located[Pool], ...]
    policies: tuple[Located[Policy], ...]
    services: tuple[Located[Service], ...]
    access: tuple[Located[Access], ...]
    broken: Mapping[str, tuple[Node, ...]]
    start: Mark

    def broken_names(self, kind: str) -> frozenset[str]:
        """Names of the items of a list that could not be read."""
        names = (locate(node, ["name"]).node for node in self.broken.get(kind, ()))
        return frozenset(name.text for name in names if isinstance(name, Scalar))


def parse(root: Table, problems: Problems) -> Config:
    """Type the joined tree. What is wrong is reported and left out."""
    parser = _Parser(root, problems, {})
    parser.check_keys()
    return Config(
        defaults=parser.block("defaults", Defaults),
        geo=parser.block("geo", GeoSources),
        ecs=parser.block("ecs", Ecs),
        dns=parser.block("dns", Dns),
        rollout=parser.block("rollout", Rollout),
        zones=parser.blocks("zones", Zone),
        sites=parser.blocks("sites", Site),
        monitors=parser.blocks("monitors", Monitor),
        endpoints=parser.blocks("endpoints", Endpoint),
        pools=parser.blocks("pools", Pool),
        policies=parser.blocks("policies", Policy),
        services=parser.blocks("services", Service),
        access=parser.blocks("access", Access),
        broken={name: tuple(nodes) for name, nodes in parser.broken.items()},
        start=root.mark,
    )


@dataclass(frozen=True, slots=True)
class _Parser:
    root: Table
    problems: Problems
    broken: dict[str, list[Node]]

    def check_keys(self) -> None:
        for name, entry in self.root.entries.items():
            if name not in keys(File):
                self.problems.error(entry.mark, unknown_key(name, File))

    def block(self, name: str, block: type[BlockT]) -> Located[BlockT]:
        """A block that may stand once; absent or broken, its defaults."""
        entry = self.root.entries.get(name)
        node: Node = entry.value if entry else Table({}, self.root.mark)
        return Located(validate(node, block, self.problems, name) or block(), node)

    def blocks(self, name: str, block: type[BlockT]) -> tuple[Located[BlockT], ...]:
        entry = self.root.entries.get(name)
        if entry is None:
            return ()
        if not isinstance(entry.value, Items):
            self.problems.error(entry.mark, _no_list(name, entry.value))
            return ()
        found = []
        for node in entry.value.items:
            value = validate(node, block, self.problems, name)
            if value is not None:
                found.append(Located(value, node))
            else:
                self.broken.setdefault(name, []).append(node)
        return tuple(found)


def validate(node: Node, block: type[BlockT], problems: Problems, within: str) -> BlockT | None:
    """The typed block, or None with every reason reported.

    Where unknown keys are all that is wrong, what is left is still read, so that errors in it are reported as well.
    """
    if not isinstance(node, Table):
        example = ", ".join(f"{key}: ..." for key in list(block.model_fields)[:2])
        problems.error(node.mark, f"an item of `{within}` must be a mapping, as in {{{example}}}")
        return None
    plain = to_plain(node)
    try:
        return block.model_validate(plain)
    except ValidationError as error:
        details = error.errors(include_url=False)
    for detail in details:
        _report(node, block, detail, problems)
    if any(detail["type"] != "extra_forbidden" for detail in details):
        return None
    try:
        return block.model_validate(_without(plain, [detail["loc"] for detail in details]))
    except ValidationError:
        return None


def _without(plain: Plain, paths: list[tuple[int | str, ...]]) -> Plain:
    """A copy without the values at `paths`, as far as they exist there."""
    copy = deepcopy(plain)
    for path in paths:
        inner: object = copy
        for step in path[:-1]:
            if isinstance(inner, dict) and isinstance(step, str):
                inner = inner.get(step)
            elif isinstance(inner, list) and isinstance(step, int) and step < len(inner):
                inner = inner[step]
        if isinstance(inner, dict):
            inner.pop(str(path[-1]), None)
    return copy


def _report(root: Table, block: type[Block], detail: ErrorDetails, problems: Problems) -> None:
    """Say what pydantic found, in words for people, where it is."""
    path = detail["loc"]
    kind = detail["type"]
    found = locate(root, path)
    subject = f"`{found.key}`: " if found.key is not None else ""
    if kind == "missing":
        holder = locate(root, path[:-1]).node
        problems.error(holder.mark, f"`{path[-1]}` is missing: add `{path[-1]}: ...` here")
    elif isinstance(found.node, Scalar) and found.node.empty:
        what = f"`{found.key}`" if found.key is not None else "this item"
        problems.error(found.key_mark, f"{what} has no value: write one, or remove it")
    elif kind == "extra_forbidden":
        at = found.key_mark if found.key == path[-1] else found.node.mark
        problems.error(at, unknown_key(str(path[-1]), _block_at(block, path[:-1]) or block))
    elif path[-1] == "[key]":
        problems.error(found.key_mark, f"{subject}{_sentence(detail, found.node)}")
    else:
        problems.error(found.node.mark, f"{subject}{_sentence(detail, found.node)}")


def _sentence(detail: ErrorDetails, node: Node) -> str:
    context = detail.get("ctx", {})
    match detail["type"]:
        case "value_error":
            return str(context["error"])
        case "tuple_type":
            return f"{_shown(node)} stands where a list is wanted: write it as [...]"
        case "dict_type" | "model_type" | "model_attributes_type":
            return f"{_shown(node)} stands where a mapping is wanted: write it as {{key: value}}"
        case kind if kind == SHAPE:
            return f"{_shown(node)} stands where one value is wanted: write {context['wanted']}"
        case _:
            return f"this cannot be used: {detail['msg']}"


def _shown(node: Node) -> str:
    match node:
        case Scalar():
            return f"'{node.text[:60]}'"
        case Items():
            return "a list"
        case Table():
            return "a mapping"


def _no_list(name: str, node: Node) -> str:
    if isinstance(node, Scalar) and node.empty:
        return f"`{name}` has no value: write a list, or remove the key"
    return f"`{name}`: {_shown(node)} stands where a list is wanted: begin each item with `- `"


def unknown_key(name: str, block: type[Block]) -> str:
    if name in block.later:
        return f"`{name}` {LATER}"
    return f"unknown {block.noun} `{name[:100]}`{did_you_mean(name, keys(block))}"


def _block_at(block: type[Block], path: tuple[int | str, ...]) -> type[Block] | None:
    """The block of the schema at a path of pydantic's."""
    current: object = block
    for step in path:
        if isinstance(current, type) and issubclass(current, Block):
            current = next(
                (
                    _inner(field.annotation)
                    for name, field in current.model_fields.items()
                    if step in (name, field.alias)
                ),
                current,
            )
        elif isinstance(step, int) or get_origin(current) is dict:
            current = _inner(get_args(current)[-1 if get_origin(current) is dict else 0])
    return current if isinstance(current, type) and issubclass(current, Block) else None


def _inner(annotation: object) -> object:
    """An annotation without `Annotated` and `| None`."""
    if get_origin(annotation) is Annotated:
        return _inner(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return _inner(next(part for part in get_args(annotation) if part is not type(None)))
    return annotation
