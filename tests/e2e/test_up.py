"""`gslb up` and the commands around it, as a user runs them: real processes, their output and their exit status."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import dns.edns
import dns.message
import dns.query
import pytest
import pytest_asyncio

from gslb.cli.demo.children import Children, eventually, free_port

pytestmark = pytest.mark.asyncio(loop_scope="module")

NAME = "www.gslb.example.com"
US, EU = "127.2.1.1", "127.2.2.1"
LONDON, MOUNTAIN_VIEW = "81.2.69.0", "8.8.8.0"


@dataclass(slots=True, kw_only=True)
class World:
    """`gslb up` with one server a site."""

    folder: Path
    children: Children
    http: int
    dns: int
    admin: int
    metrics: int

    @property
    def config(self) -> Path:
        return self.folder / "gslb.yaml"

    def write(self, policy: str) -> None:
        self.config.write_text(configuration(self.http, policy))

    def start(self) -> None:
        ports = ("--listen", f"127.0.0.1:{self.dns}", "--admin", f"127.0.0.1:{self.admin}")
        files = ("-f", str(self.config), "--data", str(self.folder / "data"), "--watch")
        self.children.start("up", "-m", "gslb.cli", "up", *ports, *files, "--metrics", f"127.0.0.1:{self.metrics}")

    def gslb(self, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command against the coordinator."""
        return subprocess.run(
            [sys.executable, "-m", "gslb.cli", command, *arguments, "--admin", f"127.0.0.1:{self.admin}"],
            capture_output=True,
            text=True,
            timeout=30,
        )

    def ask(self, client: str) -> list[str]:
        """The addresses that a client there is answered with."""
        query = dns.message.make_query(NAME, "A", use_edns=0, options=[dns.edns.ECSOption(client, 24)])
        answer = dns.query.udp(query, "127.0.0.1", port=self.dns, timeout=2)
        return [str(rdata) for rrset in answer.answer for rdata in rrset]

    async def page(self, path: str) -> tuple[int, str]:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{self.metrics}{path}") as response,
        ):
            return response.status, await response.text()

    async def until_answered(self, client: str, address: str) -> None:
        async def answered() -> bool:
            try:
                return self.ask(client) == [address]
            except (OSError, dns.exception.DNSException):
                return False

        await eventually(f"{address} for {client}", answered, children=self.children, within_s=40)


