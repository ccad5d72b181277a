"""Weighted rendezvous: what moves when shares change, and what must not."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gslb.core.decision import WHOLE, Shares
from gslb.core.steering.cohorts import tabulate, winners
from gslb.core.steering.shares import scale

NAMES = ("a", "b", "c", "d", "e")
FAST = settings(max_examples=60)


@st.composite
def shares(draw: st.DrawFn, least: int = 1) -> Shares:
    names = draw(st.lists(st.sampled_from(NAMES), min_size=least, unique=True))
    return tuple((name, draw(st.integers(1, 100))) for name in sorted(names))


def firsts(row: Shares) -> list[str]:
    return [row[best][0] for (best,) in tabulate(row)]


@FAST
@given(shares(), st.data())
def test_raising_a_share_only_adds_cohorts_to_it(row: Shares, data: st.DataObject) -> None:
    raised = data.draw(st.sampled_from(row))[0]
    more = data.draw(st.integers(1, 100))
    after = tuple((name, share + more if name == raised else share) for name, share in row)
    for was, now in zip(firsts(row), firsts(after), strict=True):
        assert now in (was, raised)


@FAST
@given(shares(least=2), st.data())
def test_a_lost_name_moves_only_its_own(row: Shares, data: st.DataObject) -> None:
    lost = data.draw(st.sampled_from(row))[0]
    after = tuple(pair for pair in row if pair[0] != lost)
    for was, now in zip(firsts(row), firsts(after), strict=True):
        assert was in (now, lost)


@FAST
@given(shares(least=2), st.integers(2, 4), st.data())
def test_a_lost_name_leaves_the_order_of_the_others(row: Shares, picks: int, data: st.DataObject) -> None:
    lost = data.draw(st.sampled_from(row))[0]
    after = tuple(pair for pair in row if pair[0] != lost)
    for cohort in range(0, 4096, 64):
        others = [name for name in winners(row, cohort, len(row)) if name != lost]
        assert list(winners(after, cohort, picks)) == others[:picks]


@FAST
@given(st.integers(1, 99), st.integers(1, 99), st.integers(1, 99))
def test_scaled_shares_of_a_canary_move_one_way(small: int, more: int, others: int) -> None:
    """From `small` to `small + more` percent, in shares scaled to 65,536 as decisions carry them."""
    before = firsts(scale((("canary", small), ("stable", 100 * others))))
    after = firsts(scale((("canary", small + more), ("stable", 100 * others))))
    assert all(now in (was, "canary") for was, now in zip(before, after, strict=True))


@FAST
@given(shares())
def test_scaled_shares_are_whole_and_near_the_weights(row: Shares) -> None:
    scaled, total = scale(row), sum(weight for _, weight in row)
    assert sum(share for _, share in scaled) == WHOLE
    for name, weight in row:
        assert abs(dict(scaled)[name] - weight * WHOLE / total) < 1


@FAST
@given(shares(least=3), st.data())
def test_rounding_to_scaled_shares_moves_next_to_nothing(row: Shares, data: st.DataObject) -> None:
    """A lost name changes the rounding of the others' shares, by 1/65,536: at most a few of 4,096 cohorts notice."""
    lost = data.draw(st.sampled_from(row))[0]
    before, after = firsts(scale(row)), firsts(scale(tuple(pair for pair in row if pair[0] != lost)))
    assert sum(was not in (now, lost) for was, now in zip(before, after, strict=True)) <= 3
