"""One authoritative dns server: its sockets, its feed, its files and its metrics, put together."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from socket import socket

from prometheus_client import CollectorRegistry

from dns_server import break_glass, trusted_keys
from dns_server.engines.base import Engine
from dns_server.engines.choice import make_engine
from dns_server.feed import Feed
from dns_server.files import Files, Kind
from dns_server.freshness import Freshness
from dns_server.guides import Guides
from dns_server.handover.door import Estate, Taken, open_door
from dns_server.handover.folder import Folder
from dns_server.handover.predecessor import claimed
from dns_server.metrics import DnsCollector, Sources
from dns_server.received import Directions, Received, load_coordinators, load_facts
from dns_server.replica import Replica
from dns_server.saver import Saver
from dns_server.self_query import SelfQuery
from dns_server.stream import Identity
from dns_server.trial import try_out
from gslb.codec.sealing import Trust
from gslb.core.answering import identity
from gslb.core.identity import names
from gslb.core.order import Order
from gslb.runtime import http
from gslb.runtime.addresses import SocketAddress
from gslb.runtime.clock import monotonic_s, wall_unix_s
from gslb.runtime.expiry import Expiry
from gslb.runtime.garbage import building
from gslb.runtime.logs import get_logger
from gslb.runtime.supervise import keep_running
from gslb.runtime.tls import LOOPBACK_ONLY, Security, UnusableCertificate


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`listen`: UDP and TCP each; port 0 takes a free one. `data`: last-known-good files stand in its folder `dns`.

    `take_over`: from the dns server that has the folder, if there is one. `hands_over`: lets another process do so.
    `metrics`: None = not served. `engine`: as for `make_engine`.
    `nsid`: told to who asks which server answers; None = `name`, empty = nothing is told. `cookie_secrets`: a file;
    None = a secret of its own. `trusted_keys`: of which one must have signed what is served; none = no matter who.
    `max_age_s`: after so long without any coordinator it answers SERVFAIL; None = it answers whatever its age.
    `break_glass`: a file of overrides, which need not exist; None = `break-glass.yaml` in `data`.
    """

    name: str
    listen: tuple[SocketAddress, ...]
    coordinators: tuple[SocketAddress, ...]
    data: Path
    metrics: SocketAddress | None = None
    engine: str = "auto"
    take_over: bool = False
    hands_over: bool = False
    nsid: str | None = None
    cookie_secrets: Path | None = None
    security: Security = LOOPBACK_ONLY
    trusted_keys: tuple[Path, ...] = ()
    break_glass: Path | None = None
    max_age_s: float | None = None

    @property
    def folder(self) -> Path:
        return self.data / "dns"

    @property
    def overrides_file(self) -> Path:
        return self.break_glass or self.data / "break-glass.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """Where it answers; `metrics` None when they are not served."""

    listen: tuple[SocketAddress, ...]
    metrics: SocketAddress | None


async def run(
    options: Options,
    *,
    on_ready: Callable[[Bound], None] | None = None,
    registry: CollectorRegistry | None = None,
) -> None:
    """Serve until cancelled, or until another process has taken over. `on_ready` is called once all sockets are bound,
    with a snapshot or without.

    `registry`: where to show the metrics besides `options.metrics`. Raises OSError when an address cannot be had,
    FolderInUse, CannotTakeOver, BadSecrets, BadKey, PlaintextRefused and WrongCertificate. A certificate that cannot be
    used costs the coordinators' news, never an answer.
    """
    _check(options)
    guides = await asyncio.to_thread(
        Guides.read,
        options.cookie_secrets,
        options.trusted_keys,
        options.overrides_file,
        options.folder / "break-glass",
    )
    shown = registry if registry is not None else CollectorRegistry()
    async with AsyncExitStack() as stack:
        folder, before = await stack.enter_async_context(claimed(options.folder, take_over=options.take_over))
        parts = _make_parts(options, guides)
        with building():  # garbage is collected when it answers, not before
            parts.identify()
            parts.break_glass()
            await parts.restore()
            parts.break_glass()
            taken = await before.sockets(parts.restore, parts.order) if before else []
            stack.enter_context(_shown(DnsCollector(parts.sources), shown))
            listen = await stack.enter_async_context(_answering(parts.engine, options.listen, taken))
        if before:
            await before.let_go()
            await parts.restore()
        parts.saver.forget()
        handed_over = await stack.enter_async_context(_handing_over(options, parts, folder))
        metrics = await stack.enter_async_context(_observable(options.metrics, shown, parts.missing))
        expiry = Expiry(options.security, shown, wall_unix_s)
        await stack.enter_async_context(_running(parts, expiry, listen))
        get_logger("dns").info("answering", listen=[str(address) for address in listen], order=str(parts.order()))
        if on_ready is not None:
            on_ready(Bound(listen=listen, metrics=metrics))
        await handed_over.wait()


def _check(options: Options) -> None:
    options.security.check(options.coordinators)
    try:
        options.security.check_name(names.Kind.DNS, options.name)
    except UnusableCertificate as error:
        get_logger("dns").error("starting without a certificate", reason=str(error))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """What does the work; none of it runs yet."""

    files: Files
    saver: Saver
    engine: Engine
    replica: Replica
    feed: Feed
    guides: Guides
    freshness: Freshness
    self_query: SelfQuery
    nsid: bytes

    @property
    def sources(self) -> Sources:
        return Sources(
            engine=self.engine,
            replica=self.replica,
            files=self.files,
            guides=self.guides,
            freshness=self.freshness,
            self_query=self.self_query,
            demand=self.feed.demand,
            beat_s=self.feed.beat_s,
            now_s=monotonic_s,
        )

    async def restore(self) -> None:
        """Serve what was last known good, before anybody is asked; again: only what was saved since."""
        await asyncio.to_thread(_restore, self.files, self.replica, self.engine, self.guides.trust.current)
        learnt = self.files.load(Kind.COORDINATORS, load_coordinators)
        if learnt is not None:
            self.feed.remember(learnt)

    def identify(self) -> None:
        """Tell the engine who it is, with the cookie secrets of the moment."""
        self.engine.identify(identity.Identity(nsid=self.nsid, secrets=self.guides.cookie_secrets.current))

    def break_glass(self) -> None:
        """Let the break-glass overrides of the moment take force."""
        overrides, log = self.guides.break_glass.current, get_logger("dns")
        if overrides != self.replica.break_glass:
            self.replica.take_break_glass(overrides)
            said = [f"{one.action} {one.scope.kind} {one.scope.name}: {one.why}" for one in overrides]
            log.warning("break-glass overrides changed", in_force=said)
        if unknown := self.replica.unknown_scopes():
            log.warning("break-glass overrides of nothing in the configuration", scopes=list(map(str, unknown)))

    def missing(self) -> str | None:
        """Why it is not ready; None when it answers."""
        return self.freshness.complaint if self.replica.has_snapshot else "no snapshot yet"

    async def follow_age(self) -> None:
        await self.freshness.follow(self.feed.beat_s)

    async def follow_break_glass(self) -> None:
        await self.guides.break_glass.follow(self.break_glass, break_glass.LOOK_S)

    async def follow_trust(self) -> None:
        """What serves was trusted when it came: it goes on, whatever the keys are by now."""

        def changed() -> None:
            get_logger("dns").info("trusted keys changed", keys=sorted(self.guides.trust.current.keys))

        await self.guides.trust.follow(changed, trusted_keys.LOOK_S)

    def order(self) -> Order:
        """Of what serves."""
        return self.replica.order


def _make_parts(options: Options, guides: Guides) -> _Parts:
    files = Files(options.folder)
    saver = Saver(files)
    engine = make_engine(options.engine, entropy=secrets.randbits(64))
    heard = options.folder / "heard"
    freshness = Freshness(engine, heard, options.max_age_s, clock=monotonic_s, wall_clock=wall_unix_s)
    replica = Replica(freshness.publish, saver.put)
    about = Identity(name=options.name, engine=engine.name, queries_total=lambda: engine.counters.queries_total)
    named = map(str, options.coordinators)
    self_query = SelfQuery(replica, monotonic_s)
    feed = Feed(about, replica, saver, engine, named, lambda: guides.trust.current, self_query, options.security)
    nsid = options.name if options.nsid is None else options.nsid
    return _Parts(
        files=files,
        saver=saver,
        engine=engine,
        replica=replica,
        feed=feed,
        guides=guides,
        freshness=freshness,
        self_query=self_query,
        nsid=nsid.encode()[: identity.MAX_NSID_BYTES],
    )


def _restore(files: Files, replica: Replica, engine: Engine, trust: Trust) -> None:
    facts = files.load(Kind.FACTS, load_facts)
    directions = files.load(Kind.DIRECTIVES, lambda saved: Directions.load(saved, trust))
    if facts is not None:
        replica.take_reports(facts.reports.values())
    if directions is not None:
        replica.take_directions(directions)
    passed = files.load(Kind.SNAPSHOT, lambda saved: try_out(Received.load(saved, trust), replica.premises, engine))
    if passed is not None:
        replica.take_snapshot(passed)


@contextmanager
def _shown(collector: DnsCollector, registry: CollectorRegistry) -> Iterator[None]:
    registry.register(collector)
    try:
        yield
    finally:
        registry.unregister(collector)


@asynccontextmanager
async def _answering(
    engine: Engine, listen: tuple[SocketAddress, ...], taken: Sequence[socket]
) -> AsyncIterator[tuple[SocketAddress, ...]]:
    """With sockets `taken` from another process as far as they fit. Ending without an error is for a hand-over."""
    try:
        bound = await engine.start(listen, taken)
    finally:
        for each in taken:
            each.close()
    try:
        yield bound
    except BaseException:
        await engine.stop()
        raise
    await engine.drain()
    get_logger("dns").info("drained")


@asynccontextmanager
async def _handing_over(options: Options, parts: _Parts, folder: Folder) -> AsyncIterator[Taken]:
    """What is done once another process serves in our place: never, if that is not wanted."""
    if not options.hands_over:
        yield Taken()
        return
    estate = Estate(folder=folder, sockets=parts.engine.descriptors, save=parts.saver.flush, order=parts.order)
    async with open_door(estate) as taken:
        yield taken


@asynccontextmanager
async def _running(parts: _Parts, expiry: Expiry, listen: Sequence[SocketAddress]) -> AsyncIterator[None]:
    """Following the coordinators and what operators may change, saving what is said, minding our certificate and what
    is answered at `listen`."""
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(keep_running("saver", parts.saver.run)),
            group.create_task(parts.feed.run()),
            group.create_task(expiry.run()),
            group.create_task(keep_running("age", parts.follow_age)),
            group.create_task(keep_running("self-query", partial(parts.self_query.follow, listen))),
            group.create_task(keep_running("trusted keys", parts.follow_trust)),
            group.create_task(keep_running("break glass", parts.follow_break_glass)),
        ]
        if parts.guides.cookie_secrets.has_file:
            follow = partial(parts.guides.cookie_secrets.follow, parts.identify)
            tasks.append(group.create_task(keep_running("cookie secrets", follow)))
        yield
        for task in tasks:
            task.cancel()


@asynccontextmanager
async def _observable(
    address: SocketAddress | None, registry: CollectorRegistry, missing: http.Readiness
) -> AsyncIterator[SocketAddress | None]:
    """Metrics and health over HTTP, if wanted; ready means that there is something to answer with."""
    if address is None:
        yield None
        return
    async with http.serve(address.host, address.port, registry, missing) as port:
        yield SocketAddress(address.host, port)
