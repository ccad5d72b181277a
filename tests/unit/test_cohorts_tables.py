"""Cohorts and tables: the numbers every implementation must find, and how even they are."""

from __future__ import annotations

import math
from collections import Counter
from hashlib import sha256

import pytest

from gslb.core.decision import WHOLE, Shares
from gslb.core.names import Name
from gslb.core.steering import cohorts
from gslb.core.steering.cohorts import COHORTS, draw, mix, salt, tabulate, winners
from gslb.core.steering.shares import scale

WWW = Name.from_text("www.gslb.example.com")
PREFIXES = range(0x0A0000, 0x0A0000 + 10_000)


def within_error(counts: Counter[str], shares: Shares, tries: int) -> bool:
    """Whether every count is within five standard deviations, of drawing prefixes and of drawing the table."""
    for name, share in shares:
        p = share / WHOLE
        sigma = math.sqrt(p * (1 - p) * (1 / tries + 1 / COHORTS))
        if abs(counts[name] / tries - p) > 5 * sigma:
            return False
    return True


@pytest.mark.parametrize(
    "weights",
    [
        (("eu", 95), ("next", 5)),
        (("a", 1), ("b", 1), ("c", 1)),
        (("a", 1), ("b", 2), ("c", 3), ("d", 4)),
        tuple((f"m{number}", 1 + number % 3) for number in range(20)),
    ],
)
def test_ten_thousand_prefixes_see_the_configured_weights(weights: Shares) -> None:
    shares, key = scale(weights), salt(WWW, 7)
    draws = [draw(prefix, 4, key) for prefix in PREFIXES]
    assert within_error(Counter(winners(shares, one.pool)[0] for one in draws), shares, len(draws))
    assert within_error(Counter(winners(shares, one.member)[0] for one in draws), shares, len(draws))


def test_members_are_shared_alike_among_the_clients_of_each_pool() -> None:
    pools, members, key = scale((("eu", 3), ("us", 1))), scale((("m1", 1), ("m2", 1))), salt(WWW, 7)
    draws = [draw(prefix, 6, key) for prefix in PREFIXES]
    for pool in ("eu", "us"):
        own = [one for one in draws if winners(pools, one.pool)[0] == pool]
        assert within_error(Counter(winners(members, one.member)[0] for one in own), members, len(own))


def test_table_is_closer_to_the_shares_than_independent_draws_would_be() -> None:
    off = []
    for number in range(40):
        table = tabulate(scale(((f"canary{number}", 5), (f"stable{number}", 95))))
        off.append(sum(1 for best in table if best == (0,)) / COHORTS - 0.05)
    assert math.sqrt(sum(value**2 for value in off) / len(off)) < 0.8 * math.sqrt(0.05 * 0.95 / COHORTS)


def test_services_do_not_share_their_canaries() -> None:
    shares, other = scale((("canary", 5), ("stable", 95))), Name.from_text("shop.gslb.example.com")
    canaries = [
        {prefix for prefix in PREFIXES if winners(shares, draw(prefix, 4, key).pool)[0] == "canary"}
        for key in (salt(WWW, 7), salt(other, 7), salt(WWW, 8))
    ]
    for one, another in ((0, 1), (0, 2)):
        common = len(canaries[one] & canaries[another])
        assert common < len(canaries[one]) / 5


def test_versions_and_prefixes_fall_into_different_cohorts() -> None:
    key = salt(WWW, 7)
    assert len({draw(prefix, 4, key) for prefix in PREFIXES}) > 9_990
    assert sum(draw(prefix, 4, key) == draw(prefix, 6, key) for prefix in PREFIXES) < 5


def test_one_name_wins_everywhere() -> None:
    assert set(tabulate((("only", WHOLE),))) == {(0,)}
    assert set(tabulate((("only", WHOLE),), 3)) == {(0,)}


def test_several_picks_are_distinct_and_begin_with_the_winner() -> None:
    shares = scale((("a", 1), ("b", 5), ("c", 3)))
    for first, two, three in zip(tabulate(shares), tabulate(shares, 2), tabulate(shares, 9), strict=True):
        assert first == two[:1]
        assert two == three[:2]
        assert sorted(three) == [0, 1, 2]


def test_all_answers_begin_with_the_cohorts_own() -> None:
    shares = scale((("a", 1), ("b", 5), ("c", 3)))
    for cohort in range(COHORTS):
        names = winners(shares, cohort, 0)
        assert names[0] == winners(shares, cohort)[0]
        assert sorted(names) == ["a", "b", "c"]


def test_equal_scores_go_to_the_first_name() -> None:
    ties = 0
    for number in range(20):
        row = ((f"a{number}", 1), (f"b{number}", 1))
        one, other = (cohorts._strata(name) for name, _ in row)
        tied = [cohort for cohort in range(COHORTS) if one[cohort] == other[cohort]]
        assert all(tabulate(row)[cohort] == (0,) for cohort in tied)
        ties += len(tied)
    assert ties


def test_mix_is_the_published_finaliser() -> None:
    """First outputs of SplitMix64 from state 0 add the golden gamma before each step."""
    gamma = 0x9E3779B97F4A7C15
    assert [mix(gamma), mix(2 * gamma % (1 << 64))] == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4]


def test_tables_are_pinned() -> None:
    """What any other implementation must find too: changing it would move clients."""
    shares = scale((("eu", 70), ("next", 5), ("us", 25)))
    table = bytes(index for best in tabulate(shares, 2) for index in best)
    draws = b"".join(
        bytes.fromhex(f"{one.pool:04x}{one.member:04x}")
        for one in (draw(prefix, version, salt(WWW, 42)) for prefix in range(64) for version in (4, 6))
    )
    assert sha256(table).hexdigest() == "6aeb57ff7472d941ded3b6b6fb3fb0c3e3c84cb2c883c1fb34072eff11d7ea8b"
    assert sha256(draws).hexdigest() == "b63e1b52e41fb8636501446c06d8f07387c12a234f811f9d2f4e7fc8e0709901"
