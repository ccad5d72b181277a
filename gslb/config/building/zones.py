"""Zones: NS, SOA and plain records, from YAML or a zone file, once for each of a zone's names."""

from __future__ import annotations

from dataclasses import dataclass, field

from gslb.config.limits import MAX_RECORDS
from gslb.config.nodes import Node, locate, place
from gslb.config.parse import Config, Located
from gslb.config.problems import Mark, Problems
from gslb.config.read import Files
from gslb.config.schema.zones import Record as RecordBlock
from gslb.config.schema.zones import Zone as ZoneBlock
from gslb.config.source import beside
from gslb.config.zone.file import ZoneFile, read_zone_file
from gslb.config.zone.record import NS, SOA, TXT, Record, quoted, rdata_bytes, type_number
from gslb.core.errors import InvalidName
from gslb.core.model import Soa
from gslb.core.names import ROOT, Name

NS_TTL_S = 3600
SOA_TTL_S = 3600
REFRESH_S, RETRY_S, EXPIRE_S = 7200, 900, 1_209_600
NEGATIVE_TTL_S = 10


@dataclass(slots=True)
class Draft:
    """A zone as far as it could be read. `aliases`: all names of its block, its own apex among them."""

    apex: Name
    mark: Mark
    aliases: tuple[Name, ...]
    soa: Soa
    records: list[Record] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Drafts:
    """`broken`: some zone could not be read, so names outside the others may be its own."""

    drafts: dict[Name, Draft]
    broken: bool

    def find(self, name: Name) -> Draft | None:
        """The zone with the longest apex that holds `name`."""
        return next((self.drafts[parent] for parent in name.ancestors() if parent in self.drafts), None)


def build_zones(config: Config, files: Files, problems: Problems) -> Drafts:
    builder = _ZoneBuilder(files, problems, {})
    for item in config.zones:
        builder.add(item)
    return Drafts(builder.found, "zones" in config.broken)


@dataclass(slots=True)
class _ZoneBuilder:
    files: Files
    problems: Problems
    found: dict[Name, Draft]
    count: int = 0

    def add(self, item: Located[ZoneBlock]) -> None:
        block, node = item.value, item.node
        names = self._names(block, node)
        if block.file is not None and block.records:
            self.problems.error(place(node, "records"), "`records` and `file` exclude each other: keep one")
        for number, apex in enumerate(names):
            mark = place(node, "names", number) if block.names else place(node, "name")
            if apex in self.found:
                first = self.found[apex].mark
                self.problems.error(mark, f"zone `{apex}` stands twice, first at {first}: keep one")
            else:
                self.found[apex] = self._draft(item, apex, mark, names)

    def _names(self, block: ZoneBlock, node: Node) -> tuple[Name, ...]:
        names = block.names if block.name is None else (block.name,)
        if block.name is not None and block.names:
            self.problems.error(place(node, "names"), "`name` and `names` exclude each other: keep one")
        if not names:
            self.problems.error(node.mark, "a zone needs a `name`, or `names`: add one here")
        return names

    def _draft(self, item: Located[ZoneBlock], apex: Name, mark: Mark, names: tuple[Name, ...]) -> Draft:
        block, node = item.value, item.node
        content = ZoneFile()
        if block.file is not None:
            at = place(node, "file")
            content = read_zone_file(self.files, beside(block.file, at.file), at, apex)
        draft = Draft(apex=apex, mark=mark, aliases=names, soa=self._soa(item, apex, content), records=content.records)
        for number, record in enumerate(block.records if block.file is None else ()):
            draft.records.extend(self._records(record, locate(node, ["records", number]).node, apex))
        self._nameservers(item, draft)
        self.count += len(draft.records)
        if self.count > MAX_RECORDS:
            self.problems.error(mark, f"all zones together may have {MAX_RECORDS} plain records: remove some")
            draft.records.clear()
        return draft

    def _soa(self, item: Located[ZoneBlock], apex: Name, content: ZoneFile) -> Soa:
        """From `nameservers` and `contact`; a zone file's own SOA fills what they leave open."""
        block, own = item.value, content.soa
        primary = block.nameservers[0] if block.nameservers else own.mname if own else None
        contact = block.contact if block.contact is not None else own.rname if own else None
        broken_file = block.file is not None and own is None and not content.records
        if contact is None and not broken_file:
            self.problems.error(
                item.node.mark, f"zone `{apex}` has no contact for its SOA: add `contact: hostmaster@example.com`"
            )
        negative = block.negative_ttl if block.negative_ttl is not None else own.minimum_s if own else NEGATIVE_TTL_S
        return Soa(
            mname=primary or next((ns.target() for ns in content.records if ns.rrtype == NS), ROOT),
            rname=contact or ROOT,
            refresh_s=own.refresh_s if own else REFRESH_S,
            retry_s=own.retry_s if own else RETRY_S,
            expire_s=own.expire_s if own else EXPIRE_S,
            negative_ttl_s=negative,
            ttl_s=own.ttl_s if own else SOA_TTL_S,
        )

    def _nameservers(self, item: Located[ZoneBlock], draft: Draft) -> None:
        block, node = item.value, item.node
        own = [record for record in draft.records if record.rrtype == NS and record.owner == draft.apex]
        if not block.nameservers and not own and (block.file is None or draft.records):
            self.problems.error(
                node.mark, f"zone `{draft.apex}` has no nameservers: add `nameservers: [ns1.{draft.apex}]`"
            )
        if block.nameservers and own:
            self.problems.error(
                own[0].mark,
                f"the NS set of `{draft.apex}` comes from `nameservers`: remove these NS records, or that key",
            )
            return
        draft.records[:0] = [
            Record(draft.apex, NS, NS_TTL_S, name.wire, place(node, "nameservers", number))
            for number, name in enumerate(block.nameservers)
        ]

    def _records(self, block: RecordBlock, node: Node, apex: Name) -> list[Record]:
        try:
            owner = Name.from_text(block.name, apex)
        except InvalidName as error:
            self.problems.error(place(node, "name"), str(error))
            return []
        if not block.name.endswith(".") and owner.parent() != apex and f".{block.name}".endswith(f".{apex}"):
            self.problems.warn(
                place(node, "name"),
                f"this is `{owner}`, for names are relative here: end it with a dot if it is complete",
            )
        try:
            rrtype = type_number(block.type)
        except ValueError as error:
            self.problems.error(place(node, "type"), str(error))
            return []
        if rrtype == SOA:
            self.problems.error(
                place(node, "type"), "the SOA is made from `nameservers` and `contact`: remove this record"
            )
            return []
        return [
            Record(owner, rrtype, block.ttl, rdata, mark)
            for number, text in enumerate(block.data)
            if (rdata := self._rdata(rrtype, text, apex, mark := place(node, "data", number))) is not None
        ]

    def _rdata(self, rrtype: int, text: str, apex: Name, mark: Mark) -> bytes | None:
        try:
            return rdata_bytes(rrtype, quoted(text) if rrtype == TXT else text, apex)
        except ValueError as error:
            self.problems.error(mark, str(error))
            return None
