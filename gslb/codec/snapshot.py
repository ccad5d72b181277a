"""A snapshot as content-addressed chunks with a manifest, and back.

Equal snapshots are equal bytes, and similar ones share most chunks, so that only what differs travels. Loading trusts
nobody: limits, digests and every reference are checked, and whatever is wrong raises InvalidSnapshot.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from google.protobuf.message import DecodeError

from gslb.api.v1 import snapshot_pb2 as pb
from gslb.codec import members, services, zones
from gslb.codec.chunks import MAX_CHUNK_BYTES, dump, packed
from gslb.codec.dns import dump_dns, load_dns
from gslb.codec.facts import dump_order, load_order
from gslb.codec.monitors import dump_monitor, load_monitor
from gslb.codec.ranges import dump_ranges, load_ranges
from gslb.codec.references import check
from gslb.codec.values import load_network
from gslb.core.errors import InvalidSnapshot
from gslb.core.model import EcsTrust, GeoSources, Model, Service
from gslb.core.order import Order
from gslb.core.snapshot import CLASS_V4_BITS, CLASS_V6_BITS, ECS_V4_BITS, ECS_V6_BITS, ClassMap, RangeMap, Snapshot

DIGEST_BYTES = 32
MAX_CHUNKS = 65_536
MAX_BYTES = 1 << 29
"""Of all chunks together."""
MAX_ITEMS = 5_000_000
"""Of one kind, such as pools or pieces of zones."""

ITEMS_A_CHUNK = 64
PIECES_A_CHUNK = 8


@dataclass(frozen=True, slots=True)
class Bundle:
    """`chunks` by the SHA-256 of their content."""

    manifest: bytes
    chunks: Mapping[bytes, bytes]


@dataclass(frozen=True, slots=True)
class ChunkRef:
    digest: bytes
    size_bytes: int


def dump_snapshot(snapshot: Snapshot, maps: Mapping[str, tuple[bytes, ...]] | None = None) -> Bundle:
    """Raises InvalidSnapshot where one item alone is larger than a chunk.

    `maps`: `dump_class_map` of every policy, if known already; it is by far the most of the work.
    """
    if maps is None:
        maps = {name: dump_class_map(name, classes) for name, classes in snapshot.classes.items()}
    contents = list(_contents(snapshot, maps))
    digests = [sha256(content).digest() for content in contents]
    manifest = pb.Manifest(
        order=dump_order(snapshot.order),
        seed=snapshot.seed,
        chunks=[
            pb.ChunkRef(digest=digest, size_bytes=len(content))
            for digest, content in zip(digests, contents, strict=True)
        ],
    )
    return Bundle(dump(manifest), dict(zip(digests, contents, strict=True)))


def dump_class_map(policy: str, classes: ClassMap) -> tuple[bytes, ...]:
    """The chunks of one policy's class map."""
    return tuple(packed((pb.Chunk(ranges=[piece]) for piece in _dump_maps(policy, classes)), PIECES_A_CHUNK))


def refs(manifest: bytes) -> tuple[ChunkRef, ...]:
    """The chunks that a manifest names, in its order. Raises InvalidSnapshot."""
    return _refs(_load_manifest(manifest))


def order_of(manifest: bytes) -> Order:
    """Raises InvalidSnapshot."""
    return load_order(_load_manifest(manifest).order)


def load_snapshot(manifest: bytes, chunks: Mapping[bytes, bytes]) -> Snapshot:
    """Undo `dump_snapshot`; chunks that the manifest does not name are left alone. Raises InvalidSnapshot."""
    return _load(_load_manifest(manifest), chunks, answering=True)


def load_steering(manifest: bytes, chunks: Mapping[bytes, bytes]) -> Snapshot:
    """As `load_snapshot`, but only what decisions are made from: zones have no records, and all clients are of class 0.

    For those who read the rest in the chunks by themselves. Raises InvalidSnapshot.
    """
    return _load(_load_manifest(manifest), chunks, answering=False)


def _contents(snapshot: Snapshot, maps: Mapping[str, tuple[bytes, ...]]) -> Iterator[bytes]:
    """Chunks kind by kind: none holds two kinds. The ECS settings come last and so prove that nothing is cut off."""
    for policy in snapshot.model.policies:
        yield from maps[policy.name]
    for messages in _kinds(snapshot):
        yield from packed(messages, ITEMS_A_CHUNK)


