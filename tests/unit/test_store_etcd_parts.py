"""Parts of the etcd client that need no etcd: commits from fragments, what failures mean, tokens, leading."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gslb.etcdpb.v3 import etcd_pb2 as pb
from gslb.store.etcd.faults import Failed, Fault, judge, no_connection
from gslb.store.etcd.keys import Keys, range_end
from gslb.store.etcd.login import Session
from gslb.store.etcd.options import Login
from gslb.store.etcd.watching import Commits
from gslb.store.leadership import Leadership

SIZES = st.lists(st.integers(1, 4), min_size=1, max_size=8)
"""Events of each commit."""


def make_events(sizes: list[int]) -> list[pb.Event]:
    pairs = ((revision, number) for revision, size in enumerate(sizes, start=1) for number in range(size))
    return [pb.Event(kv=pb.KeyValue(key=f"{number}".encode(), mod_revision=revision)) for revision, number in pairs]


@given(sizes=SIZES, cuts=st.lists(st.integers(0, 32), max_size=6))
def test_however_it_is_fragmented_commits_come_whole_once_and_in_order(sizes: list[int], cuts: list[int]) -> None:
    events = make_events(sizes)
    ends = [*sorted(min(cut, len(events)) for cut in cuts), len(events)]
    commits, seen = Commits(0), []
    for start, end in zip([0, *ends], ends, strict=False):
        seen += commits.add(pb.WatchResponse(events=events[start:end], fragment=end < len(events)))
    assert [len(commit) for commit in seen] == sizes
    assert [event for commit in seen for event in commit] == events


@given(sizes=SIZES, after=st.integers(0, 8))
def test_what_was_seen_does_not_come_again(sizes: list[int], after: int) -> None:
    seen = Commits(after).add(pb.WatchResponse(events=make_events(sizes)))
    assert [commit[0].kv.mod_revision for commit in seen] == list(range(after + 1, len(sizes) + 1))


@pytest.mark.parametrize(
    ("code", "text", "fault"),
    [
        (grpc.StatusCode.UNAVAILABLE, "etcdserver: no leader", Fault.NOT_DONE),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "etcdserver: too many requests", Fault.NOT_DONE),
        (grpc.StatusCode.UNAVAILABLE, "etcdserver: rpc not supported for learner", Fault.NOT_DONE),
        (grpc.StatusCode.FAILED_PRECONDITION, "etcdserver: rpc not supported for learner", Fault.NOT_DONE),
        (grpc.StatusCode.UNAVAILABLE, "etcdserver: leader changed", Fault.UNKNOWN),
        (grpc.StatusCode.UNAVAILABLE, "etcdserver: request timed out", Fault.UNKNOWN),
        (grpc.StatusCode.UNAVAILABLE, "Socket closed", Fault.UNKNOWN),
        (grpc.StatusCode.DEADLINE_EXCEEDED, "", Fault.UNKNOWN),
        (grpc.StatusCode.UNAUTHENTICATED, "etcdserver: invalid auth token", Fault.LOGGED_OUT),
        (grpc.StatusCode.INVALID_ARGUMENT, "etcdserver: revision of auth store is old", Fault.LOGGED_OUT),
        (grpc.StatusCode.OUT_OF_RANGE, "etcdserver: mvcc: required revision has been compacted", Fault.COMPACTED),
        (grpc.StatusCode.PERMISSION_DENIED, "etcdserver: permission denied", Fault.REFUSED),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "etcdserver: mvcc: database space exceeded", Fault.REFUSED),
    ],
)
def test_what_a_failure_means(code: grpc.StatusCode, text: str, fault: Fault) -> None:
    failed = judge(grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), text))
    assert failed.fault is fault
    assert text in str(failed)


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("SSL_ERROR_SSL: OPENSSL_internal:CERTIFICATE_VERIFY_FAILED: unable to get local issuer", "--etcd-ca"),
        ("UNAUTHENTICATED: Hostname Verification Check failed.", "for another name"),
        ("UNAVAILABLE: ipv4:127.0.0.1:2379: Socket closed", "it may want TLS: --etcd-ca"),
    ],
)
def test_why_there_is_no_connection_is_said_in_words_of_ours_too(said: str, hint: str) -> None:
    failed = no_connection(said)
    assert failed.fault is Fault.NOT_DONE
    assert said in str(failed)
    assert hint in str(failed)


class Hung:
    """An endpoint that is asked for tokens and never answers."""

    def __init__(self) -> None:
        self.asked = 0

    async def call(self, method: object, request: object, metadata: object, timeout_s: float) -> object:
        self.asked += 1
        try:
            async with asyncio.timeout(timeout_s):
                await asyncio.Event().wait()
        except TimeoutError:
            raise Failed(Fault.UNKNOWN, "no answer") from None


async def test_of_many_who_wait_for_a_token_none_waits_for_the_time_of_those_before_it() -> None:
    hung, session, callers = Hung(), Session(Login(user="aya", password="opensesame")), 20
    outcomes = await asyncio.gather(
        *(session.metadata(hung, 0.05) for _ in range(callers)),
        return_exceptions=True,
    )
    assert {getattr(outcome, "fault", outcome) for outcome in outcomes} == {Fault.NOT_DONE}
    assert hung.asked < callers / 2


@given(prefix=st.text(max_size=8), other=st.text(max_size=8))
def test_a_range_holds_what_begins_with_its_start_and_nothing_else(prefix: str, other: str) -> None:
    keys = Keys("aya")
    start, key = keys.dump(prefix.encode(errors="replace").decode()), keys.dump(other.encode(errors="replace").decode())
    assert (start <= key < range_end(start)) is key.startswith(start)
    assert keys.dump(keys.load(key)) == key


def test_leadership_ends_by_the_clock_and_does_not_come_back() -> None:
    now = 100.0
    leadership = Leadership("election/e", 7, until_s=106.0, clock=lambda: now)
    assert leadership.fence == {"election/e": 7}
    now = 105.0
    leadership.prolong(111.0)
    assert (leadership.is_held(), leadership.left_s) == (True, 6.0)
    now = 111.0
    assert (leadership.is_held(), leadership.left_s) == (False, 0.0)
    leadership.prolong(200.0)
    assert not leadership.is_held()
