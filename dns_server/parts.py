"""What does the work in a dns server, made and joined; none of it runs yet (`main`)."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass

from dns_server import break_glass, trusted_keys
from dns_server.engines.base import Engine
from dns_server.engines.choice import make_engine
from dns_server.feed import Feed
from dns_server.files import Files, Kind
from dns_server.freshness import Freshness
from dns_server.guides import Guides
from dns_server.metrics import Sources
from dns_server.options import Options
from dns_server.received import Directions, Received, load_coordinators, load_facts
from dns_server.replica import Replica
from dns_server.saver import Saver
from dns_server.self_query import SelfQuery
from dns_server.stream import Identity
from dns_server.trial import Passed, try_out
from gslb.codec.sealing import Trust
from gslb.core.answering import identity
from gslb.core.order import Order
from gslb.runtime.clock import monotonic_s, wall_unix_s
from gslb.runtime.logs import get_logger


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
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


def make_parts(options: Options, guides: Guides) -> Parts:
    files = Files(options.folder)
    saver = Saver(files)
    engine = make_engine(options.engine, entropy=secrets.randbits(64))
    heard = options.folder / "heard"
    freshness = Freshness(engine, heard, options.max_age_s, clock=monotonic_s, wall_clock=wall_unix_s)
    replica = Replica(freshness.publish, saver.put)
    about = Identity(name=options.name, engine=engine.name, queries_total=lambda: engine.counters.queries_total)
    named = map(str, options.coordinators)
    self_query = SelfQuery(replica, monotonic_s)
    feed = Feed(about, replica, saver, engine, named, guides, self_query, options.security)
    nsid = options.name if options.nsid is None else options.nsid
    return Parts(
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
    if facts is not None:
        replica.take_reports(facts.reports.values())
    directions = files.load(Kind.DIRECTIVES, lambda saved: Directions.load(saved, trust), Directions.rank)

    def tried(saved: bytes) -> Passed:
        received = Received.load(saved, trust)
        fitting = directions if directions is not None and directions.fits(received) else None
        return try_out(received, replica.premises_by(fitting), engine)

    passed = files.load(Kind.SNAPSHOT, tried, Received.rank)
    waits = passed is not None and directions is not None and not directions.fits(passed.received)
    if directions is not None and not waits:
        replica.take_directions(directions)
    if passed is not None:
        replica.take_snapshot(passed)
    if (
        directions is not None and waits
    ):  # the snapshot that they went with cannot be read: an older one is better than none
        replica.take_directions(directions)
