"""Snapshots survive the wire, as the same bytes every time."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import health
from support.strategies import snapshots

from gslb.api.v1 import facts_pb2
from gslb.codec.chunks import MAX_CHUNK_BYTES
from gslb.codec.facts import dump_directives, load_directives
from gslb.codec.snapshot import dump_snapshot, load_snapshot, refs
from gslb.core.directives import NO_DIRECTIVES
from gslb.core.snapshot import Snapshot

SLOW_TO_DRAW = settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@SLOW_TO_DRAW
@given(snapshot=snapshots())
def test_loading_undoes_dumping(snapshot: Snapshot) -> None:
    bundle = dump_snapshot(snapshot)
    assert load_snapshot(bundle.manifest, bundle.chunks) == snapshot
    named = refs(bundle.manifest)
    assert {ref.digest for ref in named} == set(bundle.chunks)
    assert all(ref.size_bytes == len(bundle.chunks[ref.digest]) <= MAX_CHUNK_BYTES for ref in named)


@SLOW_TO_DRAW
@given(snapshot=snapshots())
def test_what_was_loaded_dumps_to_the_same_bytes(snapshot: Snapshot) -> None:
    bundle = dump_snapshot(snapshot)
    assert dump_snapshot(load_snapshot(bundle.manifest, bundle.chunks)) == bundle


@SLOW_TO_DRAW
@given(snapshot=snapshots(), data=st.data())
def test_loading_undoes_dumping_directives(snapshot: Snapshot, data: st.DataObject) -> None:
    directives = data.draw(health.directives(snapshot.model)) if has_members(snapshot) else NO_DIRECTIVES
    payload = dump_directives(directives).SerializeToString(deterministic=True)
    assert load_directives(facts_pb2.Directives.FromString(payload)) == directives


def has_members(snapshot: Snapshot) -> bool:
    return bool(snapshot.model.monitors) and any(pool.members for pool in snapshot.model.pools)


@SLOW_TO_DRAW
@given(snapshot=snapshots(), ttl_s=st.integers(0, 3600))
def test_a_change_of_one_service_leaves_all_other_kinds_of_chunks_alone(snapshot: Snapshot, ttl_s: int) -> None:
    services = tuple(replace(service, ttl_s=ttl_s) for service in snapshot.model.services[:1])
    changed = replace(snapshot, model=replace(snapshot.model, services=(*services, *snapshot.model.services[1:])))
    before, after = dump_snapshot(snapshot), dump_snapshot(changed)
    assert len(set(after.chunks) - set(before.chunks)) <= len(snapshot.model.services)
