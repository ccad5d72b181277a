"""Zones with their plain records as protobuf."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from gslb.api.v1 import snapshot_pb2 as pb
from gslb.codec.chunks import runs
from gslb.codec.values import load_name, load_ttl
from gslb.core.errors import InvalidSnapshot
from gslb.core.model import RRset, Soa, Zone
from gslb.core.names import Name

RRSETS_A_MESSAGE = 32
MAX_RDATA_BYTES = 65_535


def dump_zone(zone: Zone, serial: int) -> Iterator[pb.ZoneData]:
    yield pb.ZoneData(apex=zone.apex.wire, serial=serial, soa=_dump_soa(zone.soa))
    for run in runs(map(_dump_rrset, zone.rrsets), RRSETS_A_MESSAGE):
        yield pb.ZoneData(apex=zone.apex.wire, rrsets=run)


def load_zones(messages: Iterable[pb.ZoneData]) -> tuple[tuple[Zone, ...], Mapping[Name, int]]:
    """The zones, and their serials by apex."""
    zones: list[Zone] = []
    serials: dict[Name, int] = {}
    rrsets: list[RRset] = []

    def finish() -> None:
        if zones:
            zones[-1] = replace(zones[-1], rrsets=tuple(rrsets))
            rrsets.clear()

    for message in messages:
        apex = load_name(message.apex)
        if message.HasField("soa"):
            if apex in serials:
                raise InvalidSnapshot(f"zone '{apex}' is there twice")
            finish()
            zones.append(Zone(apex=apex, soa=_load_soa(message.soa), rrsets=()))
            serials[apex] = message.serial
        elif not zones or zones[-1].apex != apex:
            raise InvalidSnapshot(f"zone '{apex}' has records before its SOA")
        rrsets.extend(_load_rrset(rrset) for rrset in message.rrsets)
    finish()
    return tuple(zones), serials


def _dump_soa(soa: Soa) -> pb.SoaData:
    return pb.SoaData(
        mname=soa.mname.wire,
        rname=soa.rname.wire,
        refresh_s=soa.refresh_s,
        retry_s=soa.retry_s,
        expire_s=soa.expire_s,
        negative_ttl_s=soa.negative_ttl_s,
        ttl_s=soa.ttl_s,
    )


def _load_soa(message: pb.SoaData) -> Soa:
    return Soa(
        mname=load_name(message.mname),
        rname=load_name(message.rname),
        refresh_s=message.refresh_s,
        retry_s=message.retry_s,
        expire_s=message.expire_s,
        negative_ttl_s=load_ttl(message.negative_ttl_s),
        ttl_s=load_ttl(message.ttl_s),
    )


def _dump_rrset(rrset: RRset) -> pb.RRsetData:
    return pb.RRsetData(name=rrset.name.wire, rrtype=rrset.rrtype, ttl_s=rrset.ttl_s, rdatas=rrset.rdatas)


def _load_rrset(message: pb.RRsetData) -> RRset:
    name = load_name(message.name)
    if not 0 < message.rrtype < 1 << 16:
        raise InvalidSnapshot(f"'{name}' has records of type {message.rrtype}, which does not exist")
    if not message.rdatas or any(len(rdata) > MAX_RDATA_BYTES for rdata in message.rdatas):
        raise InvalidSnapshot(f"'{name}' has an empty record set or one with a record of more than 65,535 octets")
    return RRset(name=name, rrtype=message.rrtype, ttl_s=load_ttl(message.ttl_s), rdatas=tuple(message.rdatas))
