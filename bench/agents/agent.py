"""An agent that probes nothing: over a connection of its own it says what an agent says whose members are all alike."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeAlias

import grpc

from gslb.api.v1 import health_pb2 as pb
from gslb.codec.facts import dump_report
from gslb.codec.monitors import load_monitor
from gslb.core.facts import AgentId, Cause, Report, Verdict
from gslb.core.health import Health
from gslb.runtime import rpc
from site_agent.publisher import BEAT_S
from site_agent.report import Seen, evidence
from site_agent.uplink import WHOLE_EVIDENCE_S

_Stream: TypeAlias = "grpc.aio.StreamStreamCall[bytes, bytes]"
_METHOD = "/gslb.api.v1.Health/Exchange"
_FRAME_BYTES = 5
"""What gRPC puts before each message."""
_AGAIN_S = 0.2
_NOW_MS = 10_000_000
UP = Health(since_ms=_NOW_MS - 3_600_000, verdict=Verdict.UP, cause=Cause.OK, detail="status 200")
DOWN = Health(
    since_ms=_NOW_MS - 60_000,
    verdict=Verdict.DOWN,
    cause=Cause.REFUSED,
    detail="connection refused",
    falls=(_NOW_MS - 60_000,),
)


@dataclass(slots=True)
class Written:
    messages: int = 0
    octets: int = 0


@dataclass(slots=True, kw_only=True)
class Agent:
    """`phase`: where in a beat it speaks, from 0 to 1. `health`: of all its members. `written`: by all agents."""

    name: AgentId
    address: str
    phase: float
    written: Written
    health: Health = UP
    boot: int = 0
    assigned: asyncio.Event = field(default_factory=asyncio.Event)
    _leaving: asyncio.Event = field(default_factory=asyncio.Event)
    _called: asyncio.Event = field(default_factory=asyncio.Event)

    def speak(self) -> None:
        """Report now."""
        self._called.set()

    def come_again(self) -> None:
        """End the connection and make another."""
        self._leaving.set()
        self._called.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self.boot += 1
            self._leaving.clear()
            async with rpc.channel(self.address) as channel:
                with suppress(grpc.RpcError, asyncio.InvalidStateError):
                    await self._connect(channel)
            await asyncio.sleep(_AGAIN_S)

    async def _connect(self, channel: grpc.aio.Channel) -> None:
        stream: _Stream = channel.stream_stream(_METHOD)()
        await self._send(stream, pb.ExchangeRequest(hello=pb.AgentHello(agent=self.name, boot=self.boot)))
        content = await stream.read()
        assert isinstance(content, bytes)
        self.assigned.set()
        await self._talk(stream, pb.ExchangeResponse.FromString(content).assignment)

    async def _talk(self, stream: _Stream, assignment: pb.Assignment) -> None:
        voice = _Voice(self.name, self.boot, assignment)
        whole_s = time.monotonic()
        beat_s = whole_s + self.phase * BEAT_S
        while not self._leaving.is_set():
            self._called.clear()
            await self._send(stream, voice.report(self.health))
            if time.monotonic() >= whole_s:
                whole_s = time.monotonic() + WHOLE_EVIDENCE_S
                for message in voice.evidence(self.health):
                    await self._send(stream, message)
            with suppress(TimeoutError):
                async with asyncio.timeout_at(beat_s):
                    await self._called.wait()
            if time.monotonic() >= beat_s:
                beat_s += BEAT_S

    async def _send(self, stream: _Stream, message: pb.ExchangeRequest) -> None:
        content = message.SerializeToString()
        self.written.messages += 1
        self.written.octets += len(content) + _FRAME_BYTES
        await stream.write(content)


@dataclass(slots=True)
class _Voice:
    """What one connection's agent says. What is said of the same members in the same words is made once."""

    agent: AgentId
    boot: int
    assignment: pb.Assignment
    sequence: int = 0
    _said: dict[Health, list[pb.ExchangeRequest]] = field(default_factory=dict)

    def report(self, health: Health) -> pb.ExchangeRequest:
        self.sequence += 1
        report = Report(
            agent=self.agent,
            boot=self.boot,
            sequence=self.sequence,
            layout=self.assignment.layout,
            states=bytes([health.state.octet]) * len(self.assignment.targets),
        )
        return pb.ExchangeRequest(report=dump_report(report))

    def evidence(self, health: Health) -> list[pb.ExchangeRequest]:
        if health not in self._said:
            seen = list(self._seen(health))
            parts = evidence(self.assignment.layout, seen, _NOW_MS)
            self._said[health] = [pb.ExchangeRequest(evidence=part) for part in parts]
        return self._said[health]

    def _seen(self, health: Health) -> Iterator[Seen]:
        rules = load_monitor(self.assignment.monitors[0])
        for index in range(len(self.assignment.targets)):
            probed_ms = _NOW_MS - index * 7 % rules.interval_ms
            yield Seen(index=index, health=health, rules=rules, latency_us=800 + index, probed_ms=probed_ms)
