"""Who is released, and who is rolled back: whatever the first dns server says, and whenever it says it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gslb.core.order import Order
from gslb.core.rollout import (
    FOUND_AFTER_S,
    PATIENCE_S,
    UNWATCHED_AFTER_S,
    Attention,
    Outcome,
    RolloutSettings,
    Sight,
    Stage,
    Watch,
    begin,
    look,
)

ORDER = Order(5, 7, 0)
SOAK_S = 3
WELL = Sight(order=Order(5, 7, 2), asked=ORDER)
orders = st.sampled_from([Order(), Order(5, 6, 9), ORDER, Order(5, 7, 3), Order(5, 8, 0), Order(4, 7, 0)])
sights = st.none() | st.builds(
    Sight,
    order=orders,
    asked=orders,
    trouble=st.sampled_from(["", "", "", "no answer"]),
    refused=st.none() | st.tuples(orders, st.just("too large")),
    differs_s=st.sampled_from([0.0, 0.0, 0.0, 1.0, 4.0]),
)
names = st.sampled_from(["a", "b", "c", "d"])


def seen_well(sight: Sight | None) -> bool:
    return (
        sight is not None
        and sight.order.is_of_snapshot(ORDER)
        and sight.asked.is_of_snapshot(ORDER)
        and not sight.trouble
        and not sight.differs_s
        and not (sight.refused and sight.refused[0].is_of_snapshot(ORDER))
    )


@given(st.lists(st.tuples(st.floats(0.1, 2), sights), max_size=30))
def test_nothing_is_released_that_was_not_well_without_a_break_for_the_whole_soak(
    told: list[tuple[float, Sight | None]],
) -> None:
    now_s, watch, well_since_s = 0.0, Watch(begun_s=0.0, since_s=0.0), None
    for later_s, sight in told:
        now_s += later_s
        watch = look(watch, ORDER, SOAK_S, sight, now_s)
        if watch.outcome is Outcome.ROLL_BACK:
            assert watch.reason
            return
        well_since_s = (now_s if well_since_s is None else well_since_s) if seen_well(sight) else None
        released = well_since_s is not None and now_s - well_since_s >= SOAK_S
        assert (watch.outcome is Outcome.RELEASE) == released
        if released:
            return


@given(st.floats(0, 100), st.floats(0, 2))
def test_what_does_well_is_released_after_the_soak(start_s: float, serves_after_s: float) -> None:
    watch, now_s = Watch(begun_s=start_s, since_s=start_s), start_s
    while watch.outcome is Outcome.WAIT:
        now_s += 0.5
        sight = replace(WELL, order=ORDER if now_s - start_s > serves_after_s else Order(5, 6, 0))
        watch = look(watch, ORDER, SOAK_S, sight, now_s)
    assert watch.outcome is Outcome.RELEASE
    assert SOAK_S <= now_s - start_s <= SOAK_S + serves_after_s + 1


@pytest.mark.parametrize(
    ("sight", "reason"),
    [
        (replace(WELL, refused=(ORDER, "too large")), "it refused it: too large"),
        (replace(WELL, trouble="no answer"), "it asked itself: no answer"),
        (replace(WELL, differs_s=4.0), "it decided otherwise than the coordinator for 4 s"),
    ],
)
def test_what_is_wrong_is_rolled_back_at_once(sight: Sight, reason: str) -> None:
    watch = look(Watch(begun_s=-9.0, since_s=-9.0), ORDER, SOAK_S, sight, 1.0)
    assert (watch.outcome, watch.reason) == (Outcome.ROLL_BACK, reason)


@pytest.mark.parametrize(
    "sight",
    [
        replace(WELL, order=Order(5, 6, 0), asked=Order(5, 6, 0), trouble="no answer"),
        replace(WELL, refused=(Order(5, 6, 0), "older")),
        replace(WELL, differs_s=2.0),
        replace(WELL, differs_s=60.0),
    ],
)
def test_what_is_wrong_with_another_one_or_only_for_a_moment_so_far_does_not_count(sight: Sight) -> None:
    assert look(Watch(begun_s=0.0, since_s=0.0), ORDER, SOAK_S, sight, 1.0).outcome is Outcome.WAIT


@given(st.floats(0, 20), st.lists(st.tuples(st.floats(0.1, 2), st.booleans()), max_size=20))
def test_that_nobody_watches_counts_from_the_last_one_that_did_or_for_longer_from_when_the_look_began(
    since_s: float, seen: list[tuple[float, bool]]
) -> None:
    attention, now_s, watched_s = Attention(since_s=since_s), since_s, None
    for later_s, is_watched in seen:
        now_s += later_s
        attention = attention.seen(now_s, is_watched=is_watched)
        watched_s = now_s if is_watched else watched_s
    end_s = since_s + FOUND_AFTER_S if watched_s is None else watched_s + UNWATCHED_AFTER_S
    assert attention.is_lost(end_s + 0.01)
    assert not attention.is_lost(end_s - 0.01)


def test_patience_with_one_that_lives_and_does_not_take_it_has_an_end() -> None:
    late_s = PATIENCE_S + SOAK_S + 1
    sight = replace(WELL, order=Order(5, 6, 0))
    assert look(Watch(begun_s=0.0, since_s=0.0), ORDER, SOAK_S, sight, late_s - 2).outcome is Outcome.WAIT
    assert look(Watch(begun_s=0.0, since_s=0.0), ORDER, SOAK_S, sight, late_s).outcome is Outcome.ROLL_BACK
    assert look(Watch(begun_s=0.0, since_s=late_s - 2), ORDER, SOAK_S, sight, late_s).outcome is Outcome.ROLL_BACK


@given(st.dictionaries(names, st.booleans()), st.none() | names, st.integers(0, 20))
def test_one_connected_dns_server_is_first_unless_it_is_alone(
    servers: dict[str, bool], wanted: str | None, soak_s: int
) -> None:
    rollout = begin(9, RolloutSettings(soak_s=soak_s, first=wanted), servers)
    assert rollout.revision == 9
    connected = sorted(name for name, is_connected in servers.items() if is_connected)
    if soak_s == 0 or len(servers) < 2 or not connected:
        assert (rollout.stage, rollout.first) == (Stage.RELEASED, "")
        return
    assert (rollout.stage, rollout.soak_s) == (Stage.TRIAL, soak_s)
    assert rollout.first == (wanted if wanted in connected else connected[0])


@given(st.dictionaries(names, st.booleans(), min_size=2))
def test_the_choice_is_everywhere_the_same(servers: dict[str, bool]) -> None:
    assume(any(servers.values()))
    turned = dict(reversed(servers.items()))
    assert begin(1, RolloutSettings(), servers) == begin(1, RolloutSettings(), turned)
