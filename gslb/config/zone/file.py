"""Zone files (RFC 1035 5): every record with its own place, every error at once.

`$INCLUDE` reads through the same FileSource as everything else; `$GENERATE` is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

import dns.exception
import dns.ttl

from gslb.config.limits import MAX_RECORDS
from gslb.config.problems import Mark, Problems
from gslb.config.read import Files
from gslb.config.source import beside
from gslb.config.zone.record import (
    DEFAULT_TTL_S,
    MAX_TTL_S,
    SOA,
    Record,
    SoaValues,
    rdata_bytes,
    soa_values,
    type_number,
)
from gslb.config.zone.tokens import Token, ZoneEntry, entries
from gslb.core.errors import InvalidName
from gslb.core.names import Name

MAX_INCLUDE_DEPTH = 8
T = TypeVar("T")


@dataclass(slots=True)
class ZoneFile:
    """What a zone file holds: `soa` apart from the other records."""

    records: list[Record] = field(default_factory=list)
    soa: SoaValues | None = None


def read_zone_file(files: Files, path: str, mark: Mark, apex: Name) -> ZoneFile:
    """Read the file at `path`, named at `mark`. What is wrong is reported and left out."""
    content = ZoneFile()
    _Reader(files, content, apex, apex).read(path, mark, ())
    return content


class _Wrong(Exception):
    """An entry is left out; `args` are its place and the sentence."""

    def __init__(self, mark: Mark, text: str) -> None:
        super().__init__(text)
        self.mark = mark
        self.text = text


@dataclass(slots=True)
class _Reader:
    files: Files
    content: ZoneFile
    apex: Name
    origin: Name
    owner: Name | None = None
    default_ttl_s: int | None = None
    last_ttl_s: int | None = None

    @property
    def problems(self) -> Problems:
        return self.files.problems

    def read(self, path: str, mark: Mark, chain: tuple[str, ...]) -> None:
        if path in chain or len(chain) >= MAX_INCLUDE_DEPTH:
            self.problems.error(mark, f"$INCLUDE leads back to `{path}` or too deep: remove it")
            return
        text = self._text(path, mark)
        for entry in entries(text, path, self.problems):
            if len(self.content.records) >= MAX_RECORDS:
                self.problems.error(entry.tokens[0].mark, f"a zone may have {MAX_RECORDS} records: split the zone")
                return
            try:
                self._entry(entry, (*chain, path))
            except _Wrong as wrong:
                self.problems.error(wrong.mark, wrong.text)

    def _text(self, path: str, mark: Mark) -> str:
        content = self.files.read(path, mark) or b""
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            self.problems.error(Mark(path, line, 1), "this is not UTF-8 text: write other octets as \\DDD")
            return ""

    def _entry(self, entry: ZoneEntry, chain: tuple[str, ...]) -> None:
        first = entry.tokens[0]
        if first.text.startswith("$") and not entry.indented:
            self._directive(first, entry.tokens[1:], chain)
            return
        rest = iter(entry.tokens if entry.indented else entry.tokens[1:])
        if not entry.indented:
            self.owner = _at(first, self._name)
        if self.owner is None:
            raise _Wrong(first.mark, "this record has no owner name: write one at the start of the line")
        self._record(self.owner, rest, first.mark)

    def _record(self, owner: Name, tokens: Iterator[Token], mark: Mark) -> None:
        ttl_s: int | None = None
        for token in tokens:
            upper = token.text.upper()
            if upper in ("CH", "HS", "CS", "ANY"):
                raise _Wrong(token.mark, f"class {upper} is not served: write IN, or no class")
            if upper[0].isdigit():
                ttl_s = _at(token, _ttl)
            elif upper != "IN":
                break
        else:
            raise _Wrong(mark, "this record has no type: write it as in `www 300 IN A 192.0.2.1`")
        rrtype = _at(token, type_number)
        parts = list(tokens)
        data = Token(" ".join(part.text for part in parts), parts[0].mark if parts else token.mark)
        self._keep(owner, rrtype, self._ttl_s(ttl_s), data, mark)

    def _keep(self, owner: Name, rrtype: int, ttl_s: int, data: Token, mark: Mark) -> None:
        if rrtype != SOA:
            rdata = _at(data, lambda text: rdata_bytes(rrtype, text, self.origin))
            self.content.records.append(Record(owner, rrtype, ttl_s, rdata, mark))
        elif owner != self.apex:
            raise _Wrong(mark, f"the SOA must stand at the zone's name {self.apex}, not at {owner}")
        elif self.content.soa is not None:
            raise _Wrong(mark, "this is a second SOA record: keep one")
        else:
            self.content.soa = _at(data, lambda text: soa_values(text, self.origin, ttl_s))

    def _ttl_s(self, given: int | None) -> int:
        """RFC 2308 4: the record's own, else $TTL, else the last one written, else our default."""
        if given is not None:
            self.last_ttl_s = given
            return given
        if self.default_ttl_s is not None:
            return self.default_ttl_s
        return self.last_ttl_s if self.last_ttl_s is not None else DEFAULT_TTL_S

    def _directive(self, directive: Token, arguments: tuple[Token, ...], chain: tuple[str, ...]) -> None:
        name = directive.text.upper()
        if name not in ("$ORIGIN", "$TTL", "$INCLUDE"):
            raise _Wrong(directive.mark, f"`{directive.text}` is not supported: write the records out")
        if not arguments:
            raise _Wrong(directive.mark, f"{name} needs a value after it")
        value = arguments[0]
        match name:
            case "$ORIGIN":
                self.origin = _at(value, self._name)
            case "$TTL":
                self.default_ttl_s = _at(value, _ttl)
            case _:
                self._include(arguments, chain)

    def _include(self, arguments: tuple[Token, ...], chain: tuple[str, ...]) -> None:
        """RFC 1035 5.1: the included file's origin does not outlive it."""
        path, before = arguments[0], self.origin
        if len(arguments) > 1:
            self.origin = _at(arguments[1], self._name)
        self.read(beside(path.text.strip('"'), path.mark.file), path.mark, chain)
        self.origin = before

    def _name(self, text: str) -> Name:
        return Name.from_text(text, self.origin)


def _at(token: Token, parse: Callable[[str], T]) -> T:
    """What the token's text means, or the reason why nothing at its place."""
    try:
        return parse(token.text)
    except (ValueError, InvalidName) as error:
        raise _Wrong(token.mark, str(error)) from None


def _ttl(text: str) -> int:
    try:
        ttl_s = dns.ttl.from_text(text)
    except dns.exception.DNSException:
        raise ValueError(f"'{text[:60]}' is not a TTL: write seconds, or as 1h30m") from None
    if ttl_s > MAX_TTL_S:
        raise ValueError(f"the TTL {ttl_s} is out of range: write 0 to {MAX_TTL_S} (a week)")
    return ttl_s
