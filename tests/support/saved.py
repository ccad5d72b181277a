"""The files of a dns server that has once been told everything, so that it needs nobody to ask."""

from __future__ import annotations

from pathlib import Path

from dns_server.files import Files, Kind
from dns_server.received import Received, dump_facts
from gslb.api.v1.facts_pb2 import Envelope
from gslb.codec.facts import dump_order
from gslb.codec.snapshot import dump_snapshot
from gslb.core.facts import Facts
from gslb.core.snapshot import Snapshot


def received_of(snapshot: Snapshot) -> Received:
    """As it comes from a coordinator."""
    bundle = dump_snapshot(snapshot)
    return Received(
        envelope=Envelope(payload=bundle.manifest, order=dump_order(snapshot.order)), chunks=dict(bundle.chunks)
    )


def save_world(data: Path, snapshot: Snapshot, facts: Facts) -> None:
    """`data`: as for `gslb dns`."""
    files = Files(data / "dns")
    files.save(Kind.SNAPSHOT, *received_of(snapshot).dump())
    files.save(Kind.FACTS, *dump_facts(facts))
