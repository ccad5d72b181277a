"""Two levels of buckets are never stricter than one bucket a limit, and little more generous."""

from __future__ import annotations

from collections import Counter
from ipaddress import ip_address

from hypothesis import given
from hypothesis import strategies as st

from gslb.core.answering.buckets import PER_ANSWER
from gslb.core.answering.limit import Limit, Limiter, Limits, Subject
from gslb.core.answering.source import Client, Transport
from gslb.core.model import RateLimit

SUBJECTS = (Subject(Limit.ANSWERS, (1,), b"\x01a\0"), Subject(Limit.ANSWERS, (28,), b"\x01a\0"), Subject(Limit.ERRORS))
rates = st.integers(1, 6)
limits = st.builds(
    RateLimit,
    answers=rates,
    nxdomain=rates,
    errors=rates,
    client=st.integers(1, 12),
    slip=st.just(2),
    exempt=st.just(()),
)
asked = st.lists(st.tuples(st.integers(0, 3) | st.integers(0, 400), st.sampled_from(SUBJECTS)), max_size=150)


@given(limits, asked)
def test_two_levels_limit_what_one_would_and_no_more(said: RateLimit, asked: list[tuple[int, Subject]]) -> None:
    limiter, ready = Limiter(3), Limits.of(said)
    levels: Counter[Subject] = Counter()
    let_out: Counter[Limit] = Counter()
    now_ms = 0
    for later_ms, subject in asked:
        now_ms += later_ms
        client = Client(ip_address("192.0.2.1"), Transport.UDP, now_ms)
        whole = Subject(Limit.CLIENT)
        for one in (*SUBJECTS, whole):
            levels[one] = max(0, levels[one] - later_ms * ready.rates[one.limit])
        limited = limiter.judge(ready, client, subject) if limiter.notice(ready, client) else None
        if limited is not None:
            exceeded = whole if limited.limit is Limit.CLIENT else subject
            assert levels[exceeded] >= ready.rates[exceeded.limit] * PER_ANSWER
            if exceeded is whole:  # what it is about had room for it, and it took that
                levels[subject] += PER_ANSWER
        else:
            let_out[Limit.CLIENT] += 1
            levels.update({subject: PER_ANSWER, whole: PER_ANSWER})
    # A second's worth at once, what drained, and the least limit's worth before anybody looked and in between
    free = ready.least * (2 + now_ms / 1000)
    assert let_out[Limit.CLIENT] <= said.client * (1 + now_ms / 1000) + free + 1
