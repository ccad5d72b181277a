"""Answers by service and pool over many snapshots: the sum is exact, few are named, and no number ever falls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence, Set

from hypothesis import given
from hypothesis import strategies as st

from dns_server.engines.answers import Answers, Ledger, Pair, Reading
from gslb.core.names import Name

NAMES = [Name.from_text(f"s{number}.test") for number in range(4)]
PAIRS: list[Pair] = [(name, pool) for name in NAMES for pool in (None, "eu")]
MOST = 3

steps = st.lists(
    st.one_of(
        st.tuples(st.just("count"), st.sampled_from(PAIRS)),
        st.tuples(st.just("late"), st.sampled_from(PAIRS)),
        st.tuples(st.just("read"), st.none()),
        st.tuples(st.just("finish"), st.none()),
        st.tuples(st.just("follow"), st.frozensets(st.sampled_from(NAMES))),
    ),
    max_size=60,
)


class Counts:
    """A tally, before and after it is retired: a worker may still count in it until it is final."""

    def __init__(self, names: frozenset[Name]) -> None:
        self.names = names
        self.counts: Counter[Pair] = Counter()
        self.final = False
        self.pairs: Sequence[Pair] = ()

    def count(self, pair: Pair) -> int:
        """How many answers that was."""
        if self.final or pair[0] not in self.names:
            return 0
        self.counts[pair] += 1
        return 1

    def known(self, pairs: Set[Pair]) -> Set[Pair]:
        return {pair for pair in pairs if pair[0] in self.names}

    def read(self, pairs: Sequence[Pair], others: int) -> Reading:
        left = [item for item in self.counts.most_common() if item[0] not in pairs]
        more = max(0, len(left) - others)
        return Reading(self.counts.total(), [self.counts[pair] for pair in pairs], left[:others], more)

    def retire(self, pairs: Sequence[Pair]) -> RetiredCounts:
        return RetiredCounts(self, pairs)


class RetiredCounts:
    def __init__(self, counts: Counts, pairs: Sequence[Pair]) -> None:
        self._counts = counts
        self._pairs = pairs

    def is_final(self) -> bool:
        return self._counts.final

    def read(self) -> tuple[int, Sequence[int]]:
        return self._counts.counts.total(), [self._counts.counts[pair] for pair in self._pairs]


@given(steps)
def test_sums_are_exact_and_nothing_falls(steps: list[tuple[str, object]]) -> None:
    ledger = Ledger(MOST)
    tallies = [Counts(frozenset(NAMES))]
    ledger.follow(tallies[0])
    asked, before = 0, Answers(named={}, other=0, folded=0)
    for step, what in [*steps, ("read", None)]:
        match step, what:
            case "count", (Name() as name, pool):
                asked += tallies[-1].count((name, pool))
            case "late", (Name() as name, pool) if len(tallies) > 1:
                asked += tallies[-2].count((name, pool))
            case "finish", _:
                for tally in tallies[:-1]:
                    tally.final = True
            case "follow", frozenset() as names:
                tallies.append(Counts(names))
                ledger.follow(tallies[-1])
                before = Answers(
                    named={pair: count for pair, count in before.named.items() if pair[0] in names}, other=0, folded=0
                )
            case "read", _:
                now = ledger.read()
                assert now.total == asked
                assert len(now.named) <= MOST
                assert all(count <= now.named[pair] for pair, count in before.named.items())
                assert now.other >= before.other
                assert now.folded == len(tallies[-1].counts.keys() - now.named.keys())
                before = now


def test_those_asked_for_most_are_named_first() -> None:
    ledger, tally = Ledger(2), Counts(frozenset(NAMES))
    ledger.follow(tally)
    for number, pair in enumerate(PAIRS):
        tally.counts[pair] = number
    assert ledger.read() == Answers(named={PAIRS[7]: 7, PAIRS[6]: 6}, other=15, folded=6)
    tally.counts[PAIRS[0]] = 100
    assert ledger.read() == Answers(named={PAIRS[7]: 7, PAIRS[6]: 6}, other=115, folded=6)


def test_a_pair_that_comes_late_starts_where_the_sum_left_it() -> None:
    ledger, tally = Ledger(1), Counts(frozenset(NAMES))
    ledger.follow(tally)
    tally.counts.update({PAIRS[0]: 5, PAIRS[4]: 3})
    assert ledger.read() == Answers(named={PAIRS[0]: 5}, other=3, folded=1)
    rest = Counts(frozenset(NAMES[2:]))
    tally.final = True
    ledger.follow(rest)
    rest.counts[PAIRS[4]] = 2
    assert ledger.read() == Answers(named={PAIRS[4]: 2}, other=8, folded=0)