def configuration(http_port: int, policy: str) -> str:
    return f"""\
zones:
  - name: gslb.example.com
    nameservers: [ns1.gslb.example.com]
    contact: hostmaster@example.com
    records: [{{name: ns1, type: A, data: 192.0.2.53}}]
sites:
  - {{name: us, location: {{latitude: 39.0, longitude: -77.5}}}}
  - {{name: eu, location: {{latitude: 53.3, longitude: -6.3}}}}
monitors:
  - {{name: web, type: http, port: {http_port}, path: /healthz, interval: 300ms, timeout: 200ms}}
defaults: {{failback: {{after: 0s}}}}
pools:
  - {{name: web-us, site: us, monitor: web, members: [{{name: us1, address: {US}}}]}}
  - {{name: web-eu, site: eu, monitor: web, members: [{{name: eu1, address: {EU}}}]}}
services:
  - {{name: {NAME}, pools: [web-us, web-eu], steering: [{policy}]}}
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    folder = tmp_path_factory.mktemp("up")
    ports = [free_port() for _ in range(4)]
    made = World(
        folder=folder, children=Children(folder), http=ports[0], dns=ports[1], admin=ports[2], metrics=ports[3]
    )
    try:
        for name, address in (("us1", US), ("eu1", EU)):
            made.children.start(name, "-m", "gslb.cli.demo.server", address, str(made.http), name)
        made.write("nearest")
        made.start()
        await made.until_answered(LONDON, EU)
        await made.until_answered(MOUNTAIN_VIEW, US)
        yield made
    finally:
        made.children.kill_all()


async def test_it_is_ready_and_shows_the_metrics_of_every_part(world: World) -> None:
    assert await world.page("/livez") == (200, "alive\n")
    assert await world.page("/readyz") == (200, "ready\n")
    _, metrics = await world.page("/metrics")
    for part in ("coordinator", "dns", "agent us", "agent eu"):
        assert f'part="{part}"' in metrics
    series = [line.rpartition(" ")[0] for line in metrics.splitlines() if not line.startswith("#")]
    assert sorted(set(series)) == sorted(series), "a series that stands twice is refused by Prometheus"


async def test_status_says_who_serves_what_with_evidence(world: World) -> None:
    async def agreed() -> bool:
        return "same decision" in world.gslb("status").stdout

    await eventually("the dns server's word on its decision", agreed, children=world.children)
    shown = world.gslb("status")
    assert shown.returncode == 0, shown.stderr
    for word in (NAME, "web-us", "web-eu", US, EU, "status 200"):
        assert word in shown.stdout, shown.stdout
    read = json.loads(world.gslb("status", "--json").stdout)
    assert {member["verdict"] for pool in read["pools"] for member in pool["members"]} == {"up"}


async def test_explain_says_why(world: World) -> None:
    shown = world.gslb("explain", NAME, "--client", f"{LONDON}/24")
    assert shown.returncode == 0, shown.stderr
    for word in ("nearest", "web-eu", EU, "NOERROR", "scope /"):
        assert word in shown.stdout, shown.stdout


async def test_explain_of_a_name_that_is_not_there_says_what_to_do(world: World) -> None:
    refused = world.gslb("explain", "www.elsewhere.example", "--client", "192.0.2.1")
    assert refused.returncode == 1 or "REFUSED" in refused.stdout
    assert "Traceback" not in refused.stderr


async def test_a_drain_moves_clients_until_it_is_undone(world: World) -> None:
    drained = world.gslb("drain", "site", "eu", "--why", "power works", "--for", "1h")
    assert drained.returncode == 0, drained.stderr
    await world.until_answered(LONDON, US)
    assert "power works" in world.gslb("status").stdout
    assert world.gslb("undrain", "site", "eu").returncode == 0
    await world.until_answered(LONDON, EU)


async def test_a_wrong_scope_is_refused_with_the_nearest_name(world: World) -> None:
    refused = world.gslb("drain", "pool", "web-uss")
    assert refused.returncode == 1
    assert "web-us" in refused.stderr


async def test_force_down_and_clear(world: World) -> None:
    assert world.gslb("force-down", "member", "web-eu/eu1").returncode == 0
    await world.until_answered(LONDON, US)
    assert world.gslb("clear", "member", "web-eu/eu1").returncode == 0
    await world.until_answered(LONDON, EU)


async def test_a_bad_file_is_refused_with_every_place_and_nothing_changes(world: World) -> None:
    bad = world.folder / "bad.yaml"
    bad.write_text(configuration(world.http, "nearest").replace("site: us,", "site: uss,").replace("port:", "prot:"))
    refused = world.gslb("apply", str(bad))
    assert refused.returncode == 1
    assert f"{bad}:10:" in refused.stderr
    assert f"{bad}:13:" in refused.stderr
    assert "did you mean `us`?" in refused.stderr
    assert world.ask(LONDON) == [EU]


async def test_a_changed_file_is_taken_up_while_watching(world: World) -> None:
    world.write("priority: [[web-us], [web-eu]]")
    await world.until_answered(LONDON, US)
    assert "priority" in world.gslb("get").stdout
    world.write("nearest")
    await world.until_answered(LONDON, EU)


async def test_a_wrong_file_is_refused_once_while_its_own_log_grows_beside_it(world: World) -> None:
    log = world.folder / "up.log"
    before = log.read_text().count("configuration refused")

    async def refused() -> bool:
        return log.read_text().count("configuration refused") > before

    fresh = world.folder / "gslb.yaml.new"
    fresh.write_text(configuration(world.http, "nearest").replace("port:", "prot:", 1))
    fresh.replace(world.config)
    await eventually("the refusal", refused, children=world.children)
    fresh.write_text(configuration(world.http, "priority: [[web-us], [web-eu]]"))
    fresh.replace(world.config)
    await world.until_answered(LONDON, US)
    assert log.read_text().count("configuration refused") == before + 1
    world.write("nearest")
    await world.until_answered(LONDON, EU)


async def test_a_site_comes_and_goes_with_its_agent(world: World) -> None:
    async def has_agent() -> bool:
        return 'part="agent ap"' in (await world.page("/metrics"))[1]

    async def has_none() -> bool:
        return not await has_agent()

    world.config.write_text(configuration(world.http, "nearest").replace("sites:", "include: more/*.yaml\nsites:"))
    (world.folder / "more").mkdir()
    (world.folder / "more" / "site.yaml").write_text("sites: [{name: ap")
    world.config.touch()
    (world.folder / "more" / "site.yaml").write_text("sites: [{name: ap}]")
    await eventually("an agent for the new site", has_agent, children=world.children)
    world.write("nearest")
    await eventually("the end of its agent", has_none, children=world.children)


async def test_interrupted_it_ends_well_and_starts_again_with_what_it_knew(world: World) -> None:
    assert world.gslb("drain", "site", "eu", "--why", "kept").returncode == 0
    process = world.children.running.pop("up")
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=20) == 0
    world.start()
    await world.until_answered(LONDON, US)
    assert "kept" in world.gslb("status").stdout
    assert world.gslb("undrain", "site", "eu").returncode == 0
    await world.until_answered(LONDON, EU)
