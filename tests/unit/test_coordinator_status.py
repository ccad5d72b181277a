"""GetStatus, alarms and Explain: what operators see."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import grpc
import pytest
from support.coordinators import CONFIG, DOWN, LONDON, NEW_YORK, UP, Running, coordinator, files

from gslb import __version__
from gslb.api.v1 import admin_pb2 as pb
from gslb.coordinator.admin import showing
from gslb.coordinator.admin.decider import Concluded
from gslb.coordinator.admin.status import FORGOTTEN_S, add_details, make_head
from gslb.coordinator.peers.roster import Roster
from gslb.coordinator.relay.agents import Agents
from gslb.coordinator.relay.hub import Hub
from gslb.core.demand import Demand
from gslb.core.facts import Cause, State, Verdict


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    async with coordinator(tmp_path) as started:
        await started.applied()
        yield started


async def explain(running: Running, name: str, client: str, rrtype: str = "") -> pb.ExplainResponse:
    return await running.admin.Explain(pb.ExplainRequest(name=name, client=client, rrtype=rrtype))


async def test_before_any_configuration(tmp_path: Path) -> None:
    async with coordinator(tmp_path) as running:
        status = await running.status()
    assert (status.coordinator, status.version) == ("c1", __version__)
    assert (status.order.config, status.decision, list(status.alarms)) == (0, b"", [])
    assert not status.sites
    assert not status.pools


async def test_who_serves_what_and_why(running: Running) -> None:
    async with running.agent("us/a1", boot=3) as agent, running.dns_server("d") as dns:
        refused = {1: "connection refused"}
        await agent.evidence(refused, latencies_us=7, verdict_ages_ms=100, probe_ages_ms=50, flaps=2)
        await agent.report(UP, DOWN, lag_ms=5)
        await dns.until(lambda: bool(dns.updates))
        status = await running.status()
    sites = {site.name: site for site in status.sites}
    assert [site.name for site in status.sites] == ["us", "eu", "witness"]
    assert [site.witness for site in status.sites] == [False, False, True]
    (shown,) = sites["us"].agents
    assert (shown.agent, shown.boot, shown.sequence, shown.lag_ms, shown.version) == ("us/a1", 3, 1, 5, "t")
    assert (shown.silent, shown.sick, shown.current) == (False, False, True)
    assert shown.age_ms < 5_000

    pool = next(pool for pool in status.pools if pool.name == "web-us")
    assert (pool.site, pool.monitor, pool.family, pool.healthy) == ("us", "web", "A", True)
    one, two = pool.members
    assert (one.name, one.address, one.verdict, one.cause, one.serving, one.share) == (
        "us1",
        "192.0.2.10",
        "up",
        "ok",
        True,
        65_536,
    )
    assert (two.verdict, two.cause, two.detail, two.serving, two.share) == (
        "down",
        "refused",
        "connection refused",
        False,
        0,
    )
    assert (two.latency_us, two.flaps) == (7, 2)
    assert 100 <= two.verdict_age_ms < 5_000
    assert 50 <= two.probe_age_ms < 5_000

    (service,) = status.services
    (family,) = service.families
    assert (service.name, family.family) == ("www.gslb.test", "A")
    by_pools = {tuple(pool.name for pool in part.pools): list(part.labels) for part in family.classes}
    assert by_pools == {("web-eu",): ["rule 1 (continent EU)"], ("web-us",): ["all other clients"]}


async def test_evidence_that_comes_while_the_status_is_made_is_of_no_age(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    def begun_earlier(
        status: pb.GetStatusResponse, concluded: Concluded, agents: Agents, demand: Demand, now_s: float
    ) -> None:
        add_details(status, concluded, agents, demand, now_s - 60)

    monkeypatch.setattr(showing, "add_details", begun_earlier)
    async with running.agent("us/a1") as agent, running.dns_server("d") as dns:
        await agent.evidence({1: "connection refused"}, verdict_ages_ms=100, probe_ages_ms=50)
        await agent.report(UP, DOWN)
        await dns.until(lambda: bool(dns.updates))
        pools = (await running.status()).pools
    (member,) = [member for pool in pools for member in pool.members if member.detail]
    assert (member.verdict_age_ms, member.probe_age_ms) == (100, 50)


async def test_a_site_that_leaves_while_the_status_is_made_is_shown_as_it_was(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    def after_all_have_left(
        name: str, hub: Hub, roster: Roster, concluded: Concluded | None, alarms: Sequence[str], now_s: float
    ) -> pb.GetStatusResponse:
        hub.agents.keep_sites(())
        return make_head(name, hub, roster, concluded, alarms, now_s)

    async with running.agent("us/a1") as agent, running.dns_server("d") as dns:
        await agent.report(UP, DOWN)
        await dns.until(lambda: bool(dns.updates))
        monkeypatch.setattr(showing, "make_head", after_all_have_left)
        (shown,) = [agent for site in (await running.status()).sites for agent in site.agents]
    assert (shown.agent, shown.age_ms) == ("us/a1", int(FORGOTTEN_S * 1000))


async def test_alarms(running: Running) -> None:
    assert set((await running.status()).alarms) == {
        "site us: no agent has been heard",
        "site eu: no agent has been heard",
    }
    timeout = State(Verdict.DOWN, Cause.TIMEOUT)
    async with running.agent("us/a1") as us, running.agent("eu/a1") as eu, running.dns_server("d") as dns:
        await us.report(DOWN, DOWN)
        await eu.report(timeout)
        await dns.until(lambda: len(dns.facts.reports) == 2)
        alarms = (await running.status()).alarms
        assert list(alarms) == [
            "service www.gslb.test: nothing that serves is left for some of its clients, `all_down` is in force"
        ]
        await eu.report(timeout, sick=True, lag_ms=700)
        await dns.until(lambda: dns.facts.reports["eu/a1"].sick)
        assert list((await running.status()).alarms) == [
            "agent eu/a1 doubts itself (lag 700 ms): the time-outs it sees count as unknown"
        ]


async def test_an_earlier_layout_is_shown(running: Running) -> None:
    async with running.agent("us/a1") as agent, running.dns_server("d") as dns:
        await agent.report(UP, UP)
        await dns.until(lambda: bool(dns.updates))
        await running.applied(files(CONFIG.replace("address: 192.0.2.11", "address: 192.0.2.12")))
        (shown,) = (await running.status()).sites[0].agents
        assert not shown.current


async def test_steps_answer_and_scope_by_client(running: Running) -> None:
    london, new_york = (
        await explain(running, "www.gslb.test", LONDON),
        await explain(running, "www.gslb.test", NEW_YORK),
    )
    assert [line.split()[-1] for line in london.answer] == ["198.51.100.10"]
    assert new_york.answer[0].split()[-1] in {"192.0.2.10", "192.0.2.11"}
    assert (london.rcode, london.scope) == ("NOERROR", 24)
    assert [step.what for step in london.steps][:3] == ["client", "service", "class"]
    geo = next(step for step in london.steps if step.what == "geo")
    assert geo.text == "rule 1 (continent EU): try web-eu"
    assert [(part.name, part.share) for part in geo.row] == [("web-eu", 65_536)]


async def test_a_client_that_asks_for_itself(running: Running) -> None:
    explained = await explain(running, "www.gslb.test", "81.2.69.7", "A")
    assert explained.steps[0].text == "81.2.69.7 asks for itself, without ECS"
    assert [line.split()[-1] for line in explained.answer] == ["198.51.100.10"]
    assert explained.scope == 0


async def test_a_private_prefix_is_the_resolvers_affair(running: Running) -> None:
    explained = await explain(running, "www.gslb.test", "10.0.0.0/24")
    assert "the resolver" in explained.steps[0].text


@pytest.mark.parametrize(
    ("name", "rrtype", "rcode", "text"),
    [
        ("text.gslb.test", "TXT", "NOERROR", "plain records: the same for every client"),
        ("text.gslb.test", "MX", "NOERROR", "the name exists, without records of this type"),
        ("nothing.gslb.test", "A", "NXDOMAIN", "the zone has no such name"),
        ("example.org", "A", "REFUSED", "the name is in none of the zones"),
        ("www.gslb.test", "TXT", "NOERROR", "service www.gslb.test has nothing of type TXT"),
    ],
)
async def test_names_without_a_steered_answer(running: Running, name: str, rrtype: str, rcode: str, text: str) -> None:
    explained = await explain(running, name, "192.0.2.0/24", rrtype)
    assert (explained.rcode, explained.steps[-1].text) == (rcode, text)


async def test_an_alias_leads_to_the_service(tmp_path: Path) -> None:
    text = CONFIG.replace("{name: text,", "{name: alias, type: CNAME, data: www}\n      - {name: text,")
    async with coordinator(tmp_path) as running:
        await running.applied(files(text))
        explained = await explain(running, "alias.gslb.test", LONDON)
    assert [line.split()[3] for line in explained.answer] == ["CNAME", "A"]
    assert any(step.what == "geo" for step in explained.steps)


@pytest.mark.parametrize(
    ("name", "client", "rrtype", "text"),
    [
        ("www..gslb.test", LONDON, "A", "is not a domain name"),
        ("www.gslb.test", "London", "A", "neither an address nor a prefix"),
        ("www.gslb.test", LONDON, "NONSENSE", "is no record type"),
    ],
)
async def test_questions_that_make_no_sense(running: Running, name: str, client: str, rrtype: str, text: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await explain(running, name, client, rrtype)
    assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert text in (error.value.details() or "")
