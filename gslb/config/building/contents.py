"""What may stand beside what in a zone: CNAME, DNAME, delegations and their glue, steered names, sizes; then RRsets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from gslb.config.building.zones import Draft, Drafts
from gslb.config.limits import MAX_RRSET_BYTES, RECORD_BYTES
from gslb.config.problems import Mark, Problems
from gslb.config.zone.record import AAAA, CNAME, DNAME, DS, NS, A, Record, type_name
from gslb.core.model import RRset, Zone
from gslb.core.names import Name

_MAX_DELEGATED_TO = 13
"""So that a referral with all its glue stays small (the root has as many)."""
_ADDRESSES = frozenset({A, AAAA})


@dataclass(frozen=True, slots=True)
class Steered:
    """A service's name. `host`: its members are host names, answered as CNAME."""

    name: Name
    host: bool
    mark: Mark


def build_contents(drafts: Drafts, steered: Iterable[Steered], problems: Problems) -> tuple[Zone, ...]:
    """Check every zone and group its records."""
    by_zone: dict[Name, list[Steered]] = {apex: [] for apex in drafts.drafts}
    for name in steered:
        draft = drafts.find(name.name)
        if draft is not None:
            by_zone[draft.apex].append(name)
    zones = []
    for apex, draft in drafts.drafts.items():
        contents = _Contents(draft, drafts, problems)
        contents.check(by_zone[apex])
        zones.append(Zone(apex=apex, soa=draft.soa, rrsets=contents.rrsets()))
    return tuple(zones)


