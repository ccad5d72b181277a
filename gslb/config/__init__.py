"""YAML to Model: every error at once, each with file:line:column.

The way of a configuration, one module a step: `source` reads files, `compose` makes nodes with places, `read` joins
what is included, `expand` unfolds `for_each`, `parse` types the nodes by the `schema`, `build` checks references and
makes the Model.
"""

from __future__ import annotations

from dataclasses import dataclass

from gslb.config.building.access import build_access
from gslb.config.building.model import build_model
from gslb.config.expand import expand
from gslb.config.jsonschema import json_schema
from gslb.config.nodes import Entry, Items, Table, place
from gslb.config.parse import parse
from gslb.config.problems import ConfigErrors, Mark, Problem, Problems
from gslb.config.read import Files, read_tree
from gslb.config.source import BundleSource, DiskSource, FileSource
from gslb.core.identity.access import Grant
from gslb.core.model import Model
from gslb.core.rollout import RolloutSettings

__all__ = [
    "BundleSource",
    "ConfigErrors",
    "DiskSource",
    "FileSource",
    "Loaded",
    "Mark",
    "Problem",
    "json_schema",
    "load",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A configuration that holds together.

    `files`: every text file read, the main one first; paths as FileSource's. `databases`: where each of the model's geo
    databases is named. `access`: what operators may do, and `rollout`: which only coordinators need to know.
    """

    model: Model
    access: tuple[Grant, ...]
    rollout: RolloutSettings
    warnings: tuple[Problem, ...]
    files: tuple[str, ...]
    databases: tuple[Mark, ...]


def load(source: FileSource, main: str) -> Loaded:
    """Read the file `main` and all it names. Raises ConfigErrors with everything that is wrong."""
    problems = Problems()
    files = Files(source, problems)
    root = read_tree(files, main)
    services = root.entries.get("services")
    if services is not None and isinstance(services.value, Items):
        expanded = Entry(services.mark, expand(services.value, problems))
        root = Table({**root.entries, "services": expanded}, root.mark)
    config = parse(root, problems)
    model = build_model(config, files, problems)
    access = build_access(config, model, problems)
    problems.raise_errors()
    return Loaded(
        model=model,
        access=access,
        rollout=RolloutSettings(soak_s=config.rollout.value.soak, first=config.rollout.value.first),
        warnings=problems.warnings(),
        files=tuple(files.paths),
        databases=tuple(place(config.geo.node, "database", number) for number in range(len(model.geo.databases))),
    )
