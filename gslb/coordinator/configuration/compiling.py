"""From offered files to a publication and its record: everything an apply works out, before anything is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from gslb import __version__
from gslb.codec.layouts import dump_layouts, load_layouts
from gslb.codec.snapshot import Bundle, dump_snapshot, load_snapshot, order_of, refs
from gslb.config import BundleSource, ConfigErrors, Loaded, Problem, load
from gslb.coordinator.configuration.contents import Contents, Files
from gslb.coordinator.configuration.geography import Geography
from gslb.coordinator.configuration.history import File, Record, StoredBlob, store_files
from gslb.coordinator.relay.publication import Publication, SiteTooLarge, make_publication
from gslb.core.compile import compile_snapshot
from gslb.core.errors import GslbError, InvalidSnapshot
from gslb.core.layouts import Layout
from gslb.core.model import Zone
from gslb.core.names import Name
from gslb.core.order import Order
from gslb.core.rollout import RolloutSettings
from gslb.core.snapshot import Snapshot
from gslb.store.blobs import Blobs, MissingBlob

_SERIALS = 2**32


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is to become a configuration, by whom, after which one. `seed` counts only for the very first."""

    files: tuple[File, ...]
    author: str
    message: str
    incarnation: int
    now_unix_s: int
    seed: int
    record: Record | None
    previous: Snapshot | None


class CompiledOtherwise(GslbError):
    """What an applied configuration compiles to here is not what dns servers were given under its number."""

    code = "compiled-otherwise"


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """`earlier`: what the record names so, empty if it does not. `rollout`: how it is to reach the dns servers."""

    publication: Publication
    record: Record
    earlier: bytes
    rollout: RolloutSettings
    warnings: tuple[Problem, ...]


def build(change: Change, contents: Contents, geography: Geography) -> Built:
    """Blocking. Raises ConfigErrors with every reason, MissingBlob, StoreUnavailable."""
    loaded = _load(change.files, contents)
    seed = change.record.seed if change.record else change.seed
    serials = next_serials(loaded.model.zones, change)
    publication = _compile(
        loaded,
        change.files,
        contents,
        geography,
        order=Order(change.incarnation, change.record.revision + 1 if change.record else 1, 0),
        serials=serials,
        earlier=change.previous.layouts if change.previous else (),
        seed=seed,
    )
    kept = publication.snapshot.layouts[len(loaded.model.sites) :]
    earlier = dump_layouts(kept) if kept else b""
    record = Record(
        revision=publication.snapshot.order.config,
        author=change.author,
        message=change.message,
        applied_unix_s=change.now_unix_s,
        program=__version__,
        seed=seed,
        serials=tuple((str(apex), serial) for apex, serial in sorted(serials.items())),
        manifest=publication.bundle.manifest,
        files=store_files(change.files, contents.read),
        access=loaded.access,
        earlier=StoredBlob(sha256=sha256(earlier).digest(), size_bytes=len(earlier)) if earlier else None,
    )
    return Built(
        publication=publication, record=record, earlier=earlier, rollout=loaded.rollout, warnings=loaded.warnings
    )


def rebuild(record: Record, incarnation: int, contents: Contents, geography: Geography) -> Publication:
    """The publication of a configuration that was applied before, from its files: the same to the last octet.

    So no two dns servers ever serve two things under one number. Blocking; raises as `build`, and CompiledOtherwise. A
    record from before a restore is of another incarnation, in which nobody was given anything yet.
    """
    publication = _compile(
        _load(record.files, contents),
        record.files,
        contents,
        geography,
        order=Order(incarnation, record.revision, 0),
        serials=_serials(record),
        earlier=_earlier(record, contents),
        seed=record.seed,
    )
    if order_of(record.manifest).incarnation == incarnation and publication.bundle.manifest != record.manifest:
        raise CompiledOtherwise(
            f"version {record.program} applied it, and here version {__version__} makes something else of it:"
            " upgrade all coordinators, then apply it again"
        )
    return publication


def _earlier(record: Record, contents: Contents) -> tuple[Layout, ...]:
    return load_layouts(contents.read(record.earlier.sha256)) if record.earlier is not None else ()


def recall(record: Record, incarnation: int, compiled: Blobs) -> Publication | None:
    """The publication from what was compiled when it was applied, if all of that is still there. Blocking."""
    try:
        chunks = {ref.digest: compiled.read(ref.digest) for ref in refs(record.manifest)}
        snapshot = load_snapshot(record.manifest, chunks)
        if snapshot.order != Order(incarnation, record.revision, 0):
            return None
        return make_publication(snapshot, Bundle(manifest=record.manifest, chunks=chunks))
    except (MissingBlob, InvalidSnapshot):
        return None


def _load(files: Sequence[File], contents: Contents) -> Loaded:
    return load(BundleSource(Files(files, contents)), files[0].path)


def _compile(
    loaded: Loaded,
    files: Sequence[File],
    contents: Contents,
    geography: Geography,
    *,
    order: Order,
    serials: Mapping[Name, int],
    earlier: tuple[Layout, ...],
    seed: int,
) -> Publication:
    try:
        model = loaded.model
        cuts = geography.cut(loaded, {file.path: file.sha256 for file in files}, contents)
        classes = {name: cut.classes for name, cut in cuts.items()}
        snapshot = compile_snapshot(model, classes, order=order, serials=serials, earlier=earlier, seed=seed)
        bundle = dump_snapshot(snapshot, {name: cut.chunks for name, cut in cuts.items()})
        return make_publication(snapshot, bundle)
    except (SiteTooLarge, InvalidSnapshot) as error:
        raise ConfigErrors([Problem(files[0].path, 0, 0, str(error))]) from error


def next_serials(zones: Iterable[Zone], change: Change) -> Mapping[Name, int]:
    """SOA serials: as they were where a zone's plain content is the same, else one higher (RFC 1982).

    A new zone begins with the time, so that one that comes back is above what it was.
    """
    before = {zone.apex: zone for zone in change.previous.model.zones} if change.previous else {}
    known = _serials(change.record) if change.record else {}
    serials = {}
    for zone in zones:
        if zone.apex not in known:
            serials[zone.apex] = change.now_unix_s % _SERIALS
        elif before.get(zone.apex) == zone:
            serials[zone.apex] = known[zone.apex]
        else:
            serials[zone.apex] = (known[zone.apex] + 1) % _SERIALS
    return serials


def _serials(record: Record) -> Mapping[Name, int]:
    return {Name.from_text(apex): serial for apex, serial in record.serials}
