"""A watch on a part of etcd that goes on through lost connections, dead members and new leaders.

It resumes after the last commit it gave, so that none is missing and none comes twice. A commit's events stay together:
what arrives in fragments is held back until the commit is whole.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from itertools import groupby

from gslb.core.errors import StoreUnavailable
from gslb.etcdpb.v3 import etcd_pb2 as pb
from gslb.runtime.backoff import Backoff
from gslb.store.base import Compacted
from gslb.store.etcd.client import CALL_S, Client
from gslb.store.etcd.endpoint import Stream
from gslb.store.etcd.faults import Failed, Fault
from gslb.store.etcd.methods import WATCH

Commit = tuple[pb.Event, ...]
_REFUSALS = 2
"""In a row, from when on a watch is given up; the first may have been a token that had run out."""


class Refused(Exception):
    """etcd ended the watch, not the stream."""


async def watch(client: Client, key: bytes, range_end: bytes, after_revision: int) -> AsyncGenerator[Commit, None]:
    """Commits after `after_revision`, until the client is closed. Raises Compacted, and StoreUnavailable if refused."""
    backoff, refused = Backoff(first_s=0.05, most_s=1.0), 0
    while not client.closed.is_set():
        try:
            async with client.stream(WATCH) as stream:
                await _begin(stream, key, range_end, after_revision)
                backoff.reset()
                refused = 0
                commits = Commits(after_revision)
                while True:
                    for commit in commits.add(_checked(await stream.read())):
                        yield commit
                        after_revision = commit[0].kv.mod_revision
        except Refused as error:
            client.logged_out()
            refused += 1
            if refused == _REFUSALS:
                raise StoreUnavailable(f"etcd refuses to watch: {error}") from error
        except Failed:
            await client.pause(backoff.delay_s())
        except StoreUnavailable:
            if not client.closed.is_set():
                raise


class Commits:
    """Puts what a watch brings together to whole commits, each later than the last."""

    def __init__(self, after_revision: int) -> None:
        self._after = after_revision
        self._held: list[pb.Event] = []

    def add(self, response: pb.WatchResponse) -> Sequence[Commit]:
        """The commits that this response completes."""
        events = self._held + [event for event in response.events if event.kv.mod_revision > self._after]
        whole = [tuple(commit) for _, commit in groupby(events, key=lambda event: event.kv.mod_revision)]
        self._held = list(whole.pop()) if response.fragment and whole else []
        if whole:
            self._after = whole[-1][0].kv.mod_revision
        return whole


async def _begin(
    stream: Stream[pb.WatchRequest, pb.WatchResponse], key: bytes, range_end: bytes, after_revision: int
) -> None:
    create = pb.WatchCreateRequest(key=key, range_end=range_end, start_revision=after_revision + 1, fragment=True)
    try:
        async with asyncio.timeout(CALL_S):
            await stream.write(pb.WatchRequest(create_request=create))
            _checked(await stream.read())
    except TimeoutError as error:
        raise Failed(Fault.UNKNOWN, "no answer to a watch") from error


def _checked(response: pb.WatchResponse) -> pb.WatchResponse:
    """A watch ends by a response on a stream that stays open."""
    if response.compact_revision:
        raise Compacted(f"events before revision {response.compact_revision} are no longer kept: list again")
    if response.canceled:
        raise Refused(response.cancel_reason or "without a reason")
    return response