def _kinds(snapshot: Snapshot) -> Iterator[Iterable[pb.Chunk]]:
    """Messages of one item each, by kind; all but class maps."""
    model = snapshot.model
    zone_parts = (part for zone in model.zones for part in zones.dump_zone(zone, snapshot.serials[zone.apex]))
    policy_parts = (
        part for policy in model.policies for part in services.dump_policy(policy, snapshot.classes[policy.name])
    )
    layout_parts = (part for layout in snapshot.layouts for part in members.dump_layout(layout))
    yield (pb.Chunk(zones=[part]) for part in zone_parts)
    yield (pb.Chunk(sites=[members.dump_site(site)]) for site in model.sites)
    yield (pb.Chunk(monitors=[dump_monitor(monitor)]) for monitor in model.monitors)
    yield (pb.Chunk(endpoints=[members.dump_endpoint(endpoint)]) for endpoint in model.endpoints)
    yield (pb.Chunk(pools=[members.dump_pool(pool)]) for pool in model.pools)
    yield (pb.Chunk(policies=[part]) for part in policy_parts)
    yield (pb.Chunk(services=[services.dump_service(service)]) for service in model.services)
    yield (pb.Chunk(layouts=[part]) for part in layout_parts)
    yield [pb.Chunk(dns=dump_dns(model.dns))]
    yield [pb.Chunk(ecs=_dump_ecs(model.ecs))]


def _dump_maps(policy: str, classes: ClassMap) -> Iterator[pb.RangePiece]:
    yield from dump_ranges(policy, pb.RANGE_KIND_ECS_V4, classes.ecs_v4, CLASS_V4_BITS)
    yield from dump_ranges(policy, pb.RANGE_KIND_ECS_V6, classes.ecs_v6, CLASS_V6_BITS)
    if classes.full_v4 != classes.ecs_v4:
        yield from dump_ranges(policy, pb.RANGE_KIND_FULL_V4, classes.full_v4, CLASS_V4_BITS)
    if classes.full_v6 != classes.ecs_v6:
        yield from dump_ranges(policy, pb.RANGE_KIND_FULL_V6, classes.full_v6, CLASS_V6_BITS)


def _dump_ecs(ecs: EcsTrust) -> pb.EcsData:
    return pb.EcsData(
        networks=[str(network) for network in ecs.networks],
        own_prefixes=[str(network) for network in ecs.own_prefixes],
    )


def _load_manifest(manifest: bytes) -> pb.Manifest:
    if len(manifest) > MAX_CHUNKS * 64:
        raise InvalidSnapshot(f"a manifest of {len(manifest)} octets is too large")
    try:
        return pb.Manifest.FromString(manifest)
    except DecodeError:
        raise InvalidSnapshot("the manifest is damaged") from None


def _refs(manifest: pb.Manifest) -> tuple[ChunkRef, ...]:
    found = tuple(ChunkRef(ref.digest, ref.size_bytes) for ref in manifest.chunks)
    if len(found) > MAX_CHUNKS or sum(ref.size_bytes for ref in found) > MAX_BYTES:
        raise InvalidSnapshot(f"a snapshot of {len(found)} chunks is too large")
    for ref in found:
        if len(ref.digest) != DIGEST_BYTES or ref.size_bytes > MAX_CHUNK_BYTES:
            raise InvalidSnapshot(f"the manifest names a chunk of {ref.size_bytes} octets with a bad digest or size")
    return found


def _chunk(ref: ChunkRef, chunks: Mapping[bytes, bytes]) -> pb.Chunk:
    """A chunk, once it is proven to be what the manifest names."""
    content = chunks.get(ref.digest)
    if content is None:
        raise InvalidSnapshot(f"chunk {ref.digest.hex()} is missing")
    if len(content) != ref.size_bytes or sha256(content).digest() != ref.digest:
        raise InvalidSnapshot(f"chunk {ref.digest.hex()} is damaged")
    try:
        return pb.Chunk.FromString(content)
    except DecodeError:
        raise InvalidSnapshot(f"chunk {ref.digest.hex()} cannot be read") from None


def _load(head: pb.Manifest, chunks: Mapping[bytes, bytes], *, answering: bool) -> Snapshot:
    """Chunk by chunk: of services there are many, so none is held as a message beside what it is loaded to."""
    contents, found, loader = pb.Chunk(), list[Service](), services.ServiceLoader()
    for ref in _refs(head):
        chunk = _chunk(ref, chunks)
        found.extend(map(loader.load, chunk.services))
        chunk.ClearField("services")
        if not answering:
            _drop_answers(chunk)
        contents.MergeFrom(chunk)
        _check_counts(contents, len(found))
    if not contents.HasField("ecs"):
        raise InvalidSnapshot("the snapshot is cut off: what comes last, its ECS settings, is missing")
    snapshot = _conclude(head, contents, tuple(found), answering)
    check(snapshot)
    return snapshot


