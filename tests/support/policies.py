"""Hypothesis strategies for policies and their stages."""

from __future__ import annotations

from hypothesis import strategies as st
from support.basics import networks, subsets, tags

from gslb.core.model import Policy
from gslb.core.steering.stages.base import Stage
from gslb.core.steering.stages.geo import Entry, Geo, GeoRule, Match
from gslb.core.steering.stages.hash import Hash
from gslb.core.steering.stages.nearest import Nearest
from gslb.core.steering.stages.priority import Priority
from gslb.core.steering.stages.round_robin import RoundRobin
from gslb.core.steering.stages.weighted import Weighted

SLOTS = ("blue", "green", "red")


def entries() -> st.SearchStrategy[Entry]:
    share = st.tuples(st.sampled_from(SLOTS), st.integers(1, 100))
    return st.lists(share, min_size=1, max_size=2, unique_by=lambda pair: pair[0]).map(tuple)


def matches() -> st.SearchStrategy[Match]:
    return st.builds(
        Match,
        continents=subsets(("EU", "NA")),
        countries=subsets(("DE", "US", "SG")),
        subdivisions=subsets(("US-CA",)),
        cities=subsets(("Fresno",)),
        asns=st.sampled_from([(), (), (3320,), (7018, 3320)]),
        cidrs=st.lists(networks(), max_size=2, unique=True).map(tuple),
        tags=tags(),
    )


def filters() -> st.SearchStrategy[Stage]:
    rules = st.builds(GeoRule, match=matches(), entries=st.lists(entries(), max_size=2).map(tuple), fence=st.booleans())
    otherwise = st.sampled_from(["nearest", "all"]) | st.lists(entries(), max_size=2).map(tuple)
    tiers = st.permutations(SLOTS).map(lambda slots: ((slots[0],), tuple(slots[1:])))
    return (
        st.builds(Geo, rules=st.lists(rules, max_size=3).map(tuple), otherwise=otherwise)
        | st.builds(Nearest)
        | st.builds(Priority, tiers=tiers)
    )


def sharings() -> st.SearchStrategy[Stage]:
    weights = st.lists(
        st.tuples(st.sampled_from(SLOTS), st.integers(0, 9)), max_size=3, unique_by=lambda pair: pair[0]
    ).map(tuple)
    return st.builds(Weighted, weights=weights) | st.builds(RoundRobin) | st.builds(Hash)


def policies(name: str) -> st.SearchStrategy[Policy]:
    stages = st.tuples(st.lists(filters(), max_size=2), sharings()).map(lambda drawn: (*drawn[0], drawn[1]))
    return st.builds(Policy, name=st.just(name), slots=st.just(SLOTS), stages=stages)
