"""The mean of demand, whatever comes when: between the least and the most there was, no query lost or made up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gslb.core.demand import Demand, Pair, advance
from gslb.core.names import Name

PAIRS = [Pair(Name.from_text(f"s{number}.test"), (key,)) for number in range(3) for key in ("", "eu")]

turns = st.lists(
    st.tuples(
        st.floats(0.01, 30.0),
        st.dictionaries(st.sampled_from(PAIRS), st.integers(1, 1 << 40)),
        st.integers(0, 1 << 40),
    ),
    min_size=1,
    max_size=30,
)


@given(turns)
def test_a_rate_lies_between_the_least_and_the_most_there_was(turns: list[tuple[float, dict[Pair, int], int]]) -> None:
    demand = Demand(at_s=5.0)
    for elapsed_s, answers, other in turns:
        demand = advance(demand, answers, other, demand.at_s + elapsed_s)
    for pair in PAIRS:
        seen = [answers.get(pair, 0) / elapsed_s for elapsed_s, answers, _ in turns]
        assert min(seen) * 0.999 - 0.001 <= demand.rates.get(pair, 0.0) <= max(seen) * 1.001
    assert demand.other <= max(other / elapsed_s for elapsed_s, _, other in turns) * 1.001


@given(turns, st.floats(0.01, 30.0))
def test_demand_of_two_servers_is_the_sum_of_theirs(
    turns: list[tuple[float, dict[Pair, int], int]], elapsed_s: float
) -> None:
    alone, both = Demand(at_s=0.0), Demand(at_s=0.0)
    for number, (_, answers, other) in enumerate(turns, 1):
        now_s = number * elapsed_s
        alone = advance(alone, answers, other, now_s)
        both = advance(both, {pair: 2 * count for pair, count in answers.items()}, 2 * other, now_s)
    assert abs(both.total - 2 * alone.total) <= 0.05 + both.total * 1e-6
