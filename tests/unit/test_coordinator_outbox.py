"""An outbox holds the newest of each kind and gives out what is most urgent first."""

from __future__ import annotations

import asyncio

from gslb.api.v1 import discovery_pb2 as pb
from gslb.api.v1.facts_pb2 import Envelope
from gslb.coordinator.relay.outbox import FACTS_BYTES, Outbox
from gslb.core.facts import AgentId, Report


def report(agent: str, sequence: int, size: int = 2) -> Report:
    return Report(agent=AgentId(agent), boot=1, sequence=sequence, layout=b"12345678", states=bytes(size))


async def drained(outbox: Outbox) -> list[pb.SubscribeResponse]:
    """All that is in it now."""
    found = []
    while True:
        waiting = asyncio.ensure_future(outbox.next())
        await asyncio.wait([waiting], timeout=0)
        if not waiting.done():
            waiting.cancel()
            return found
        found.append(waiting.result())


async def test_urgent_first_whatever_came_first() -> None:
    outbox = Outbox()
    outbox.chunks({b"d": b"content"})
    outbox.beat(pb.Beat())
    outbox.manifest(Envelope(payload=b"m"))
    outbox.directives(Envelope(payload=b"d"))
    outbox.reports([report("us/a", 1)])
    kinds = [message.WhichOneof("message") for message in await drained(outbox)]
    assert kinds == ["facts", "directives", "manifest", "beat", "chunk"]


async def test_only_the_newest_of_each_is_kept() -> None:
    outbox = Outbox()
    for number in range(1, 1_000):
        outbox.reports([report("us/a", number), report("us/b", number)])
        outbox.directives(Envelope(payload=str(number).encode()))
        outbox.manifest(Envelope(payload=str(number).encode()))
        outbox.beat(pb.Beat(facts=str(number).encode()))
        outbox.chunks({b"same": b"content"})
    facts, directives, manifest, beat, chunk = await drained(outbox)
    assert [(one.agent, one.sequence) for one in facts.facts.reports] == [("us/a", 999), ("us/b", 999)]
    assert directives.directives.payload == manifest.manifest.payload == beat.beat.facts == b"999"
    assert chunk.chunk.content == b"content"


async def test_large_facts_are_split() -> None:
    outbox = Outbox()
    outbox.reports(report(f"us/a{number}", 1, FACTS_BYTES // 2) for number in range(5))
    messages = await drained(outbox)
    assert [len(message.facts.reports) for message in messages] == [2, 2, 1]
    assert all(message.ByteSize() < FACTS_BYTES * 1.1 for message in messages)


async def test_a_report_overtakes_chunks_that_wait() -> None:
    outbox = Outbox()
    outbox.chunks({bytes([number]): b"content" for number in range(3)})
    assert (await outbox.next()).HasField("chunk")
    outbox.reports([report("us/a", 1)])
    assert (await outbox.next()).HasField("facts")
    assert len(await drained(outbox)) == 2


async def test_waiting_ends_when_something_comes() -> None:
    outbox = Outbox()
    waiting = asyncio.ensure_future(outbox.next())
    await asyncio.wait([waiting], timeout=0)
    assert not waiting.done()
    outbox.beat(pb.Beat())
    async with asyncio.timeout(5):
        assert (await waiting).HasField("beat")
