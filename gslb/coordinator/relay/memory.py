"""What agents reported last, and since when they are silent, kept on this machine.

So a restart does not forget the verdicts of agents that are gone, nor that they lapse.

Registers that come from here are like any others, and lose to newer ones. Without the file nothing is wrong that agents
do not put right by themselves, so what cannot be read or written is said and no more.

Silence goes on counting while nothing runs, by the machine's monotonic clock: a wall clock that was set forward would
let verdicts lapse before their time, here and in failback latches. Over a start of the machine, and on another one, the
count stands still instead, so verdicts lapse later, never earlier.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path

from google.protobuf.message import DecodeError

from gslb.api.v1.discovery_pb2 import SilentAgent
from gslb.api.v1.peering_pb2 import Memory as MemoryMessage
from gslb.codec.facts import dump_report, load_report
from gslb.coordinator.relay.hub import Hub
from gslb.core.errors import InvalidSnapshot
from gslb.core.facts import AgentId, Facts, digest
from gslb.runtime.logs import get_logger

KEEP_EVERY_S = 1.0
_HASH_BYTES = 32


class Memory:
    """`clock`: the machine's monotonic one, which counts since `machine_start`."""

    def __init__(self, path: Path, hub: Hub, clock: Callable[[], float], machine_start: str) -> None:
        self._path = path
        self._hub = hub
        self._clock = clock
        self._machine_start = machine_start
        self._kept = self._state()
        self._log = get_logger("coordinator")

    async def recall(self) -> None:
        """Tell the hub what was kept; to be called once it has a configuration."""
        try:
            self._tell(_load(await asyncio.to_thread(self._path.read_bytes)))
        except FileNotFoundError:
            pass
        except (OSError, InvalidSnapshot) as error:
            self._log.warning("what agents reported last is not known", file=str(self._path), reason=str(error))
        self._kept = self._state()

    def _tell(self, message: MemoryMessage) -> None:
        """Raises InvalidSnapshot."""
        reports = [load_report(one) for one in message.reports]
        is_same = bool(self._machine_start) and message.machine_start == self._machine_start
        off_s = max(0.0, self._clock() - message.written_ms / 1000) if is_same else 0.0
        self._hub.relay(reports)
        self._hub.presence.remember({AgentId(one.agent): off_s + one.for_ms / 1000 for one in message.silent})

    async def run(self) -> None:
        """Keep whatever is news, at most once a second, until cancelled."""
        while True:
            await asyncio.sleep(KEEP_EVERY_S)
            if (now := self._state()) != self._kept:
                try:
                    await asyncio.to_thread(self._write, self._hub.facts, self._hub.presence.silent_s())
                    self._kept = now
                except OSError as error:
                    self._log.warning("what agents report is not kept", file=str(self._path), reason=str(error))

    def _state(self) -> tuple[bytes, frozenset[AgentId]]:
        """What is another as soon as there is news."""
        return digest(self._hub.facts), frozenset(self._hub.presence.silent_s())

    def _write(self, facts: Facts, silent_s: Mapping[AgentId, float]) -> None:
        """Whole or not at all, as far as the process goes: after a power cut the hash tells."""
        message = MemoryMessage(
            reports=map(dump_report, facts.reports.values()),
            silent=[SilentAgent(agent=agent, for_ms=int(age_s * 1000)) for agent, age_s in silent_s.items()],
            written_ms=int(self._clock() * 1000),
            machine_start=self._machine_start,
        )
        payload = message.SerializeToString()
        temporary = self._path.with_suffix(".new")
        temporary.write_bytes(sha256(payload).digest() + payload)
        temporary.replace(self._path)


def _load(content: bytes) -> MemoryMessage:
    """Raises InvalidSnapshot."""
    payload = content[_HASH_BYTES:]
    if content[:_HASH_BYTES] != sha256(payload).digest():
        raise InvalidSnapshot("the file is damaged: its checksum is wrong")
    try:
        return MemoryMessage.FromString(payload)
    except DecodeError as error:
        raise InvalidSnapshot("the file cannot be read") from error
