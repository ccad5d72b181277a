"""A coordinator, a crowd of agents and three dns servers, of which one is real: started, watched, measured, ended."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import dns.exception
import dns.message
import dns.query

from bench.agents.listener import Listener
from bench.agents.world import INSTEAD, LARGE, LARGE_AGENT, ZONE, World
from bench.dns.peers import aya
from bench.dns.processes import Processes, free_port, started_in
from bench.dns.setup import say
from gslb.core.facts import Facts, Report, Verdict

_START_S = 180.0
_PATIENCE_S = 60.0
_SETTLE_S = 6.0
"""Until every agent has said all it has to say once more."""
_LOOK_S = 0.005
_COORDINATOR, _DNS = "coordinator", "dns"
_LISTENERS = ("listener-1", "listener-2")


@dataclass(frozen=True, slots=True, kw_only=True)
class Steady:
    """`share`: of a core."""

    share: float
    resident_bytes: int
    octets_per_s: float
    messages_per_s: float
    is_store_written: bool


@dataclass(frozen=True, slots=True)
class _Moment:
    """`at_s`: of the monotonic clock. The rest: used or written until then."""

    at_s: float
    cpu_s: float
    messages: int
    octets: int
    store_touched_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """`store`: of the coordinator. `port`: where the real dns server answers."""

    processes: Processes
    store: Path
    world: World
    crowd: Process
    listeners: Sequence[Listener]
    port: int

    async def join(self) -> None:
        """All agents are there, and every dns server knows what they say."""
        await self._command("join")
        everyone = set(self.world.agents())
        await self._everywhere(lambda facts: facts.reports.keys() == everyone, _START_S)
        await asyncio.to_thread(self._answered, lambda address: address != INSTEAD, _START_S)

    async def turn(self, word: str) -> None:
        """All members are `word`, and everything has come to rest."""
        await self._command(word)
        await self._everywhere(
            lambda facts: all(is_all(word, report) for report in facts.reports.values()), _PATIENCE_S
        )
        await asyncio.sleep(_SETTLE_S)

    async def steady(self, seconds: float) -> Steady:
        """What it costs that everyone says the same as before."""
        before = await self._moment()
        await asyncio.sleep(seconds)
        after = await self._moment()
        took_s = after.at_s - before.at_s
        return Steady(
            share=(after.cpu_s - before.cpu_s) / took_s,
            resident_bytes=self.processes.usage(_COORDINATOR).resident_bytes,
            octets_per_s=(after.octets - before.octets) / took_s,
            messages_per_s=(after.messages - before.messages) / took_s,
            is_store_written=after.store_touched_ns != before.store_touched_ns,
        )

    async def change(self, word: str) -> tuple[float, float]:
        """The large site is `word` at once: seconds until every dns server knows, and until the answer is another."""
        is_changed = INSTEAD.__eq__ if word == "down" else INSTEAD.__ne__
        answering = asyncio.create_task(asyncio.to_thread(self._answered, is_changed, _PATIENCE_S))
        begun_s, _, _ = await self._command(f"{word} {LARGE_AGENT}")
        told_s = await self._everywhere(lambda facts: is_all(word, facts.reports[LARGE_AGENT]), _PATIENCE_S)
        return told_s - begun_s, await answering - begun_s

    async def again(self, count: int) -> float:
        """So many agents lose their connections at once: seconds until every dns server has new reports of all."""
        boots = {agent: report.boot for agent, report in self.listeners[0].facts.reports.items()}
        gone = self.world.agents()[:count]
        begun_s, _, _ = await self._command(f"again {count}")

        def are_back(facts: Facts) -> bool:
            return all(facts.reports[agent].boot > boots[agent] for agent in gone)

        return await self._everywhere(are_back, _PATIENCE_S) - begun_s

    async def _everywhere(self, wanted: Callable[[Facts], bool], within_s: float) -> float:
        """When the last one that listens knew what was wanted."""
        return max(await asyncio.gather(*(listener.until(wanted, within_s) for listener in self.listeners)))

    async def _moment(self) -> _Moment:
        at_s, messages, octets = await self._command("count")
        usage = self.processes.usage(_COORDINATOR)
        return _Moment(at_s, usage.user_s + usage.system_s, messages, octets, _touched_ns(self.store))

    async def _command(self, line: str) -> tuple[float, int, int]:
        """What the crowd says to it."""
        assert self.crowd.stdin is not None
        assert self.crowd.stdout is not None
        self.crowd.stdin.write(f"{line}\n".encode())
        async with asyncio.timeout(_START_S):
            said = await self.crowd.stdout.readline()
        at_s, messages, octets = json.loads(said)
        return at_s, messages, octets

    def _answered(self, is_wanted: Callable[[str], bool], within_s: float) -> float:
        """When the large site's service was first answered with an address that is wanted."""
        query = dns.message.make_query(f"{LARGE}.{ZONE}", "A")
        end_s = time.monotonic() + within_s
        while time.monotonic() < end_s:
            with suppress(OSError, dns.exception.DNSException):
                reply = dns.query.udp(query, "127.0.0.1", port=self.port, timeout=1.0)
                if any(is_wanted(rdata.address) for rrset in reply.answer for rdata in rrset):
                    return time.monotonic()
            time.sleep(_LOOK_S)
        raise TimeoutError(f"after {within_s:g} s the answer is not as it should be")


@asynccontextmanager
async def installed(world: World) -> AsyncIterator[Installation]:
    """All agents have joined. The coordinator has the first core for itself, everything else shares the last."""
    own, others = min(os.sched_getaffinity(0)), max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {others})
    with tempfile.TemporaryDirectory(prefix="bench-agents-") as name, started_in(Path(name)) as processes:
        folder, port = Path(name), free_port()
        say("applying the configuration")
        coordinator = aya.start_coordinator(processes, folder, world.configuration(), own, niceness=0)
        processes.start(_DNS, aya.prepare(folder / "dns", port, "native", coordinator), others)
        async with _crowd(f"127.0.0.1:{coordinator}", world) as crowd, _listening(coordinator) as listeners:
            installation = Installation(
                processes=processes,
                store=folder / "coordinator" / "coordinator" / "store.db",
                world=world,
                crowd=crowd,
                listeners=listeners,
                port=port,
            )
            say("waiting for agents and answers")
            await installation.join()
            yield installation


@asynccontextmanager
async def _crowd(address: str, world: World) -> AsyncIterator[Process]:
    names = ",".join(world.agents())
    crowd = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.agents.crowd", address, names, stdin=PIPE, stdout=PIPE
    )
    try:
        yield crowd
    finally:
        crowd.kill()
        await crowd.wait()


@asynccontextmanager
async def _listening(coordinator: int) -> AsyncIterator[Sequence[Listener]]:
    listeners = [Listener(name) for name in _LISTENERS]
    tasks = [asyncio.create_task(listener.run(f"127.0.0.1:{coordinator}")) for listener in listeners]
    try:
        yield listeners
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def is_all(word: str, report: Report) -> bool:
    """Whether the agent says so of all its members."""
    verdict = Verdict[word.upper()]
    return all(octet & 3 == verdict for octet in set(report.states))


def _touched_ns(store: Path) -> int:
    """When the store's files were last written to."""
    return max(file.stat().st_mtime_ns for file in store.parent.glob(f"{store.name}*"))
