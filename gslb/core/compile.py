"""From a model and its class maps to the snapshot that dns servers and agents work from. Same input, same snapshot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace

from gslb.core.layouts import Layout, layouts
from gslb.core.model import GeoSources, Model
from gslb.core.names import Name
from gslb.core.order import Order
from gslb.core.snapshot import ClassMap, Snapshot

EARLIER_LAYOUTS = 8
"""How many earlier layouts of a site stay known, so that reports of agents that have not caught up still count."""


def compile_snapshot(
    model: Model,
    classes: Mapping[str, ClassMap],
    *,
    order: Order,
    serials: Mapping[Name, int],
    earlier: tuple[Layout, ...],
    seed: int,
) -> Snapshot:
    """`classes`: `class_maps` of this model. `serials`: SOA serials by apex. `earlier`: layouts before, newest first.

    The layouts of the snapshot before this one are the right `earlier`.
    """
    current = layouts(model)
    return Snapshot(
        order=order,
        model=replace(model, geo=GeoSources(databases=(), prefixes=())),
        serials={zone.apex: serials[zone.apex] for zone in model.zones},
        classes={policy.name: classes[policy.name] for policy in model.policies},
        layouts=(*current, *_still_reported(current, earlier)),
        seed=seed,
    )


def _still_reported(current: tuple[Layout, ...], earlier: tuple[Layout, ...]) -> Iterator[Layout]:
    """The newest `earlier` layouts of each site that is still there, each content once."""
    kept = Counter({layout.site: 0 for layout in current})
    seen = set(current)
    for layout in earlier:
        if layout.site in kept and layout not in seen and kept[layout.site] < EARLIER_LAYOUTS:
            kept[layout.site] += 1
            seen.add(layout)
            yield layout
