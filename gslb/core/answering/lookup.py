"""Where a name leads inside a zone (RFC 1034 4.3.2): to a node, a wildcard, a delegation, a DNAME, or nowhere.

A walk costs one look-up per label, whatever the zone's size, and keeps no state.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gslb.core.answering.records import RRType
from gslb.core.answering.view import WILDCARD, Index, Node, ZoneIndex
from gslb.core.model import RRset


@dataclass(frozen=True, slots=True)
class Found:
    """The node that answers, maybe a wildcard's, and its name."""

    node: Node
    owner: bytes


@dataclass(frozen=True, slots=True)
class Delegated:
    """Authority ends here: a referral. `cut` is the delegation's NS RRset."""

    cut: RRset


@dataclass(frozen=True, slots=True)
class Redirected:
    """A DNAME stands above the name (RFC 6672 2.2)."""

    dname: RRset


@dataclass(frozen=True, slots=True)
class Missing:
    """NXDOMAIN."""


Place = Found | Delegated | Redirected | Missing


def zone_of(index: Index, name: bytes, rrtype: int) -> ZoneIndex | None:
    """The zone with the longest apex that ends the name.

    DS belongs to the parent's side of a cut: at an apex the parent zone answers, if it is here (RFC 4035 3.1.4.1).
    """
    suffixes = list(_suffixes(name))[-1 - index.deepest :]
    found = [index.zones[suffix] for suffix in suffixes if suffix in index.zones]
    if rrtype == RRType.DS and len(found) > 1 and found[0].apex == name:
        return found[1]
    return found[0] if found else None


def place(zone: ZoneIndex, name: bytes, rrtype: int) -> Place:
    """Walk down from the apex to `name`, which is within the zone."""
    encloser = zone.apex
    for suffix in _between(zone.apex, name):
        node = zone.nodes.get(suffix)
        if node is None:
            owner = WILDCARD + encloser
            wildcard = zone.nodes.get(owner)
            return Missing() if wildcard is None else Found(wildcard, owner)
        if zone.is_cut(suffix, node) and not (rrtype == RRType.DS and suffix == name):
            return Delegated(node.rrsets[RRType.NS])
        if suffix != name and RRType.DNAME in node.rrsets:
            return Redirected(node.rrsets[RRType.DNAME])
        encloser = suffix
    return Found(zone.nodes[name], name)


def _suffixes(name: bytes) -> Iterator[bytes]:
    """The name, its parent and so on to the root."""
    while name[0]:
        yield name
        name = name[1 + name[0] :]
    yield name


def _between(apex: bytes, name: bytes) -> Iterator[bytes]:
    """From the apex down to the name, a label more each time."""
    longer = [suffix for suffix in _suffixes(name) if len(suffix) >= len(apex)]
    return reversed(longer)
