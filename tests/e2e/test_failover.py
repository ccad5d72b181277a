"""The whole path with real processes: servers, agents, coordinator and dns servers, killed and stopped by signals."""

from __future__ import annotations

import os
import signal
import struct
from collections.abc import AsyncIterator, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

import dns.edns
import dns.message
import dns.query
import dns.rdatatype
import grpc
import pytest
import pytest_asyncio

from gslb.api.v1 import admin_pb2, facts_pb2
from gslb.cli import applying
from gslb.cli.demo import world
from gslb.cli.demo.children import eventually
from gslb.cli.demo.stage import DNS_NAMES, Stage, open_stage
from gslb.config import ConfigErrors

pytestmark = pytest.mark.asyncio(loop_scope="module")

US, EU, AP = world.PLACES
LONDON, MOUNTAIN_VIEW = world.CLIENTS[0].network, world.CLIENTS[3].network


def servers_of(place: world.Place) -> tuple[world.Server, ...]:
    return tuple(server for server in world.SERVERS if server.site == place.site)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """The demo's world, all up and agreed."""
    async with open_stage(tmp_path_factory.mktemp("world")) as stage:
        await stage.start_all()
        yield stage


async def test_clients_are_answered_with_the_site_that_the_rules_say(stage: Stage) -> None:
    for dns_name in DNS_NAMES:
        assert await stage.ask(dns_name, LONDON) in EU.addresses
        assert await stage.ask(dns_name, MOUNTAIN_VIEW) in US.addresses


async def test_the_dns_servers_run_the_native_engine(stage: Stage) -> None:
    status = await stage.admin.GetStatus(admin_pb2.GetStatusRequest(), timeout=5)
    assert {server.name: server.engine for server in status.dns_servers} == dict.fromkeys(DNS_NAMES, "native")


async def test_udp_and_tcp_give_the_same_answer_with_its_scope(stage: Stage) -> None:
    query = dns.message.make_query(world.SERVICE, "A", use_edns=0, options=[dns.edns.ECSOption("81.2.69.0", 24)])
    port = stage.dns_ports[DNS_NAMES[0]]
    udp = dns.query.udp(query, "127.0.0.1", port=port, timeout=2)
    tcp = dns.query.tcp(query, "127.0.0.1", port=port, timeout=2)
    assert udp.answer == tcp.answer
    assert udp.answer[0].rdtype == dns.rdatatype.A
    assert [option.to_wire()[:4] for option in udp.options] == [struct.pack("!HBB", 1, 24, 24)]
    assert udp.options == tcp.options


async def test_a_killed_server_leaves_the_answers_and_comes_back(stage: Stage) -> None:
    victim, sibling = servers_of(US)
    client = await stage.client_of(victim)
    stage.children.kill(victim.name)
    await stage.until_changed(client, frozenset({victim.address}))
    assert await stage.ask(DNS_NAMES[0], client) == sibling.address
    stage.start_server(victim)
    await stage.until_serving((victim,))
    await stage.until_answered(client, victim.address)


async def test_a_hung_server_leaves_the_answers_and_comes_back(stage: Stage) -> None:
    victim, sibling = servers_of(AP)
    client = await stage.client_of(victim)
    process = stage.children.running[victim.name].pid
    os.kill(process, signal.SIGSTOP)
    try:
        await stage.until_changed(client, frozenset({victim.address}))
        assert await stage.ask(DNS_NAMES[1], client) == sibling.address
    finally:
        os.kill(process, signal.SIGCONT)
    await stage.until_serving((victim,))
    await stage.until_answered(client, victim.address)


async def test_a_dead_agent_takes_nothing_out(stage: Stage) -> None:
    client = await stage.client_of(servers_of(EU)[0])
    before = await stage.ask(DNS_NAMES[0], client)
    stage.children.kill(f"agent-{EU.site}")

    async def alarmed() -> bool:
        status = await stage.admin.GetStatus(admin_pb2.GetStatusRequest(), timeout=5)
        silent = [agent.agent for site in status.sites for agent in site.agents if agent.silent]
        return silent == [f"{EU.site}/agent"] and any(EU.site in alarm for alarm in status.alarms)

    await eventually("the alarm about the silent agent", alarmed, children=stage.children)
    assert [await stage.ask(name, client) for name in DNS_NAMES] == [before, before]
    stage.start_agent(EU.site)
    await stage.until_agreed()


async def test_a_site_lost_with_its_agent_leaves_the_answers(stage: Stage) -> None:
    servers = servers_of(EU)
    client = await stage.client_of(servers[0])
    stage.children.kill(*(server.name for server in servers), f"agent-{EU.site}")
    await stage.until_changed(client, frozenset(EU.addresses))
    assert await stage.ask(DNS_NAMES[0], client) in US.addresses
    for server in servers:
        stage.start_server(server)
    stage.start_agent(EU.site)
    await stage.until_agreed()