@dataclass(frozen=True)
class _Contents:
    draft: Draft
    drafts: Drafts
    problems: Problems

    @cached_property
    def sets(self) -> dict[Name, dict[int, list[Record]]]:
        """Records inside the zone, by owner and type."""
        found: dict[Name, dict[int, list[Record]]] = {}
        for record in self.draft.records:
            if record.owner.is_within(self.draft.apex):
                found.setdefault(record.owner, {}).setdefault(record.rrtype, []).append(record)
        return found

    @cached_property
    def cuts(self) -> dict[Name, Mark]:
        """Delegated names and where."""
        return {
            owner: types[NS][0].mark for owner, types in self.sets.items() if NS in types and owner != self.draft.apex
        }

    @cached_property
    def dnames(self) -> dict[Name, Mark]:
        return {owner: types[DNAME][0].mark for owner, types in self.sets.items() if DNAME in types}

    def check(self, steered: Iterable[Steered]) -> None:
        for record in self.draft.records:
            self._check_place(record)
        for owner, types in self.sets.items():
            self._check_aliases(owner, types)
            for rrtype, records in types.items():
                self._check_set(owner, rrtype, records)
        for records in (types[NS] for types in self.sets.values() if NS in types):
            self._check_glue(records)
        for service in steered:
            self._check_steered(service)

    def rrsets(self) -> tuple[RRset, ...]:
        """In the order of first appearance; the lowest TTL counts."""
        return tuple(
            RRset(
                name=owner,
                rrtype=rrtype,
                ttl_s=min(record.ttl_s for record in records),
                rdatas=tuple(record.rdata for record in records),
            )
            for owner, types in self.sets.items()
            for rrtype, records in types.items()
        )

    def _check_place(self, record: Record) -> None:
        apex, owner = self.draft.apex, record.owner
        if not owner.is_within(apex):
            self.problems.error(record.mark, f"`{owner}` is outside the zone `{apex}`: move it to its own zone")
            return
        inner = self.drafts.find(owner)
        if inner is not None and inner.apex != apex and record.rrtype not in (NS, DS, A, AAAA):
            self.problems.error(record.mark, f"`{owner}` belongs to the zone `{inner.apex}`: move the record there")
        if cut := self._above(owner, self.cuts, inclusive=True):
            allowed = {NS, DS, A, AAAA} if cut == owner else {A, AAAA}
            if record.rrtype not in allowed:
                self.problems.error(
                    record.mark,
                    f"`{owner}` is delegated at {self.cuts[cut]}: only {'NS, DS and ' * (cut == owner)}addresses of "
                    "nameservers may stand here, move the record to the delegated zone",
                )
        if (dname := self._above(owner, self.dnames, inclusive=False)) is not None:
            self.problems.error(
                record.mark, f"`{owner}` is below the DNAME at {self.dnames[dname]}, which hides it: remove one of them"
            )

    def _above(self, owner: Name, names: dict[Name, Mark], *, inclusive: bool) -> Name | None:
        """The highest of `names` at or above `owner`, inside the zone."""
        found = None
        for name in owner.ancestors():
            if name in names and (inclusive or name != owner):
                found = name
            if name == self.draft.apex:
                break
        return found

    def _check_aliases(self, owner: Name, types: dict[int, list[Record]]) -> None:
        for alias in (CNAME, DNAME):
            records = types.get(alias, [])
            if len(records) > 1:
                self.problems.error(
                    records[1].mark, f"`{owner}` has a {type_name(alias)} already, at {records[0].mark}: keep one"
                )
        others = sorted(type_name(rrtype) for rrtype in types if rrtype != CNAME)
        if CNAME in types and owner == self.draft.apex:
            self.problems.error(
                types[CNAME][0].mark, f"`{owner}` is the zone's own name, where no CNAME may stand: use A and AAAA"
            )
        elif CNAME in types and others:
            self.problems.error(
                types[CNAME][0].mark, f"`{owner}` has a CNAME and other data ({', '.join(others)}): keep one of them"
            )
        for rrtype in (NS, DNAME):
            if owner.labels[:1] == (b"*",) and rrtype in types:
                self.problems.error(
                    types[rrtype][0].mark, f"{type_name(rrtype)} at a wildcard has no defined meaning: name each one"
                )

    def _check_set(self, owner: Name, rrtype: int, records: list[Record]) -> None:
        first: dict[bytes, Record] = {}
        for record in records:
            if record.rdata in first:
                self.problems.error(
                    record.mark, f"this record stands twice, first at {first[record.rdata].mark}: keep one"
                )
            first.setdefault(record.rdata, record)
            if record.ttl_s != records[0].ttl_s:
                low = min(other.ttl_s for other in records)
                self.problems.warn(
                    record.mark,
                    f"`{owner}` {type_name(rrtype)} has several TTLs, {low}s counts for all: write the same one",
                )
        if sum(len(record.rdata) + RECORD_BYTES for record in records) > MAX_RRSET_BYTES:
            self.problems.error(
                records[0].mark, f"`{owner}` {type_name(rrtype)} does not fit into a DNS message: remove some records"
            )

        if rrtype == NS and owner in self.cuts and len(records) > _MAX_DELEGATED_TO:
            self.problems.error(
                records[_MAX_DELEGATED_TO].mark,
                f"`{owner}` is delegated to {len(records)} nameservers: at most {_MAX_DELEGATED_TO}, remove some",
            )

    def _check_glue(self, records: list[Record]) -> None:
        """A nameserver inside the zone needs its address here, or nobody can find it."""
        for record in records:
            target = record.target()
            inside = self.drafts.find(target)
            if inside is None or inside.apex != self.draft.apex:
                continue
            if _ADDRESSES.isdisjoint(self.sets.get(target, {})):
                relative = _relative(target, self.draft.apex)
                self.problems.error(
                    record.mark,
                    f"nameserver `{target}` has no address in its own zone: add the record "
                    f"{{name: {relative}, type: A, data: ...}}",
                )

    def _check_steered(self, service: Steered) -> None:
        name, mark = service.name, service.mark
        if (cut := self._above(name, self.cuts, inclusive=True)) is not None:
            self.problems.error(
                mark, f"`{name}` is delegated away at {self.cuts[cut]}: remove the NS records, or name it elsewhere"
            )
        if (dname := self._above(name, self.dnames, inclusive=False)) is not None:
            self.problems.error(
                mark, f"`{name}` is below the DNAME at {self.dnames[dname]}, which hides it: remove one"
            )
        types = self.sets.get(name, {}) if name != self.draft.apex or not service.host else {}
        clashing = types.keys() if service.host else types.keys() & {A, AAAA, CNAME}
        for rrtype in sorted(clashing):
            record = types[rrtype][0]
            what = "is answered as CNAME" if service.host else "is steered"
            self.problems.error(
                mark, f"`{name}` {what} and has a plain {type_name(rrtype)} record at {record.mark}: keep one of them"
            )


def _relative(name: Name, apex: Name) -> str:
    labels = name.labels[: len(name.labels) - len(apex.labels)]
    return ".".join(label.decode("latin-1") for label in labels) or '"@"'
