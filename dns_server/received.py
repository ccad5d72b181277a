"""What came from a coordinator, kept with the very bytes it came in, so that it can be saved and read again.

A saved snapshot is its envelope and its chunks, each with its length in front.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import BinaryIO, TypeVar

from google.protobuf.message import DecodeError, Message

from gslb.api.v1.discovery_pb2 import FactsUpdate
from gslb.api.v1.facts_pb2 import Coordinators, Envelope
from gslb.api.v1.facts_pb2 import Directives as DirectivesMessage
from gslb.codec.facts import dump_report, load_directives, load_order, load_report
from gslb.codec.sealing import Sealed, Trust
from gslb.core.directives import Directives
from gslb.core.errors import InvalidSnapshot
from gslb.core.facts import NO_FACTS, Facts, merge
from gslb.core.order import Order

_LENGTH_BYTES = 4

Content = TypeVar("Content", bound=Message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A snapshot: the manifest's envelope, and all chunks by digest."""

    envelope: Envelope
    chunks: Mapping[bytes, bytes]

    @property
    def order(self) -> Order:
        return load_order(self.envelope.order)

    def dump(self) -> tuple[bytes, ...]:
        parts = (self.envelope.SerializeToString(deterministic=True), *self.chunks.values())
        return tuple(piece for part in parts for piece in (len(part).to_bytes(_LENGTH_BYTES), part))

    @classmethod
    def load(cls, saved: bytes, trust: Trust) -> Received:
        """Raises InvalidSnapshot."""
        parts = _parts(saved)
        envelope = _decode(Envelope, next(parts, b""))
        trust.check(Sealed.MANIFEST, envelope)
        return cls(envelope=envelope, chunks={sha256(part).digest(): part for part in parts})

    @staticmethod
    def rank(saved: BinaryIO) -> Order:
        """The order that a saved one claims, from its beginning. Raises InvalidSnapshot."""
        length = int.from_bytes(saved.read(_LENGTH_BYTES))
        return load_order(_decode(Envelope, saved.read(length)).order)


@dataclass(frozen=True, slots=True, kw_only=True)
class Directions:
    """Directives, and the order they stand at."""

    envelope: Envelope
    directives: Directives

    @property
    def order(self) -> Order:
        return load_order(self.envelope.order)

    def fits(self, received: Received) -> bool:
        """Whether that snapshot's decision follows them; else they wait for one of their own incarnation."""
        return self.order.incarnation <= received.order.incarnation

    def dump(self) -> tuple[bytes, ...]:
        return (self.envelope.SerializeToString(deterministic=True),)

    @classmethod
    def load(cls, saved: bytes, trust: Trust) -> Directions:
        """Raises InvalidSnapshot."""
        return cls.unpack(_decode(Envelope, saved), trust)

    @staticmethod
    def rank(saved: BinaryIO) -> Order:
        """The order that saved ones claim. Raises InvalidSnapshot."""
        return load_order(_decode(Envelope, saved.read()).order)

    @classmethod
    def unpack(cls, envelope: Envelope, trust: Trust) -> Directions:
        """Raises InvalidSnapshot."""
        trust.check(Sealed.DIRECTIVES, envelope)
        directives = load_directives(_decode(DirectivesMessage, envelope.payload))
        if directives.revision != envelope.order.directive:
            raise InvalidSnapshot(f"directives {directives.revision} in an envelope of {load_order(envelope.order)}")
        return cls(envelope=envelope, directives=directives)


def dump_facts(facts: Facts) -> tuple[bytes, ...]:
    reports = [dump_report(facts.reports[agent]) for agent in sorted(facts.reports)]
    return (FactsUpdate(reports=reports).SerializeToString(deterministic=True),)


def load_facts(saved: bytes) -> Facts:
    """Raises InvalidSnapshot."""
    facts = NO_FACTS
    for message in _decode(FactsUpdate, saved).reports:
        facts = merge(facts, load_report(message))
    return facts


def dump_coordinators(addresses: Iterable[str]) -> tuple[bytes, ...]:
    return (Coordinators(addresses=sorted(addresses)).SerializeToString(deterministic=True),)


def load_coordinators(saved: bytes) -> tuple[str, ...]:
    """Raises InvalidSnapshot."""
    return tuple(_decode(Coordinators, saved).addresses)


def _decode(kind: type[Content], content: bytes) -> Content:
    message = kind()
    try:
        message.ParseFromString(content)
    except DecodeError:
        raise InvalidSnapshot("a message cannot be read") from None
    return message


def _parts(saved: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(saved):
        end = at + _LENGTH_BYTES + int.from_bytes(saved[at : at + _LENGTH_BYTES])
        if end > len(saved):
            raise InvalidSnapshot("a saved snapshot is cut off")
        yield saved[at + _LENGTH_BYTES : end]
        at = end
