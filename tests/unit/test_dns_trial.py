"""What a snapshot must show before it serves, on a dns server's own engine."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest
from support.dnsworld import world
from support.saved import received_of

from dns_server.engines.native import NativeEngine
from dns_server.engines.python import PythonEngine
from dns_server.trial import NO_PREMISES, try_out
from gslb.api.v1.facts_pb2 import Envelope
from gslb.codec.facts import dump_order
from gslb.core.errors import InvalidSnapshot
from gslb.core.order import Order


def test_a_snapshot_with_a_missing_or_damaged_chunk_fails_its_trial() -> None:
    received = received_of(world())
    some = next(iter(received.chunks))
    for chunks in (
        {key: value for key, value in received.chunks.items() if key != some},
        {**received.chunks, some: received.chunks[some] + b"\x00"},
    ):
        with pytest.raises(InvalidSnapshot):
            try_out(replace(received, chunks=chunks), NO_PREMISES, PythonEngine(entropy=1))


def test_a_snapshot_in_an_envelope_of_another_order_fails_its_trial() -> None:
    received = received_of(world())
    envelope = Envelope(payload=received.envelope.payload, order=dump_order(Order(9, 9, 9)))
    with pytest.raises(InvalidSnapshot, match="its envelope"):
        try_out(replace(received, envelope=envelope), NO_PREMISES, PythonEngine(entropy=1))


@pytest.mark.parametrize("engine", [PythonEngine, NativeEngine])
def test_a_snapshot_that_makes_us_fail_is_refused_with_the_reason(
    engine: type[PythonEngine | NativeEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("here")

    monkeypatch.setattr(engine, "prepare", fail)
    with pytest.raises(InvalidSnapshot, match="ZeroDivisionError: here"):
        try_out(received_of(world()), NO_PREMISES, engine(entropy=1))


@pytest.mark.parametrize("engine", [PythonEngine, NativeEngine])
@pytest.mark.parametrize(("reply", "why"), [(None, "does not answer"), (struct.pack("!6H", 0, 5, 0, 0, 0, 0), "SOA")])
def test_a_snapshot_that_does_not_answer_for_itself_is_refused(
    engine: type[PythonEngine | NativeEngine], reply: bytes | None, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the very engine that will serve it that is asked."""
    monkeypatch.setattr(engine, "ask", lambda *_: reply)
    with pytest.raises(InvalidSnapshot, match=why):
        try_out(received_of(world()), NO_PREMISES, engine(entropy=1))


def test_the_native_engine_never_has_the_readable_ones_index() -> None:
    """With many services that would be the most of what the dns server holds."""
    engine = NativeEngine(entropy=1)
    passed = try_out(received_of(world()), NO_PREMISES, engine)
    engine.publish(passed.index.with_decision(passed.decision))
    assert set(vars(passed.index)) == {"snapshot"}
    model = passed.index.snapshot.model
    assert model.zones
    assert not any(zone.rrsets for zone in model.zones)
    assert {len(classes.full_v4.starts) for classes in passed.index.snapshot.classes.values()} == {1}
    whole = try_out(received_of(world()), NO_PREMISES, PythonEngine(entropy=1))
    assert whole.index.snapshot == world()
    assert whole.decision == passed.decision
