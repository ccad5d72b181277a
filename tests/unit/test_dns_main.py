"""The whole dns server in this process: a coordinator that says what a test wants, real streams, sockets and files."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import aiohttp
import dns.asyncquery
import dns.edns
import dns.message
import dns.rcode
import pytest
from support.dnsservers import LOOPBACK, Both, coordinator_at, dns_server
from support.dnsworld import CONFIG, facts_of, make_snapshot, world
from support.waiting import eventually, until

from dns_server.main import run
from dns_server.options import Options
from gslb.api.v1.facts_pb2 import Envelope
from gslb.api.v1.facts_pb2 import Order as OrderMessage
from gslb.codec.facts import load_order
from gslb.codec.snapshot import dump_snapshot
from gslb.core.directives import NO_DIRECTIVES, Directives
from gslb.core.facts import Facts
from gslb.core.order import Order
from gslb.core.silence import NO_SILENCE
from gslb.core.steering.decide import decide


@pytest.fixture
async def coordinator() -> AsyncIterator[Both]:
    async with coordinator_at() as both:
        yield both


async def test_it_introduces_itself_fetches_answers_and_acknowledges(coordinator: Both, tmp_path: Path) -> None:
    said, address = coordinator
    async with dns_server(tmp_path, address) as server:
        await until(lambda: bool(said.all("hello")))
        hello = said.all("hello")[0].hello
        assert (hello.name, hello.engine, load_order(hello.order)) == ("test", "native", Order())
        said.publish(world())
        said.report(facts_of(world()))
        await until(lambda: said.acked() == [Order(1, 1, 0)])
        await server.until_www("192.0.2.1")
        said.report(facts_of(world(), down=("eu/e1",), sequence=2))
        await server.until_www_is_not("192.0.2.1")


async def test_its_status_tells_order_decision_and_queries_every_second(coordinator: Both, tmp_path: Path) -> None:
    said, address = coordinator
    async with dns_server(tmp_path, address) as server:
        said.publish(world())
        said.report(facts_of(world()))
        await until(lambda: bool(said.acked()))
        await server.until_www("192.0.2.1")
        whole = decide(world(), NO_DIRECTIVES, facts_of(world()), NO_SILENCE)
        seen = len(said.all("status"))
        await until(lambda: len(said.all("status")) >= seen + 2)
        status = said.all("status")[-1].status
        assert load_order(status.order) == Order(1, 1, 0)
        assert status.decision == whole.digest
        assert status.queries_total >= 1


async def test_a_later_snapshot_fetches_only_what_differs(coordinator: Both, tmp_path: Path) -> None:
    said, address = coordinator
    later = make_snapshot(CONFIG.replace("192.0.2.1,", "192.0.2.111,"), Order(1, 2, 0))
    async with dns_server(tmp_path, address) as server:
        said.report(facts_of(world()))
        said.publish(world())
        await until(lambda: said.acked() == [Order(1, 1, 0)])
        first = sum(len(message.chunks.digests) for message in said.all("chunks"))
        said.publish(later)
        await until(lambda: said.acked() == [Order(1, 1, 0), Order(1, 2, 0)])
        assert 0 < sum(len(message.chunks.digests) for message in said.all("chunks")) - first < first
        said.report(facts_of(later, sequence=2))
        await server.until_www("192.0.2.111")


async def test_a_bad_snapshot_is_refused_and_the_last_good_one_serves(coordinator: Both, tmp_path: Path) -> None:
    said, address = coordinator
    async with dns_server(tmp_path, address) as server:
        said.report(facts_of(world()))
        said.publish(world())
        await server.until_www("192.0.2.1")
        bad = dump_snapshot(replace(world(), order=Order(1, 2, 0)))
        lying = Envelope(payload=bad.manifest, order=OrderMessage(incarnation=1, config=9))
        said.chunks = dict(bad.chunks)
        said.send(manifest=lying)
        said.send(manifest=Envelope(payload=b"\xff\xff", order=OrderMessage(incarnation=1, config=8)))
        said.send(directives=Envelope(payload=b"\xff\xff", order=OrderMessage(incarnation=1, config=1, directive=4)))
        await until(lambda: len(said.refused()) == 3)
        reasons = dict(said.refused())
        assert set(reasons) == {Order(1, 9, 0), Order(1, 8, 0), Order(1, 1, 4)}
        assert "its envelope" in reasons[Order(1, 9, 0)]
        assert server.metric("gslb_dns_feed_refused_total", reason="invalid snapshot") == 2
        assert server.metric("gslb_dns_feed_refused_total", reason="invalid directives") == 1
        assert await server.www() == ["192.0.2.1"]


async def test_older_orders_are_refused_and_counted(coordinator: Both, tmp_path: Path) -> None:
    said, address = coordinator
    async with dns_server(tmp_path, address) as server:
        said.publish(make_snapshot(order=Order(1, 5, 0)))
        said.direct(Directives(revision=7), Order(1, 0, 7))
        await until(lambda: set(said.acked()) == {Order(1, 5, 0), Order(1, 0, 7)})
        said.publish(make_snapshot(order=Order(1, 4, 0)))
        said.direct(Directives(revision=6), Order(1, 0, 6))
        await until(lambda: {order for order, _ in said.refused()} == {Order(1, 4, 0), Order(1, 0, 6)})
        assert server.metric("gslb_dns_feed_refused_total", reason="older snapshot") == 1
        assert server.metric("gslb_dns_feed_refused_total", reason="older directives") == 1
        assert server.metric("gslb_dns_order", number="config") == 5


async def test_the_same_snapshot_again_is_acknowledged_without_fetching(coordinator: Both, tmp_path: Path) -> None:
    said, address = coordinator
    async with dns_server(tmp_path, address):
        said.publish(world())
        await until(lambda: len(said.acked()) == 1)
        fetched = len(said.all("chunks"))
        said.publish(world())
        await until(lambda: len(said.acked()) == 2)
        assert len(said.all("chunks")) == fetched


async def test_a_digest_that_differs_leads_to_a_request_for_all_facts(coordinator: Both, tmp_path: Path) -> None:
    said, address = coordinator
    async with dns_server(tmp_path, address) as server:
        said.publish(world())
        said.facts = facts_of(world())
        said.beat("eu/1", "us/1")
        await server.until_www("192.0.2.1")
        for _ in range(5):
            said.beat("eu/1", "us/1")
        said.publish(make_snapshot(order=Order(1, 2, 0)))
        await until(lambda: Order(1, 2, 0) in said.acked())
        assert len(said.all("facts")) == 1


async def test_a_coordinator_that_knows_less_is_asked_only_once(coordinator: Both, tmp_path: Path) -> None:
    said, address = coordinator
    async with dns_server(tmp_path, address):
        said.publish(world())
        said.report(facts_of(world()))
        said.facts = Facts()
        for _ in range(5):
            said.beat()
        said.publish(make_snapshot(order=Order(1, 2, 0)))
        await until(lambda: Order(1, 2, 0) in said.acked())
        assert len(said.all("facts")) <= 2


async def test_agents_that_a_settled_coordinator_hears_no_more_are_silent(coordinator: Both, tmp_path: Path) -> None:
    said, address = coordinator
    async with dns_server(tmp_path, address) as server:
        said.publish(world())
        said.report(facts_of(world()))
        await server.until_www("192.0.2.1")
        for _ in range(3):
            said.beat("us/1")
        await until(lambda: server.metric("gslb_dns_silent_agents") == 1)
        said.beat("us/1", "eu/1")
        await until(lambda: server.metric("gslb_dns_silent_agents") == 0)


async def test_without_coordinators_it_answers_on_and_comes_back_to_them(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        first = AsyncExitStack()
        said, address = await first.enter_async_context(coordinator_at())
        server = await stack.enter_async_context(dns_server(tmp_path, address))
        said.publish(world())
        said.report(facts_of(world()))
        await server.until_www("192.0.2.1")
        await first.aclose()
        assert await server.www() == ["192.0.2.1"]
        again, _ = await stack.enter_async_context(coordinator_at(address.port))
        await until(lambda: bool(again.all("hello")))
        assert load_order(again.all("hello")[0].hello.order) == Order(1, 1, 0)
        again.report(facts_of(world(), down=("eu/e1",), sequence=2))
        await server.until_www_is_not("192.0.2.1")


async def test_a_coordinator_that_hangs_up_is_called_again(coordinator: Both, tmp_path: Path) -> None:
    said, address = coordinator
    async with dns_server(tmp_path, address) as server:
        for hello in range(3):
            await until(lambda hello=hello: len(said.all("hello")) == hello + 1)
            said.hang_up()
        await until(lambda: len(said.all("hello")) == 4)
        said.publish(world())
        said.report(facts_of(world()))
        await server.until_www("192.0.2.1")


async def test_a_fault_of_ours_in_the_feed_does_not_end_the_server(
    coordinator: Both, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said, address = coordinator
    async with dns_server(tmp_path, address) as server:
        said.publish(world())
        said.report(facts_of(world()))
        await server.until_www("192.0.2.1")
        with monkeypatch.context() as patch:
            patch.setattr("dns_server.stream.digest", None)
            said.beat()
            await until(lambda: len(said.all("hello")) == 2)
        assert await server.www() == ["192.0.2.1"]
        said.report(facts_of(world(), down=("eu/e1",), sequence=2))
        await server.until_www_is_not("192.0.2.1")


async def test_two_coordinators_are_both_heard(coordinator: Both, tmp_path: Path) -> None:
    said, address = coordinator
    async with coordinator_at() as (other, other_address), dns_server(tmp_path, address, other_address) as server:
        said.publish(world())
        other.report(facts_of(world(), down=("eu/e1",)))
        await until(lambda: said.acked() == [Order(1, 1, 0)])
        await server.until_www_is_not("192.0.2.1")
        said.report(facts_of(world(), sequence=2))
        await server.until_www("192.0.2.1")


# Around it


async def test_metrics_and_health_over_http(coordinator: Both, tmp_path: Path) -> None:
    said, address = coordinator
    async with dns_server(tmp_path, address, metrics=LOOPBACK) as server, aiohttp.ClientSession() as http:
        base = f"http://{server.bound.metrics}"
        async with http.get(f"{base}/readyz") as ready:
            assert (ready.status, await ready.text()) == (503, "no snapshot yet\n")
        async with http.get(f"{base}/livez") as live:
            assert live.status == 200
        said.publish(world())
        said.report(facts_of(world()))
        await server.until_www("192.0.2.1")
        async with http.get(f"{base}/readyz") as ready:
            assert ready.status == 200
        async with http.get(f"{base}/metrics") as page:
            text = await page.text()
        assert 'gslb_dns_queries_total{rcode="NOERROR",transport="udp",type="A"}' in text
        assert "gslb_dns_coordinator_silence_seconds" in text


async def test_an_address_that_is_taken_ends_it_with_an_oserror(tmp_path: Path) -> None:
    async with dns_server(tmp_path / "one") as server:
        options = Options(name="two", listen=server.bound.listen, coordinators=(), data=tmp_path / "two")
        with pytest.raises(OSError, match="cannot listen"):
            await run(options)


@pytest.mark.parametrize("engine", ["native", "python"])
async def test_it_says_who_it_is_and_its_cookies_follow_the_file_of_secrets(engine: str, tmp_path: Path) -> None:
    """A cookie of a secret that has come second is still good, and is replaced by one of the first (RFC 9018 5)."""
    one, two = "00112233445566778899aabbccddeeff", "e5e973e5a6b2a43f48e7dc849e37bfcf"
    secrets = tmp_path / "secrets"
    secrets.touch(mode=0o600)
    secrets.write_text(one)
    async with dns_server(tmp_path / "data", engine=engine, cookie_secrets=secrets) as server:

        async def shown(cookie: bytes) -> bytes:
            options = [dns.edns.NSIDOption(b""), dns.edns.GenericOption(10, cookie)]
            query = dns.message.make_query("www.example.test", "A", use_edns=0, options=options)
            reply = await server.ask(query)
            assert [option.nsid for option in reply.options if option.otype == dns.edns.NSID] == [b"test"]
            (given,) = (option.to_wire() for option in reply.options if option.otype == 10)
            return given

        first = await shown(b"a client")
        assert await shown(first) == first
        secrets.write_text(f"{two}\n{one}\n")

        async def is_replaced() -> bool:
            return await shown(first) != first

        await eventually(is_replaced)
        assert server.metric("gslb_dns_cookies_total", outcome="invalid") == 0
        assert server.metric("gslb_dns_cookies_total", outcome="new") == 1
        assert server.metric("gslb_dns_cookies_total", outcome="valid") >= 2
        assert server.metric("gslb_dns_refused_cookie_secrets_total") == 0
