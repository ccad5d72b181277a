"""What agents reported last, kept on this machine: a restart does not forget the verdicts of agents that are gone.

Registers that come from here are like any others, and lose to newer ones. Without the file nothing is wrong that agents
do not put right by themselves, so what cannot be read or written is said and no more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from google.protobuf.message import DecodeError

from gslb.api.v1.discovery_pb2 import FactsUpdate
from gslb.codec.facts import dump_report, load_report
from gslb.coordinator.relay.hub import Hub
from gslb.core.errors import InvalidSnapshot
from gslb.core.facts import Facts, Report, digest
from gslb.runtime.logs import get_logger

KEEP_EVERY_S = 1.0
_HASH_BYTES = 32


class Memory:
    def __init__(self, path: Path, hub: Hub) -> None:
        self._path = path
        self._hub = hub
        self._kept = b""
        self._log = get_logger("coordinator")

    async def recall(self) -> None:
        """Tell the hub what was kept; to be called once it has a configuration."""
        try:
            self._hub.relay(_load(await asyncio.to_thread(self._path.read_bytes)))
        except FileNotFoundError:
            pass
        except (OSError, InvalidSnapshot) as error:
            self._log.warning("what agents reported last is not known", file=str(self._path), reason=str(error))
        self._kept = digest(self._hub.facts)

    async def run(self) -> None:
        """Keep whatever is news, at most once a second, until cancelled."""
        while True:
            await asyncio.sleep(KEEP_EVERY_S)
            facts = self._hub.facts
            if (now := digest(facts)) != self._kept:
                try:
                    await asyncio.to_thread(self._write, facts)
                    self._kept = now
                except OSError as error:
                    self._log.warning("what agents report is not kept", file=str(self._path), reason=str(error))

    def _write(self, facts: Facts) -> None:
        """Whole or not at all, as far as the process goes: after a power cut the hash tells."""
        temporary = self._path.with_suffix(".new")
        temporary.write_bytes(_dump(facts.reports.values()))
        temporary.replace(self._path)


def _dump(reports: Iterable[Report]) -> bytes:
    payload = FactsUpdate(reports=map(dump_report, reports)).SerializeToString()
    return sha256(payload).digest() + payload


def _load(content: bytes) -> list[Report]:
    """Raises InvalidSnapshot."""
    payload = content[_HASH_BYTES:]
    if content[:_HASH_BYTES] != sha256(payload).digest():
        raise InvalidSnapshot("the file is damaged: its checksum is wrong")
    try:
        return [load_report(message) for message in FactsUpdate.FromString(payload).reports]
    except DecodeError as error:
        raise InvalidSnapshot("the file cannot be read") from error
