"""A dns server that restarts: of its files the newest that are whole serve, with nobody to ask."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import dns.asyncquery
import dns.edns
import dns.message
import dns.rcode
import pytest
from support.dnsservers import Both, coordinator_at, dns_server
from support.dnsworld import facts_of, query_for, world
from support.waiting import until

from gslb.core.directives import Directives
from gslb.core.order import Order
from gslb.runtime.addresses import SocketAddress


@pytest.fixture
async def coordinator() -> AsyncIterator[Both]:
    async with coordinator_at() as both:
        yield both


async def served_once(tmp_path: Path, coordinator: Both) -> None:
    """Let a dns server get and save everything, then end."""
    said, address = coordinator
    async with dns_server(tmp_path, address) as server:
        said.publish(world())
        said.report(facts_of(world(), down=("us/u1", "us/u2", "eu/e1")))
        await server.until_www("198.51.100.3")


async def test_after_a_restart_it_serves_with_nobody_to_ask(coordinator: Both, tmp_path: Path) -> None:
    await served_once(tmp_path, coordinator)
    nobody = SocketAddress("127.0.0.1", 1)
    started = asyncio.get_running_loop().time()
    async with dns_server(tmp_path, nobody) as server:
        took = asyncio.get_running_loop().time() - started
        assert await server.www() == ["198.51.100.3"]
        assert server.metric("gslb_dns_unreadable_files_total", kind="snapshot") == 0
    assert took < 2, "it waited for somebody"


async def test_a_snapshot_is_saved_before_it_serves(coordinator: Both, tmp_path: Path) -> None:
    """So that a crash never falls back behind what clients have seen."""
    said, address = coordinator
    async with dns_server(tmp_path, address):
        for number in range(1, 6):
            order = Order(1, number, 0)
            said.publish(replace(world(), order=order))
            await until(lambda order=order: order in said.acked())
            newest = max((tmp_path / "dns").glob("snapshot.0*"))
            assert int(newest.suffix[1:]) == number


def put_last(folder: Path, kind: str, content: bytes) -> None:
    """As if it had been saved last."""
    newest = max((folder / "dns").glob(f"{kind}.0*"))
    newest.with_suffix(f".{int(newest.suffix[1:]) + 1:010}").write_bytes(content)


async def test_an_old_file_that_is_put_back_takes_nothing_back(coordinator: Both, tmp_path: Path) -> None:
    """As a predecessor may do that wakes late, or whoever copies files about: what is in it was good once."""
    said, address = coordinator
    old: dict[str, bytes] = {}
    async with dns_server(tmp_path, address):
        for number in (1, 2):
            order = Order(1, number, number)
            said.publish(replace(world(), order=order))
            said.direct(Directives(revision=number), order)
            await until(lambda order=order: said.acked().count(order) == 2)
            await until(lambda number=number: len(list((tmp_path / "dns").glob("directives.0*"))) == number)
            if not old:
                for kind in ("snapshot", "directives"):
                    old[kind] = max((tmp_path / "dns").glob(f"{kind}.0*")).read_bytes()
    for kind, content in old.items():
        put_last(tmp_path, kind, content)
    async with dns_server(tmp_path) as server:
        assert [server.metric("gslb_dns_order", number=number) for number in ("config", "directive")] == [2, 2]
        assert server.metric("gslb_dns_unreadable_files_total", kind="snapshot") == 0


async def test_where_the_snapshot_of_a_restored_store_is_damaged_the_one_before_serves(
    coordinator: Both, tmp_path: Path
) -> None:
    said, address = coordinator
    async with dns_server(tmp_path, address):
        said.report(facts_of(world()))
        for incarnation in (1, 2):
            order = Order(incarnation, 1, incarnation)
            said.publish(replace(world(), order=order))
            await until(lambda order=order: order in said.acked())
            said.direct(Directives(revision=incarnation), order)
            await until(lambda order=order: said.acked().count(order) == 2)
    newest = max((tmp_path / "dns").glob("snapshot.0*"))
    newest.write_bytes(newest.read_bytes()[:-7])
    async with dns_server(tmp_path, address) as server:
        assert await server.www() == ["192.0.2.1"]
        assert server.metric("gslb_dns_order", number="incarnation") == 1
        said.publish(replace(world(), order=Order(2, 1, 2)))
        await until(lambda: server.metric("gslb_dns_order", number="incarnation") == 2)
        assert server.metric("gslb_dns_order", number="directive") == 2


@pytest.mark.parametrize("kind", ["snapshot", "facts"])
async def test_a_corrupt_file_is_counted_and_the_one_before_it_serves(
    coordinator: Both, tmp_path: Path, kind: str
) -> None:
    await served_once(tmp_path, coordinator)
    put_last(tmp_path, kind, max((tmp_path / "dns").glob(f"{kind}.0*")).read_bytes()[:-7])
    async with dns_server(tmp_path) as server:
        assert await server.www() == ["198.51.100.3"]
        assert server.metric("gslb_dns_unreadable_files_total", kind=kind) == 1


async def test_with_all_files_corrupt_it_starts_and_waits_for_a_coordinator(coordinator: Both, tmp_path: Path) -> None:
    await served_once(tmp_path, coordinator)
    for path in (tmp_path / "dns").iterdir():
        path.write_bytes(path.read_bytes()[:50] + b"\x00" * 50)
    said, address = coordinator
    async with dns_server(tmp_path, address) as server:
        query = query_for("www.example.test", "A")
        (at,) = server.bound.listen
        reply = await dns.asyncquery.udp(query, at.host, port=at.port, timeout=5)
        assert reply.rcode() in (dns.rcode.SERVFAIL, dns.rcode.NOERROR)
        said.publish(world())
        said.report(facts_of(world()))
        await server.until_www("192.0.2.1")
        assert server.metric("gslb_dns_unreadable_files_total", kind="snapshot") >= 1
