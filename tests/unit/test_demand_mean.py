"""The mean of demand over time: exact where it lasts, halved where it ends, bounded however many pairs there are."""

from __future__ import annotations

import pytest

from gslb.core.demand import HALF_LIFE_S, LEAST_RATE, MAX_PAIRS, Demand, Pair, advance
from gslb.core.names import Name

WWW = Name.from_text("www.example.test")
EU, US = Pair(WWW, ("eu",)), Pair(WWW, ("us",))


def lasting(answers: dict[Pair, int], seconds: int, other: int = 0) -> Demand:
    demand = Demand(at_s=100.0)
    for second in range(1, seconds + 1):
        demand = advance(demand, answers, other, 100.0 + second)
    return demand


@pytest.mark.parametrize("seconds", [1, 2, 13, 100])
def test_what_lasts_shows_exactly_from_the_first_second_on(seconds: int) -> None:
    demand = lasting({EU: 30, US: 10}, seconds, other=5)
    assert demand.rates == pytest.approx({EU: 30.0, US: 10.0})
    assert (demand.other, demand.total) == pytest.approx((5.0, 45.0))


def test_what_ends_is_half_after_the_half_life_and_then_forgotten() -> None:
    demand = lasting({EU: 100}, 200)
    assert advance(demand, {}, 0, demand.at_s + HALF_LIFE_S).rates[EU] == pytest.approx(50.0)
    for _ in range(int(HALF_LIFE_S)):
        demand = advance(demand, {}, 0, demand.at_s + 1)
    assert demand.rates[EU] == pytest.approx(50.0)
    demand = advance(demand, {}, 0, demand.at_s + 20 * HALF_LIFE_S)
    assert demand.rates == {}


def test_a_single_query_is_remembered_for_a_minute() -> None:
    demand = advance(lasting({}, 200), {EU: 1}, 0, 301.0)
    after_s = 0
    while EU in demand.rates:
        after_s += 1
        demand = advance(demand, {}, 0, demand.at_s + 1)
    assert 45 < after_s < 75


def test_the_largest_are_told_apart_and_the_rest_is_summed() -> None:
    many = {Pair(WWW, (str(number),)): number + 1 for number in range(MAX_PAIRS + 10)}
    demand = lasting(many, 1)
    assert len(demand.rates) == MAX_PAIRS
    assert demand.other == pytest.approx(sum(range(1, 11)))
    assert min(demand.rates.values()) == pytest.approx(11.0)
    assert demand.total == pytest.approx(sum(many.values()))


def test_demand_by_service_and_class() -> None:
    other = Name.from_text("other.example.test")
    demand = lasting({EU: 3, US: 1, Pair(other, ("",)): 2}, 1)
    assert demand.by_service() == {
        WWW: pytest.approx({("eu",): 3.0, ("us",): 1.0}),
        other: pytest.approx({("",): 2.0}),
    }


@pytest.mark.parametrize("now_s", [100.0, 99.0])
def test_time_only_goes_on(now_s: float) -> None:
    with pytest.raises(ValueError, match="not after"):
        advance(Demand(at_s=100.0), {EU: 1}, 0, now_s)


def test_what_is_too_little_to_show_is_dropped() -> None:
    assert lasting({EU: 1}, 1).rates[EU] > LEAST_RATE
    assert advance(Demand(at_s=0.0), {EU: 1}, 0, 2 / LEAST_RATE).rates == {}
