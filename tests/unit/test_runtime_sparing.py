"""Strangers cannot fill a disk with log lines."""

from __future__ import annotations

from gslb.runtime.sparing import MOST_A_SECOND, Sparing


def test_so_many_a_second_and_no_more() -> None:
    now_s = 5.2
    sparing = Sparing(lambda: now_s)
    assert [sparing.may() for _ in range(MOST_A_SECOND + 5)] == [True] * MOST_A_SECOND + [False] * 5
    now_s = 5.9
    assert not sparing.may()
    now_s = 6.0
    assert sparing.may()