def _drop_answers(chunk: pb.Chunk) -> None:
    chunk.ClearField("ranges")
    for zone in chunk.zones:
        zone.ClearField("rrsets")


def _check_counts(contents: pb.Chunk, found: int) -> None:
    counts = {field.name: len(items) for field, items in contents.ListFields() if field.name not in ("ecs", "dns")}
    for kind, count in {**counts, "services": found}.items():
        if count > MAX_ITEMS:
            raise InvalidSnapshot(f"more than {MAX_ITEMS} {kind}")


def _conclude(head: pb.Manifest, contents: pb.Chunk, found: tuple[Service, ...], answering: bool) -> Snapshot:
    loaded_zones, serials = zones.load_zones(contents.zones)
    policies, classes = services.load_policies(contents.policies)
    model = Model(
        zones=loaded_zones,
        sites=tuple(members.load_site(site) for site in contents.sites),
        monitors=tuple(load_monitor(monitor) for monitor in contents.monitors),
        endpoints=tuple(members.load_endpoint(endpoint) for endpoint in contents.endpoints),
        pools=tuple(members.load_pool(pool) for pool in contents.pools),
        policies=policies,
        services=found,
        ecs=_load_ecs(contents.ecs),
        geo=GeoSources(databases=(), prefixes=()),
        dns=load_dns(contents.dns),
    )
    return Snapshot(
        order=load_order(head.order),
        model=model,
        serials=serials,
        classes=_load_class_maps(classes, contents.ranges) if answering else _without_ranges(classes),
        layouts=members.load_layouts(contents.layouts),
        seed=head.seed,
    )


def _load_ecs(message: pb.EcsData) -> EcsTrust:
    return EcsTrust(
        networks=tuple(load_network(text) for text in message.networks),
        own_prefixes=tuple(load_network(text) for text in message.own_prefixes),
    )


def _without_ranges(classes: Mapping[str, services.Classes]) -> Mapping[str, ClassMap]:
    one = RangeMap((0,), (0,))
    return {
        name: ClassMap(keys=said.keys, labels=said.labels, ecs_v4=one, ecs_v6=one, full_v4=one, full_v6=one)
        for name, said in classes.items()
    }


_Pieces = Mapping[pb.RangeKind.ValueType, Sequence[pb.RangePiece]]


def _load_class_maps(
    classes: Mapping[str, services.Classes], pieces: Iterable[pb.RangePiece]
) -> Mapping[str, ClassMap]:
    found: dict[str, dict[pb.RangeKind.ValueType, list[pb.RangePiece]]] = {name: {} for name in classes}
    for piece in pieces:
        if piece.policy not in found:
            raise InvalidSnapshot(f"a class map is of policy '{piece.policy[:80]}', which is not there")
        found[piece.policy].setdefault(piece.kind, []).append(piece)
    return {name: _load_class_map(said, found[name]) for name, said in classes.items()}


def _load_class_map(said: services.Classes, pieces: _Pieces) -> ClassMap:
    def load(kind: pb.RangeKind.ValueType, width: int, longest: int) -> RangeMap:
        return load_ranges(pieces.get(kind, ()), width, longest, len(said.keys))

    ecs_v4 = load(pb.RANGE_KIND_ECS_V4, CLASS_V4_BITS, ECS_V4_BITS)
    ecs_v6 = load(pb.RANGE_KIND_ECS_V6, CLASS_V6_BITS, ECS_V6_BITS)
    has_v4, has_v6 = pb.RANGE_KIND_FULL_V4 in pieces, pb.RANGE_KIND_FULL_V6 in pieces
    return ClassMap(
        keys=said.keys,
        labels=said.labels,
        ecs_v4=ecs_v4,
        ecs_v6=ecs_v6,
        full_v4=load(pb.RANGE_KIND_FULL_V4, CLASS_V4_BITS, CLASS_V4_BITS) if has_v4 else ecs_v4,
        full_v6=load(pb.RANGE_KIND_FULL_V6, CLASS_V6_BITS, CLASS_V6_BITS) if has_v6 else ecs_v6,
    )
