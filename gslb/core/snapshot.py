"""What a configuration compiles to, and all a dns server needs besides directives and facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gslb.core.layouts import Layout
from gslb.core.model import Model
from gslb.core.names import Name
from gslb.core.order import Order
from gslb.core.steering.stages.base import Key

CLASS_V4_BITS, CLASS_V6_BITS = 32, 128
ECS_V4_BITS, ECS_V6_BITS = 24, 56


@dataclass(frozen=True, slots=True)
class RangeMap:
    """A whole address space cut into ranges: range i is [starts[i], starts[i+1]) and has class classes[i].

    `starts` rises strictly and begins with 0; neighbours differ in class. Addresses are integers of the family's width.
    Both are immutable: tuples, or what holds millions in less memory and equals a tuple of the same integers.
    """

    starts: Sequence[int]
    classes: Sequence[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassMap:
    """One policy's classes. `keys[c]` are the stages' keys of class c, `labels[c]` says it for people.

    `ecs_*` know only prefixes of at most /24 and /56, `full_*` all (the same object where there are no longer ones).
    """

    keys: tuple[tuple[Key, ...], ...]
    labels: tuple[str, ...]
    ecs_v4: RangeMap
    ecs_v6: RangeMap
    full_v4: RangeMap
    full_v6: RangeMap


@dataclass(frozen=True, slots=True, kw_only=True, weakref_slot=True)
class Snapshot:
    """`model.geo` is emptied: class maps stand for it.

    `layouts`: the current ones and those of revisions before that may still be reported. `serials`: by apex.
    """

    order: Order
    model: Model
    serials: Mapping[Name, int]
    classes: Mapping[str, ClassMap]
    layouts: tuple[Layout, ...]
    seed: int
