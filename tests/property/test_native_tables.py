"""Natively made cohort tables are those of the reference, and of its naive twin."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from dns_server import _native
from gslb.codec.engine import dump_costs
from gslb.core.decision import Shares
from gslb.core.steering.cohorts import tabulate

TABLES = _native.Tables(dump_costs())


@st.composite
def shares(draw: st.DrawFn) -> Shares:
    names = draw(st.lists(st.text(min_size=1, max_size=12), min_size=2, max_size=9, unique=True))
    return tuple((name, draw(st.integers(1, 65_536))) for name in sorted(names))


@settings(max_examples=40)
@example((("a", 1), ("b", 1)), 1)
@example((("a", 65_535), ("b", 1)), 2)
@example((("a", 1), ("b", 2), ("c", 3)), 3)
@given(shares(), st.integers(1, 10))
def test_tables_are_the_references(row: Shares, picks: int) -> None:
    assert [tuple(ranks) for ranks in TABLES.tabulate(row, picks)] == list(tabulate(row, picks))
