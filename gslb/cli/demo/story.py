"""The demo's story: who gets what, what breaks, and how long each answer took to follow."""

from __future__ import annotations

import statistics
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.text import Text

from gslb.api.v1 import admin_pb2, facts_pb2
from gslb.cli import screen
from gslb.cli.demo import world
from gslb.cli.demo.children import eventually
from gslb.cli.demo.stage import DNS_NAMES, Stage
from gslb.runtime.clock import monotonic_s

CRASH_MEDIAN_S, CRASH_WORST_S = 0.1, 0.5
SERVER_OF = {server.address: server for server in world.SERVERS}


@dataclass(slots=True, kw_only=True)
class Story:
    """Tells and measures. `crashes_s`: from each SIGKILL to each changed answer. `failed`: what did not hold."""

    stage: Stage
    out: Console
    crashes_s: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    async def tell(self) -> None:
        """The whole story, in order."""
        await self.start()
        await self.show_answers("Who gets what")
        for wave in (world.SERVERS[::2], world.SERVERS[1::2]):
            await self.kill_one_by_one(wave)
        await self.lose_site(world.PLACES[1])
        await self.drain_site(world.PLACES[2])
        await self.lose_coordinator()

    async def start(self) -> None:
        """Every process, then the configuration."""
        async with self.waiting("starting 6 web servers, a coordinator, 4 agents and 2 dns servers") as took:
            await self.stage.start_all()
        self.say(f"13 processes run on loopback, all healthy after {took()}.")

    async def show_answers(self, title: str) -> None:
        """One row a client: what each dns server answers, and whether the server behind it really serves."""
        made = screen.table("client", "network", *DNS_NAMES, "server", "site", "it says", title=title)
        for client in world.CLIENTS:
            answers = [await self.stage.ask(dns, client.network) for dns in DNS_NAMES]
            server = SERVER_OF.get(answers[0] or "")
            page = await self.stage.fetch(answers[0]) if answers[0] else "-"
            shown = [answer or Text("no answer", style="red") for answer in answers]
            names = (server.name, server.site) if server else ("-", "-")
            made.add_row(client.where, str(client.network), *shown, *names, page)
        self.out.print()
        self.out.print(made)

    async def kill_one_by_one(self, servers: tuple[world.Server, ...]) -> None:
        """SIGKILL one server a site, each while a client that is answered with it watches; then bring them back."""
        made = screen.table("killed", "watching client", *(f"{dns}>" for dns in DNS_NAMES), "now served by")
        for server in servers:
            client = await self.stage.client_of(server)
            self.stage.children.kill(server.name)
            took = await self.stage.until_changed(client, frozenset({server.address}))
            self.crashes_s.extend(took.values())
            now = SERVER_OF[await self.stage.ask(DNS_NAMES[0], client) or ""]
            made.add_row(server.name, str(client), *(_ms(took[dns]) for dns in DNS_NAMES), now.name)
        self.title("kill -9 of servers, one by one: time to the changed answer")
        self.out.print(made)
        await self.bring_back(servers)

    async def bring_back(self, servers: tuple[world.Server, ...]) -> None:
        async with self.waiting("bringing them back (three good probes, then the hold-down)") as took:
            for server in servers:
                self.stage.start_server(server)
            await self.stage.until_serving(servers)
        self.say(f"All back in the answers after {took()}.")

    async def lose_site(self, place: world.Place) -> None:
        """A site with its agent: nobody there can report, but the other sites' agents and the witness see it."""
        self.title(f"kill -9 of the whole site {place.site}: both servers and the agent, at once")
        servers = tuple(server for server in world.SERVERS if server.site == place.site)
        client = await self.stage.client_of(servers[0])
        self.stage.children.kill(*(server.name for server in servers), f"agent-{place.site}")
        async with self.waiting("the site is silent; witnesses must agree that it is lost"):
            took = await self.stage.until_changed(client, frozenset(place.addresses))
        now = SERVER_OF[await self.stage.ask(DNS_NAMES[0], client) or ""]
        self.say(f"Its clients are answered with {now.site} after {_ms(max(took.values()))}.")
        self.stage.start_agent(place.site)
        await self.bring_back(servers)
        await self.stage.until_agreed()

    async def drain_site(self, place: world.Place) -> None:
        """An operator's word: no new clients there."""
        self.title(f"gslb drain site {place.site}")
        server = next(server for server in world.SERVERS if server.site == place.site)
        client = await self.stage.client_of(server)
        scope = facts_pb2.Scope(kind=facts_pb2.SCOPE_KIND_SITE, name=place.site)
        started = monotonic_s()
        request = admin_pb2.SetOverrideRequest(
            scope=scope, action=facts_pb2.OVERRIDE_ACTION_DRAIN, who="demo", why="works on the power supply"
        )
        await self.stage.admin.SetOverride(request, timeout=5)
        await self.stage.until_changed(client, frozenset(place.addresses))
        self.say(f"No answer points there any more after {_ms(monotonic_s() - started)}; caches follow within the TTL.")
        await self.show_answers(f"Who gets what while {place.site} is drained")
        await self.stage.admin.ClearOverride(admin_pb2.ClearOverrideRequest(scope=scope, who="demo"), timeout=5)
        await self.stage.until_serving(tuple(server for server in world.SERVERS if server.site == place.site))
        self.say("Undrained: its clients are back.")

    async def lose_coordinator(self) -> None:
        """Answers need no coordinator, not even after a restart of a dns server."""
        self.title("kill -9 of the coordinator")
        before = await self.answers(DNS_NAMES[1])
        self.stage.children.kill("coordinator")
        self.check("both dns servers go on answering the same", await self.answers(DNS_NAMES[1]) == before)
        self.stage.children.kill(DNS_NAMES[1])
        async with self.waiting(f"kill -9 of {DNS_NAMES[1]} too, and a restart with nobody to ask"):
            self.stage.start_dns(DNS_NAMES[1])
            await eventually("the restarted dns server", self._restarted_answers, children=self.stage.children)
        same = await self.answers(DNS_NAMES[1]) == before
        self.check(f"{DNS_NAMES[1]}, restarted, answers the same from its last-known-good files", same)
        async with self.waiting("restarting the coordinator"):
            self.stage.start_coordinator()
            await self.stage.until_agreed()
        self.say("The coordinator is back with all it had stored, and everyone agrees again.")

    async def _restarted_answers(self) -> bool:
        return await self.stage.ask(DNS_NAMES[1], world.CLIENTS[0].network) is not None

    async def answers(self, dns: str) -> tuple[str | None, ...]:
        return tuple([await self.stage.ask(dns, client.network) for client in world.CLIENTS])

    def summarise(self, seconds: float) -> None:
        """Figures over all crashes, and whether everything held."""
        median, worst = statistics.median(self.crashes_s), max(self.crashes_s)
        self.title("Summary")
        made = screen.table("from kill -9 of a server to the changed answer", "answers>", "median>", "max>")
        made.add_row("through agent, coordinator and dns server", str(len(self.crashes_s)), _ms(median), _ms(worst))
        self.out.print(made)
        self.check(f"median at most {_ms(CRASH_MEDIAN_S)}", median <= CRASH_MEDIAN_S)
        self.check(f"max at most {_ms(CRASH_WORST_S)}", worst <= CRASH_WORST_S)
        self.say(
            f"{'Everything held' if not self.failed else 'FAILED: ' + '; '.join(self.failed)}, in {seconds:.0f} s."
        )

    def check(self, what: str, held: bool) -> None:
        self.out.print("held   " if held else "FAILED ", style="green" if held else "red", end=" ")
        self.out.print(what)
        if not held:
            self.failed.append(what)

    def title(self, text: str) -> None:
        self.out.print(f"\n{text}", style="bold")

    def say(self, text: str) -> None:
        self.out.print(text)

    @asynccontextmanager
    async def waiting(self, text: str) -> AsyncIterator[Callable[[], str]]:
        """A spinner on a terminal, one line elsewhere; yields how long it has taken so far."""
        started = monotonic_s()
        if self.out.is_terminal:
            with self.out.status(text):
                yield lambda: f"{monotonic_s() - started:.1f} s"
        else:
            self.out.print(f"... {text}")
            yield lambda: f"{monotonic_s() - started:.1f} s"


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"
