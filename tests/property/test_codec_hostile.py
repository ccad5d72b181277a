"""Damaged and forged snapshots are refused with InvalidSnapshot, or are snapshots; nothing else ever happens."""

from __future__ import annotations

from hashlib import sha256
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.strategies import snapshots

from gslb.api.v1 import snapshot_pb2 as pb
from gslb.codec.snapshot import Bundle, dump_snapshot, load_snapshot
from gslb.core.errors import InvalidSnapshot
from gslb.core.snapshot import Snapshot

SLOW_TO_DRAW = settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
FORGERIES = 60


def mutated(content: bytes, chance: Random) -> bytes:
    """A bit flipped, an octet changed, a stretch cut out, doubled or moved, or the end cut off."""
    at, other = sorted(chance.randrange(len(content) + 1) for _ in range(2))
    match chance.randrange(5):
        case 0 if at < len(content):
            return content[:at] + bytes([content[at] ^ 1 << chance.randrange(8)]) + content[at + 1 :]
        case 1:
            return content[:at] + chance.randbytes(1) + content[at + 1 :]
        case 2:
            return content[:at] + content[other:]
        case 3:
            return content[:at] + content[at:other] * 2 + content[other:]
        case _:
            return content[:at]


def rebuilt(bundle: Bundle, digest: bytes, content: bytes) -> Bundle:
    """The bundle with one chunk replaced and every digest right again."""
    manifest = pb.Manifest.FromString(bundle.manifest)
    forged = sha256(content).digest()
    for ref in manifest.chunks:
        if ref.digest == digest:
            ref.digest, ref.size_bytes = forged, len(content)
    return Bundle(manifest.SerializeToString(), {**bundle.chunks, forged: content})


def loaded(bundle: Bundle) -> Snapshot | None:
    try:
        return load_snapshot(bundle.manifest, bundle.chunks)
    except InvalidSnapshot:
        return None


@SLOW_TO_DRAW
@given(snapshot=snapshots(), seed=st.integers(0, 1 << 32))
def test_a_damaged_chunk_is_refused_by_its_digest(snapshot: Snapshot, seed: int) -> None:
    bundle, chance = dump_snapshot(snapshot), Random(seed)
    for _ in range(FORGERIES):
        digest, content = chance.choice(sorted(bundle.chunks.items()))
        damaged = mutated(content, chance)
        if damaged != content:
            assert loaded(Bundle(bundle.manifest, {**bundle.chunks, digest: damaged})) is None


@SLOW_TO_DRAW
@given(snapshot=snapshots(), seed=st.integers(0, 1 << 32))
def test_a_missing_chunk_is_refused(snapshot: Snapshot, seed: int) -> None:
    bundle = dump_snapshot(snapshot)
    lost = Random(seed).choice(sorted(bundle.chunks))
    kept = {digest: content for digest, content in bundle.chunks.items() if digest != lost}
    assert loaded(Bundle(bundle.manifest, kept)) is None


@SLOW_TO_DRAW
@given(snapshot=snapshots(), seed=st.integers(0, 1 << 32))
def test_a_forged_chunk_is_refused_or_a_snapshot_that_dumps(snapshot: Snapshot, seed: int) -> None:
    bundle, chance = dump_snapshot(snapshot), Random(seed)
    for _ in range(FORGERIES):
        digest, content = chance.choice(sorted(bundle.chunks.items()))
        for _ in range(chance.randrange(1, 4)):
            content = mutated(content, chance)
        found = loaded(rebuilt(bundle, digest, content))
        if found is not None:
            again = dump_snapshot(found)
            assert load_snapshot(again.manifest, again.chunks) == found


@SLOW_TO_DRAW
@given(snapshot=snapshots(), seed=st.integers(0, 1 << 32))
def test_a_forged_manifest_never_does_harm(snapshot: Snapshot, seed: int) -> None:
    bundle, chance = dump_snapshot(snapshot), Random(seed)
    for _ in range(FORGERIES):
        loaded(Bundle(mutated(bundle.manifest, chance), bundle.chunks))


@SLOW_TO_DRAW
@given(snapshot=snapshots())
def test_a_manifest_that_ends_early_is_refused(snapshot: Snapshot) -> None:
    bundle = dump_snapshot(snapshot)
    manifest = pb.Manifest.FromString(bundle.manifest)
    while manifest.chunks:
        manifest.chunks.pop()
        assert loaded(Bundle(manifest.SerializeToString(), bundle.chunks)) is None


@given(manifest=st.binary(max_size=200))
def test_noise_is_no_manifest(manifest: bytes) -> None:
    assert loaded(Bundle(manifest, {})) is None
