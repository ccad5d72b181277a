"""The client's process as this program has it: what it asked, and what it heard."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from itertools import takewhile

import dns.edns
import dns.message

from chaos import asker
from chaos.judge import Answer, Judged, Question, judge, read
from chaos.truth import Truth


@dataclass(slots=True, kw_only=True)
class Listening:
    """`heard`: since it was last emptied, in the order in which it came or was given up. `servers`: names."""

    truth: Truth
    servers: Sequence[str]
    questions: Sequence[Question]
    heard: list[Answer] = field(default_factory=list)
    _latest: dict[tuple[str, str], Answer] = field(default_factory=dict)

    def latest(self, site: str) -> list[frozenset[str]]:
        """What each dns server said last of all members to clients of this site; empty where nothing good came."""
        now_s = time.monotonic()
        asked = [server for server in self.servers if not self.truth.is_away(server, now_s, now_s)]
        found = (self._latest.get((server, site)) for server in asked)
        return [frozenset(read(one.reply[2:])[1]) if one is not None and one.reply else frozenset() for one in found]

    def judged(self, from_s: float = 0.0) -> list[Judged]:
        """What was asked from then on, by what is known of the truth now."""
        since = takewhile(lambda answer: answer.received_s >= from_s, reversed(self.heard))
        found = [judge(answer, self.truth) for answer in since if answer.sent_s >= from_s]
        return [one for one in reversed(found) if one is not None]

    async def listen(self, stream: asyncio.StreamReader) -> None:
        while True:
            try:
                head = await stream.readexactly(asker.RECORD.size)
                server, question, tcp, sent_s, received_s, size = asker.RECORD.unpack(head)
                reply = await stream.readexactly(size)
            except asyncio.IncompleteReadError:
                return
            answer = Answer(
                dns_server=self.servers[server],
                question=self.questions[question],
                tcp=bool(tcp),
                sent_s=sent_s,
                received_s=received_s,
                reply=reply or None,
            )
            self.heard.append(answer)
            if answer.question.every:
                self._latest[answer.dns_server, answer.question.sites[0]] = answer


@asynccontextmanager
async def listening(
    addresses: Mapping[str, str], questions: Sequence[Question], truth: Truth
) -> AsyncIterator[Listening]:
    """Ask all the time until the context ends. `addresses`: of dns servers, by name."""
    told = {"servers": list(addresses.values()), "queries": [query(one).hex() for one in questions]}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "chaos.asker", stdin=PIPE, stdout=PIPE, limit=2**20
    )
    assert process.stdin is not None
    assert process.stdout is not None
    made = Listening(truth=truth, servers=tuple(addresses), questions=questions)
    process.stdin.write(json.dumps(told).encode() + b"\n")
    task = asyncio.create_task(made.listen(process.stdout))
    try:
        yield made
    finally:
        process.kill()
        await process.wait()
        await task


def query(question: Question) -> bytes:
    network = IPv4Network(question.client)
    option = dns.edns.ECSOption(str(network.network_address), network.prefixlen)
    return dns.message.make_query(question.name, "A", use_edns=0, options=[option]).to_wire()