async def test_a_site_cut_off_from_everybody_leaves_the_answers_and_comes_back(stage: Stage) -> None:
    """Stopped, it neither answers nor refuses, and its agent says nothing: two other sites and the witness see it."""
    servers = servers_of(EU)
    client = await stage.client_of(servers[0])
    cut_off = [stage.children.running[name].pid for name in (f"agent-{EU.site}", *(one.name for one in servers))]
    for process in cut_off:
        os.kill(process, signal.SIGSTOP)
    try:
        await stage.until_changed(client, frozenset(EU.addresses))
        assert await stage.ask(DNS_NAMES[1], client) in US.addresses
        status = await stage.admin.GetStatus(admin_pb2.GetStatusRequest(), timeout=5)
        lost = {member.verdict for pool in status.pools if pool.site == EU.site for member in pool.members}
        sick = [agent.agent for site in status.sites for agent in site.agents if agent.sick]
        assert (lost, sick) == ({"down"}, [])
    finally:
        for process in cut_off:
            os.kill(process, signal.SIGCONT)
    await stage.until_serving(servers)
    await stage.until_answered(client, servers[0].address)
    await stage.until_agreed()


async def test_a_drained_site_gets_no_clients_until_undrained(stage: Stage) -> None:
    client = await stage.client_of(servers_of(AP)[0])
    scope = facts_pb2.Scope(kind=facts_pb2.SCOPE_KIND_SITE, name=AP.site)
    request = admin_pb2.SetOverrideRequest(scope=scope, action=facts_pb2.OVERRIDE_ACTION_DRAIN, who="t", why="works")
    await stage.admin.SetOverride(request, timeout=5)
    await stage.until_changed(client, frozenset(AP.addresses))
    await stage.admin.ClearOverride(admin_pb2.ClearOverrideRequest(scope=scope, who="t"), timeout=5)
    await stage.until_answered(client, AP.addresses[0])


async def test_explain_names_the_answer_the_dns_servers_give(stage: Stage) -> None:
    """Once all know the same: what was stopped before may still come and go when the test begins."""
    for client in world.CLIENTS:
        request = admin_pb2.ExplainRequest(name=world.SERVICE, client=str(client.network), rrtype="A")

        async def is_named(request: admin_pb2.ExplainRequest = request, client: world.Client = client) -> bool:
            explained = await stage.admin.Explain(request, timeout=5)
            answered = {await stage.ask(dns_name, client.network) for dns_name in DNS_NAMES}
            return explained.rcode == "NOERROR" and {record.split()[-1] for record in explained.answer} == answered

        await eventually(f"one answer for {client.network}", is_named, children=stage.children)


async def test_a_bad_file_is_refused_whole_and_a_good_one_applied_live(stage: Stage) -> None:
    good = stage.config.read_text()
    try:
        stage.config.write_text(good.replace("try: [web-eu-west, web-us-east]", "try: [web-nowhere]"))
        with pytest.raises(ConfigErrors, match="web-nowhere"):
            await stage.apply()
        assert await stage.ask(DNS_NAMES[0], LONDON) in EU.addresses
        stage.config.write_text(good.replace("try: [web-eu-west, web-us-east]", "try: [web-ap-south, web-us-east]"))
        stale = applying.Change(author="t", expected_revision=999)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await applying.apply(stage.admin, stage.config, applying.read(stage.config), stale)
        assert refused.value.code() == grpc.StatusCode.ABORTED
        await stage.apply()
        await stage.until_changed(LONDON, frozenset(EU.addresses))
        assert await stage.ask(DNS_NAMES[0], LONDON) in AP.addresses
    finally:
        stage.config.write_text(good)
        await stage.apply()
    await stage.until_changed(LONDON, frozenset(AP.addresses))


async def test_answers_need_no_coordinator_not_even_after_a_restart(stage: Stage) -> None:
    before = [await stage.ask(DNS_NAMES[1], client.network) for client in world.CLIENTS]
    stage.children.kill("coordinator")
    stage.children.kill(DNS_NAMES[1])
    stage.start_dns(DNS_NAMES[1])

    async def answers() -> bool:
        return await stage.ask(DNS_NAMES[1], LONDON) is not None

    await eventually("the restarted dns server", answers, children=stage.children)
    assert [await stage.ask(DNS_NAMES[1], client.network) for client in world.CLIENTS] == before
    stage.start_coordinator()
    await stage.until_agreed()


async def test_nothing_listens_beyond_loopback(stage: Stage) -> None:
    listening = {
        name: set(listeners(process.pid))
        for name, process in stage.children.running.items()
        if name == "coordinator" or name.startswith(("agent", "dns"))
    }
    assert listening["coordinator"]
    assert listening["dns-1"]
    for addresses in listening.values():
        assert all(address.is_loopback for address in addresses)


def listeners(pid: int) -> Iterator[IPv4Address | IPv6Address]:
    """Addresses on which a process listens (TCP) or is bound without a peer (UDP), from the kernel's tables."""
    inodes = {str(f.readlink()) for f in Path(f"/proc/{pid}/fd").iterdir() if f.is_symlink()}
    for table, state in (("tcp", "0A"), ("tcp6", "0A"), ("udp", "07"), ("udp6", "07")):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == state and f"socket:[{fields[9]}]" in inodes:
                yield kernel_address(fields[1].partition(":")[0])


def kernel_address(shown: str) -> IPv4Address | IPv6Address:
    """The kernel shows addresses as words of the machine's (little-endian) order."""
    octets = b"".join(bytes.fromhex(shown[at : at + 8])[::-1] for at in range(0, len(shown), 8))
    address = ip_address(octets)
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address
