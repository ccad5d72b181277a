"""What differs between two configurations, by what they mean: zones, records, sites, monitors, pools, services ...

Pure. Values are shown as people write them, cut where they are long; the whole truth is in the texts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeGuard

from gslb.config.zone.record import type_name
from gslb.core.identity.access import Grant
from gslb.core.model import Endpoint, Model, Pool, RRset, Zone
from gslb.core.names import Name

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

MAX_SHOWN_CHARACTERS = 60
SETTINGS = ("ecs", "geo", "dns")
"""Parts of a model that have no names."""
_UNITS = ("ms", "s")
Labelled = Mapping[str, "DataclassInstance"]


class DifferenceKind(StrEnum):
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """`what`: zone, record, pool ...; `detail`: of a change what of it, of the others what belongs to it."""

    kind: DifferenceKind
    what: str
    name: str
    detail: str = ""


def compare(before: Model | None, after: Model | None) -> Iterator[Difference]:
    """From one model to another; None: nothing is configured."""
    yield from _zones(_by_apex(before), _by_apex(after))
    old, new = _parts(before), _parts(after)
    for what in new:
        yield from _things(what, old[what], new[what])
    yield from _settings(before, after)


def compare_serials(before: Iterable[tuple[str, int]], after: Iterable[tuple[str, int]]) -> Iterator[Difference]:
    """SOA serials by apex, of zones that are in both."""
    known = dict(before)
    for apex, serial in after:
        if known.get(apex, serial) != serial:
            yield _changed("serial", apex, f"{known[apex]} -> {serial}")


def compare_access(before: Iterable[Grant], after: Iterable[Grant]) -> Iterator[Difference]:
    """What operators may do."""
    yield from _things("operator", {one.operator: one for one in before}, {one.operator: one for one in after})


def compare_databases(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> Iterator[Difference]:
    """Geo databases by path, as hashes: that another one is named, the settings tell."""
    for path, digest in after.items():
        if before.get(path, digest) != digest:
            yield _changed("geo database", path, "other contents")


def _parts(model: Model | None) -> Mapping[str, Labelled]:
    """Everything that has a name, by kind and name, members beside their pools."""
    if model is None:
        return {what: {} for what in ("site", "monitor", "endpoint", "pool", "member", "policy", "service")}
    inner = {f"{pool.name}/{member.name}" for pool in model.pools for member in pool.members}
    return {
        "site": {site.name: site for site in model.sites},
        "monitor": {monitor.name: monitor for monitor in model.monitors},
        "endpoint": {endpoint.name: endpoint for endpoint in model.endpoints if endpoint.name not in inner},
        "pool": {pool.name: pool for pool in model.pools},
        "member": dict(_members(model)),
        "policy": {policy.name: policy for policy in model.policies},
        "service": {_show(service.name): service for service in model.services},
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Member:
    """A member with what its endpoint says, where it has one of its own."""

    endpoint: Endpoint | str
    weight: int
    standby: bool


def _members(model: Model) -> Iterator[tuple[str, _Member]]:
    endpoints = {endpoint.name: endpoint for endpoint in model.endpoints}
    for pool in model.pools:
        for member in pool.members:
            label = f"{pool.name}/{member.name}"
            endpoint = endpoints[label] if member.endpoint == label else member.endpoint
            yield label, _Member(endpoint=endpoint, weight=member.weight, standby=member.standby)


def _things(what: str, before: Labelled, after: Labelled) -> Iterator[Difference]:
    for name in before.keys() - after.keys():
        yield Difference(kind=DifferenceKind.REMOVED, what=what, name=name)
    for name, thing in after.items():
        if name not in before:
            yield Difference(kind=DifferenceKind.ADDED, what=what, name=name)
        elif changes := list(_changes(before[name], thing)):
            yield _changed(what, name, ", ".join(changes))


def _settings(before: Model | None, after: Model | None) -> Iterator[Difference]:
    if before is not None and after is not None:
        for name in SETTINGS:
            if changes := list(_changes(getattr(before, name), getattr(after, name))):
                yield _changed("setting", name, ", ".join(changes))


def _zones(before: Mapping[str, Zone], after: Mapping[str, Zone]) -> Iterator[Difference]:
    for apex, zone in before.items():
        if apex not in after:
            yield Difference(kind=DifferenceKind.REMOVED, what="zone", name=apex, detail=_size(zone))
    for apex, zone in after.items():
        if apex not in before:
            yield Difference(kind=DifferenceKind.ADDED, what="zone", name=apex, detail=_size(zone))
            continue
        if changes := list(_changes(before[apex].soa, zone.soa)):
            yield _changed("zone", apex, ", ".join(changes))
        yield from _records(before[apex].rrsets, zone.rrsets)


def _by_apex(model: Model | None) -> Mapping[str, Zone]:
    return {_show(zone.apex): zone for zone in model.zones} if model else {}


def _size(zone: Zone) -> str:
    count = sum(len(rrset.rdatas) for rrset in zone.rrsets)
    return f"{count} record{'s' * (count != 1)}"


def _records(before: Sequence[RRset], after: Sequence[RRset]) -> Iterator[Difference]:
    old = {(rrset.name, rrset.rrtype): rrset for rrset in before}
    new = {(rrset.name, rrset.rrtype): rrset for rrset in after}
    for key, rrset in old.items():
        if key not in new:
            yield Difference(kind=DifferenceKind.REMOVED, what="record", name=_label(rrset))
    for key, rrset in new.items():
        if key not in old:
            yield Difference(kind=DifferenceKind.ADDED, what="record", name=_label(rrset))
        elif changes := list(_record_changes(old[key], rrset)):
            yield _changed("record", _label(rrset), ", ".join(changes))


def _record_changes(before: RRset, after: RRset) -> Iterator[str]:
    if before.ttl_s != after.ttl_s:
        yield f"ttl {before.ttl_s}s -> {after.ttl_s}s"
    if before.rdatas != after.rdatas:
        gone, come = set(before.rdatas) - set(after.rdatas), set(after.rdatas) - set(before.rdatas)
        yield f"{len(gone)} removed, {len(come)} added" if gone or come else "another sequence"


def _label(rrset: RRset) -> str:
    return f"{_show(rrset.name)} {type_name(rrset.rrtype)}"


def _changes(before: DataclassInstance, after: DataclassInstance) -> Iterator[str]:
    """Field by field, those of nested values as well."""
    for field in fields(after):
        old, new = getattr(before, field.name), getattr(after, field.name)
        if old == new or (isinstance(after, Pool) and field.name == "members"):
            continue
        if _is_nested(old) and _is_nested(new) and type(old) is type(new):
            yield from _changes(old, new)
        else:
            yield _change(field.name, old, new)


def _is_nested(value: object) -> TypeGuard[DataclassInstance]:
    return is_dataclass(value) and not isinstance(value, (type, Name))


def _change(field: str, before: object, after: object) -> str:
    name, _, unit = field.rpartition("_")
    if unit not in _UNITS:
        name, unit = field, ""
    old, new = _show(before), _show(after)
    return f"{name} {old}{unit} -> {new}{unit}" if "..." not in (old, new) else f"{name} is another"


def _show(value: object) -> str:
    """As people write it; `...` for what is too much or too deep for a line."""
    if value is None:
        return "none"
    if isinstance(value, Name):
        return str(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        parts = [_show(part) for part in value]
        text = "..." if "..." in parts else f"[{', '.join(parts)}]"
    else:
        text = "..." if is_dataclass(value) else str(value)
    return text if len(text) <= MAX_SHOWN_CHARACTERS else "..."


def _changed(what: str, name: str, detail: str) -> Difference:
    return Difference(kind=DifferenceKind.CHANGED, what=what, name=name, detail=detail)
