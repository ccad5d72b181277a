"""Geo tables and class maps, kept between applies: a change that touches neither need not wait for them again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gslb import native
from gslb.codec.snapshot import dump_class_map
from gslb.config import Loaded
from gslb.config.problems import ConfigErrors, Problem
from gslb.coordinator.configuration.contents import Contents
from gslb.core.classes.maps import GeoTable, bound_sites, class_maps
from gslb.core.model import OwnPrefix, Policy, Site
from gslb.core.snapshot import ClassMap
from gslb.geo import database


@dataclass(frozen=True, slots=True)
class _TableKey:
    databases: tuple[bytes, ...]
    own: tuple[OwnPrefix, ...]


@dataclass(frozen=True, slots=True)
class _MapKey:
    """All that one policy's class map depends on."""

    policy: Policy
    sites: tuple[Site, ...]
    table: _TableKey


@dataclass(frozen=True, slots=True)
class Cut:
    """One policy's class map, and the chunks it makes in a bundle."""

    classes: ClassMap
    chunks: tuple[bytes, ...]


class Geography:
    """Remembers what the last configuration needed. Blocking, and for one caller at a time."""

    def __init__(self) -> None:
        self._table: tuple[_TableKey, GeoTable] | None = None
        self._cuts: dict[_MapKey, Cut] = {}

    def cut(self, loaded: Loaded, digests: Mapping[str, bytes], contents: Contents) -> Mapping[str, Cut]:
        """The class map of every policy. `digests`: of the files sent along, by path.

        Raises ConfigErrors; InvalidSnapshot where a map cannot be put into chunks.
        """
        model = loaded.model
        table_key = _TableKey(tuple(digests[path] for path in model.geo.databases), model.geo.prefixes)
        keys = {policy.name: _MapKey(policy, bound_sites(model, policy), table_key) for policy in model.policies}
        missing = [policy for policy in model.policies if keys[policy.name] not in self._cuts]
        if missing:
            table = self._read(loaded, table_key, contents)
            for name, classes in class_maps(replace(model, policies=tuple(missing)), table, native.overlay).items():
                self._cuts[keys[name]] = Cut(classes, dump_class_map(name, classes))
        self._cuts = {key: self._cuts[key] for key in keys.values()}
        return {name: self._cuts[key] for name, key in keys.items()}

    def _read(self, loaded: Loaded, key: _TableKey, contents: Contents) -> GeoTable:
        if self._table is None or self._table[0] != key:
            paths = [contents.path(digest) for digest in key.databases]
            try:
                self._table = key, database.read(paths, key.own)
            except database.GeoError as error:
                raise ConfigErrors([_problem(error, paths, loaded)]) from error
        return self._table[1]


def _problem(error: database.GeoError, paths: Sequence[Path], loaded: Loaded) -> Problem:
    """At the place where the file is named that cannot be used; the one that comes with the program stands nowhere."""
    if error.path not in paths:
        return Problem(str(error.path), 0, 0, f"geo database: {error.reason}")
    number = paths.index(error.path)
    return Problem(*loaded.databases[number], f"geo database `{loaded.model.geo.databases[number]}`: {error.reason}")
