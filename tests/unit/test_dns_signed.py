"""A dns server that asks for signatures: what strangers send is refused, counted and told once, what is good serves."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from support.dnsservers import LOOPBACK, Coordinator, DnsServer, coordinator_at, dns_server
from support.dnsworld import facts_of, make_snapshot, world
from support.waiting import until

from dns_server.main import run
from dns_server.options import Options
from gslb.api.v1.discovery_pb2 import DnsStatus
from gslb.codec.facts import load_order
from gslb.codec.sealing import NO_SIGNER, Sealed, Signer
from gslb.codec.snapshot import dump_snapshot
from gslb.core.directives import Action, Directives, Override, Scope, ScopeKind
from gslb.core.order import Order
from gslb.runtime.addresses import SocketAddress
from gslb.runtime.signing_keys import BadKey, load_signer, make_pair

DRAIN = Override(
    scope=Scope(ScopeKind.SITE, "eu"), action=Action.DRAIN, who="x", why="y", since_unix_s=0, until_unix_s=None
)


@dataclass
class Setting:
    """A coordinator that signs with key `one`, which the dns server trusts; key `two` is made."""

    said: Coordinator
    address: SocketAddress
    folder: Path

    @property
    def keys(self) -> Path:
        return self.folder / "trusted"

    def signer(self, name: str) -> Signer:
        return load_signer(self.folder / f"{name}.key")

    def trust(self, name: str) -> None:
        shutil.copy(self.folder / f"{name}.pub", self.keys)

    def serving(self) -> object:
        return dns_server(self.folder, self.address, trusted_keys=(self.keys,))

    async def serve_world(self) -> None:
        self.said.report(facts_of(world()))
        self.said.publish(world())
        await until(lambda: Order(1, 1, 0) in self.said.acked())


@pytest.fixture
async def setting(tmp_path: Path) -> AsyncIterator[Setting]:
    (tmp_path / "trusted").mkdir()
    for name in ("one", "two"):
        make_pair(tmp_path, name)
    async with coordinator_at() as (said, address):
        made = Setting(said, address, tmp_path)
        made.trust("one")
        said.signer = made.signer("one")
        yield made


def refused(server: DnsServer, reason: str) -> float:
    return server.metric("gslb_dns_feed_refused_total", reason=reason)


async def test_what_is_signed_serves(setting: Setting) -> None:
    async with setting.serving() as server:
        await setting.serve_world()
        setting.said.direct(Directives(revision=1, overrides=(DRAIN,)), Order(1, 1, 1))
        await server.until_www_is_not("192.0.2.1")
        assert server.metric("gslb_dns_trusted_keys") == 1


async def test_what_strangers_send_is_refused_counted_and_told_once(setting: Setting) -> None:
    said = setting.said
    later = make_snapshot(order=Order(1, 2, 0))
    with capture_logs() as logs:
        async with setting.serving() as server:
            await setting.serve_world()
            for signer in (NO_SIGNER, setting.signer("two")):
                said.signer = signer
                for _ in range(2):
                    said.publish(later)
                    said.direct(Directives(revision=1, overrides=(DRAIN,)), Order(1, 1, 1))
            await until(lambda: len(said.refused()) == 8)
            for reason in (
                "unsigned snapshot",
                "unsigned directives",
                "unknown key snapshot",
                "unknown key directives",
            ):
                assert refused(server, reason) == 2
                assert [entry["event"] for entry in logs].count(f"{reason} refused") == 1
            assert await server.www() == ["192.0.2.1"]
            assert server.metric("gslb_dns_order", number="config") == 1


async def test_signed_content_under_another_name_is_refused(setting: Setting) -> None:
    said = setting.said
    bundle = dump_snapshot(make_snapshot(order=Order(1, 2, 0)))
    async with setting.serving() as server:
        await setting.serve_world()
        manifest = said.signer.seal(Sealed.MANIFEST, bundle.manifest, Order(1, 2, 0))
        said.send(directives=manifest)
        higher = said.signer.seal(Sealed.MANIFEST, bundle.manifest, Order(1, 2, 0))
        higher.order.config = 9
        said.send(manifest=higher)
        await until(lambda: len(said.refused()) == 2)
        assert refused(server, "bad signature directives") == 1
        assert refused(server, "bad signature snapshot") == 1
        assert await server.www() == ["192.0.2.1"]


async def test_a_replayed_older_snapshot_is_refused_though_its_signature_is_good(setting: Setting) -> None:
    said = setting.said
    async with setting.serving() as server:
        await setting.serve_world()
        said.publish(make_snapshot(order=Order(1, 2, 0)))
        await until(lambda: Order(1, 2, 0) in said.acked())
        said.publish(world())
        await until(lambda: [order for order, _ in said.refused()] == [Order(1, 1, 0)])
        assert refused(server, "older snapshot") == 1
        assert server.metric("gslb_dns_order", number="config") == 2


async def test_a_key_follows_another_without_a_gap(setting: Setting) -> None:
    """Add the new key, sign with it, take the old one away; a restart in between and afterwards serves from files."""
    said = setting.said
    async with setting.serving() as server:
        await setting.serve_world()
        await server.until_www("192.0.2.1")
        setting.trust("two")
        await until(lambda: server.metric("gslb_dns_trusted_keys") == 2)
        said.signer = setting.signer("two")
        said.publish(world())
        await until(lambda: len(said.acked()) == 2)
        said.direct(Directives(revision=1), Order(1, 1, 1))
        await until(lambda: len(said.acked()) == 3)
        (setting.keys / "one.pub").unlink()
        await until(lambda: server.metric("gslb_dns_trusted_keys") == 1)
        assert await server.www() == ["192.0.2.1"]
    async with dns_server(setting.folder, trusted_keys=(setting.keys,)) as server:
        assert await server.www() == ["192.0.2.1"]
        assert server.metric("gslb_dns_order", number="directive") == 1


async def test_what_was_refused_is_had_again_once_its_key_is_trusted(setting: Setting) -> None:
    """Without a restart, and though the coordinator has nothing new to send."""
    said = setting.said
    async with setting.serving() as server:
        await setting.serve_world()
        said.signer = setting.signer("two")
        said.publish(make_snapshot(order=Order(1, 2, 0)))
        await until(lambda: len(said.refused()) == 1)
        setting.trust("two")
        await until(lambda: server.metric("gslb_dns_trusted_keys") == 2)
        said.beat()
        await until(lambda: len(said.all("hello")) == 2)
        assert load_order(said.all("hello")[-1].hello.order) == Order(1, 1, 0)
        said.publish(make_snapshot(order=Order(1, 2, 0)))
        await until(lambda: Order(1, 2, 0) in said.acked())


async def test_files_that_no_trusted_key_has_signed_do_not_serve(setting: Setting) -> None:
    async with setting.serving():
        await setting.serve_world()
    (setting.keys / "one.pub").unlink()
    setting.trust("two")
    async with dns_server(setting.folder, trusted_keys=(setting.keys,)) as server:
        assert server.metric("gslb_dns_unreadable_files_total", kind="snapshot") == 1
        assert server.metric("gslb_dns_order", number="config") == 0


async def test_bad_keys_keep_the_old_ones(setting: Setting) -> None:
    async with setting.serving() as server:
        await setting.serve_world()
        (setting.keys / "zero.pub").write_text("nothing")
        await until(lambda: server.metric("gslb_dns_refused_trusted_keys_total") == 1)
        assert server.metric("gslb_dns_trusted_keys") == 1
        setting.said.publish(make_snapshot(order=Order(1, 2, 0)))
        await until(lambda: Order(1, 2, 0) in setting.said.acked())


async def test_without_a_usable_key_it_does_not_start(setting: Setting) -> None:
    (setting.keys / "one.pub").unlink()
    options = Options(
        name="test",
        listen=(LOOPBACK,),
        coordinators=(setting.address,),
        data=setting.folder,
        trusted_keys=(setting.keys,),
    )
    with pytest.raises(BadKey, match="there is no key"):
        await run(options)


# Break glass


def status_of(said: Coordinator) -> DnsStatus:
    statuses = said.all("status")
    return statuses[-1].status if statuses else DnsStatus()


async def test_break_glass_is_told_to_the_coordinator_and_shown(setting: Setting) -> None:
    path = setting.folder / "break-glass.yaml"
    async with setting.serving() as server:
        await setting.serve_world()
        await server.until_www("192.0.2.1")
        path.write_text("overrides: [{site: eu, action: drain}, {site: nowhere, action: drain}]")
        await server.until_www_is_not("192.0.2.1")
        await until(lambda: status_of(setting.said).break_glass == 2)
        assert len(status_of(setting.said).break_glass_digest) == 8
        assert server.metric("gslb_dns_break_glass_overrides") == 2
        assert server.metric("gslb_dns_break_glass_unknown_overrides") == 1
        path.write_text("overrides: [")
        await until(lambda: server.metric("gslb_dns_break_glass_bad") == 1)
        await until(lambda: bool(status_of(setting.said).spoilt))
        assert status_of(setting.said).spoilt.startswith(f"break-glass file: {path}:2:1: this is not YAML")
        assert await server.www() != ["192.0.2.1"]
        path.unlink()
        await until(partial(_over, setting.said))
        await server.until_www("192.0.2.1")
        assert not status_of(setting.said).spoilt


def _over(said: Coordinator) -> bool:
    return not status_of(said).break_glass
