"""Rate limits of both engines: what counts together, what is let through, what slips, who is never limited.

No RFC says how; slip and the ceiling are what other servers do, so that true clients ask again over TCP (RFC 7766 5).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address, ip_network

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import pytest
from support.dnsworld import DETROIT, LONDON, RESOLVER, query_for, view, world
from support.nativeworld import Native

from dns_server import _native
from gslb.core.answering.answer import Answered, Dropped, answer
from gslb.core.answering.buckets import PER_ANSWER, WAYS, Buckets
from gslb.core.answering.cookies import make
from gslb.core.answering.identity import Identity
from gslb.core.answering.limit import Action, Limit, Limited, Limiter
from gslb.core.answering.source import Client, Transport
from gslb.core.answering.view import build_view
from gslb.core.model import DnsSettings, RateLimit
from gslb.core.steering.cohorts import mix

SEED = 11
SECRET, CLIENT_COOKIE = b"0123456789abcdef", b"a client"
ROOMY = RateLimit(answers=1000, nxdomain=1000, errors=1000, client=1000, slip=2, exempt=())


class Asker:
    """Asks one thread of a dns server, of each engine, which say the same.

    What became of each answer is counted in `seen`, None = went out as it was. `limit` None: nobody is limited.
    """

    def __init__(self, limit: RateLimit | None, threads: int = 1) -> None:
        limited = replace(world(), model=replace(world().model, dns=DnsSettings(rate_limit=limit)))
        self.view = build_view(limited).with_decision(view().decision)
        self.limiter = Limiter(SEED, threads)
        self.native = _native.Answerer(Native(self.view).decision, SEED, threads, secrets=(SECRET,))
        self.seen: Counter[Limited | None] = Counter()

    def ask(
        self,
        name: str = "host.example.test",
        rrtype: str = "A",
        subnet: str | None = None,
        *,
        client: str = RESOLVER,
        at_ms: int = 0,
        tcp: bool = False,
    ) -> Answered | Dropped:
        return self.send(query_for(name, rrtype, subnet).to_wire(), client=client, at_ms=at_ms, tcp=tcp)

    def send(self, packet: bytes, *, client: str = RESOLVER, at_ms: int = 0, tcp: bool = False) -> Answered | Dropped:
        asker = Client(ip_address(client), Transport.TCP if tcp else Transport.UDP, at_ms)
        result = answer(packet, asker, self.view, 0, self.limiter, Identity(secrets=(SECRET,)))
        said = self.native.answer(packet, asker, 0)
        assert said == (result.message if isinstance(result, Answered) else None)
        self.seen[result.limited] += 1
        return result


def of(limit: Limit, slipped: int, dropped: int) -> dict[Limited | None, int]:
    return {Limited(limit, Action.SLIPPED): slipped, Limited(limit, Action.DROPPED): dropped}


def test_an_answer_is_free_until_its_limit_and_the_prefix_has_its_burst_besides() -> None:
    asker = Asker(replace(ROOMY, answers=10))
    for _ in range(60):
        asker.ask()
    # 10 before the prefix is looked at, 10 of the bucket itself, the rest is too many
    assert asker.seen == {None: 20} | of(Limit.ANSWERS, 20, 20)


def test_buckets_refill_with_time_and_never_beyond_a_second() -> None:
    asker = Asker(replace(ROOMY, answers=10))
    for _ in range(60):
        asker.ask()
    asker.seen.clear()
    for at_ms in range(0, 3001, 50):  # 20 a second: half of them
        asker.ask(at_ms=at_ms)
    assert asker.seen[None] == pytest.approx(30, abs=1)
    asker.seen.clear()
    for _ in range(60):
        asker.ask(at_ms=10_000_000)
    assert asker.seen[None] == 20


@pytest.mark.parametrize("later_ms", [1 << 31, (1 << 32) - 1, 1 << 40, 1 << 63])
def test_times_far_apart_and_times_that_go_back_let_answers_out(later_ms: int) -> None:
    asker = Asker(replace(ROOMY, answers=10))
    for at_ms in (0, later_ms + 5000, 3000):
        asker.seen.clear()
        for _ in range(30):
            asker.ask(at_ms=at_ms)
        assert asker.seen[None] >= 20


def test_what_slips_is_empty_truncated_and_keeps_the_question() -> None:
    asker = Asker(replace(ROOMY, answers=1, slip=1))
    for _ in range(2):
        asker.ask()
    result = asker.ask(subnet=LONDON)
    assert isinstance(result, Answered)
    reply = dns.message.from_wire(result.message)
    assert (reply.answer, reply.authority, reply.additional) == ([], [], [])
    assert reply.flags & dns.flags.TC
    assert reply.question[0].name.to_text() == "host.example.test."
    assert reply.opt is not None
    assert result.truncated
    assert reply.rcode() == dns.rcode.NOERROR


@pytest.mark.parametrize(("slip", "slipped"), [(0, 0), (1, 30), (2, 15), (3, 10)])
def test_one_of_so_many_slips(slip: int, slipped: int) -> None:
    asker = Asker(replace(ROOMY, answers=1, slip=slip))
    for _ in range(32):
        asker.ask()
    assert asker.seen[Limited(Limit.ANSWERS, Action.SLIPPED)] == slipped
    assert asker.seen.total() - asker.seen[None] == 30


def test_a_flood_of_random_names_has_one_limit_a_zone() -> None:
    """NXDOMAIN keeps no state per name."""
    asker = Asker(replace(ROOMY, nxdomain=10))
    for number in range(50):
        asker.ask(f"x{number}.example.test")
    for number in range(15):
        asker.ask(f"x{number}.child.example.test")
    assert asker.seen == {None: 20 + 10} | of(Limit.NXDOMAIN, 15 + 2, 15 + 3)
    assert len(asker.limiter._subjects._sets) <= 3


@pytest.mark.parametrize("above", ["wild", "sub", "dnameout", "alias"])
def test_random_names_below_what_answers_for_them_count_as_one(above: str) -> None:
    asker = Asker(replace(ROOMY, answers=10))
    for number in range(50):
        asker.ask(f"x{number}.{above}.example.test", "TXT")
    assert asker.seen[None] == 20


def test_errors_share_a_limit_whatever_they_are() -> None:
    asker = Asker(replace(ROOMY, errors=10))
    for number in range(20):
        asker.ask(f"x{number}.elsewhere.test")  # REFUSED
        asker.ask("failing.example.test")  # SERVFAIL
        asker.send(b"\x00\x07\x01\x00" + bytes(8))  # FORMERR
    assert asker.seen == {None: 20} | of(Limit.ERRORS, 20, 20)


def test_an_unreadable_packet_slips_as_a_truncated_header() -> None:
    asker = Asker(replace(ROOMY, errors=1, slip=1))
    results = [asker.send(b"\x00\x07\x01\x00" + bytes(8)) for _ in range(3)]
    assert [r.message.hex()[:8] for r in results if isinstance(r, Answered)] == ["00078101", "00078101", "00078301"]


def test_other_questions_and_other_prefixes_have_limits_of_their_own() -> None:
    asker = Asker(replace(ROOMY, answers=10))
    for _ in range(30):
        asker.ask()
    asker.seen.clear()
    for _ in range(5):
        asker.ask(rrtype="TXT")
        asker.ask("mail.example.test")
        asker.ask(client="203.0.112.53")
        asker.ask(client="2001:db8:53::1")
    assert asker.seen == {None: 20}
    asker.ask(client="203.0.113.99")
    assert asker.seen.total() - asker.seen[None] == 1


def test_addresses_of_one_56_share_a_limit() -> None:
    asker = Asker(replace(ROOMY, answers=10))
    for number in range(40):
        asker.ask(client=f"2001:db8:53:{number:x}::{number:x}")
    assert asker.seen[None] == 20


def test_ecs_prefixes_count_apart_only_where_the_answer_depends_on_them() -> None:
    asker = Asker(replace(ROOMY, answers=10))
    for subnet in (LONDON, DETROIT) * 20:
        asker.ask("both.example.test", subnet=subnet)
    assert asker.seen[None] == 10 + 20
    asker = Asker(replace(ROOMY, answers=10))
    for subnet in (LONDON, DETROIT) * 20:
        asker.ask("host.example.test", subnet=subnet)
    assert asker.seen[None] == 10 + 10


def test_the_ceiling_holds_for_everything_together() -> None:
    asker = Asker(replace(ROOMY, client=20))
    names: Iterator[str] = (f"x{number}.example.test" for number in range(1000))
    for rrtype in ("A", "TXT", "AAAA", "MX", "SRV") * 6:
        asker.ask(rrtype=rrtype)
        asker.ask(next(names))
    assert asker.seen == {None: 40} | of(Limit.CLIENT, 10, 10)


def test_exempt_prefixes_and_tcp_are_never_limited() -> None:
    asker = Asker(replace(ROOMY, answers=1, exempt=(ip_network("192.0.2.0/25"), ip_network("2001:db8::/32"))))
    for _ in range(20):
        asker.ask(client="192.0.2.1")
        asker.ask(client="2001:db8::1")
        asker.ask(client="198.51.100.1", tcp=True)
    assert asker.seen == {None: 60}
    for _ in range(3):
        asker.ask(client="192.0.2.200")
    assert asker.seen.total() - asker.seen[None] >= 1


def test_a_valid_cookie_exempts_and_no_other() -> None:
    """RFC 7873 5.2.5: nobody forged the address of who shows it; any other client may be a victim."""
    ours = make(CLIENT_COOKIE, Client(ip_address(RESOLVER), Transport.UDP), SECRET)
    for server, limited in ((ours, 0), (b"", 58), (bytes(16), 58)):
        query = query_for("host.example.test", "A")
        query.use_edns(0, options=[dns.edns.GenericOption(10, CLIENT_COOKIE + server)])
        asker = Asker(replace(ROOMY, answers=1))
        for _ in range(60):
            asker.send(query.to_wire())
        assert asker.seen.total() - asker.seen[None] == limited


def test_threads_share_a_limit_and_each_allows_at_least_one_answer() -> None:
    asker = Asker(replace(ROOMY, answers=10), threads=4)
    for _ in range(30):
        asker.ask()
    assert asker.seen[None] == 3 + 3
    asker = Asker(replace(ROOMY, answers=1), threads=64)
    for _ in range(30):
        asker.ask()
    assert asker.seen[None] == 1 + 1


def test_without_limits_nobody_is_limited() -> None:
    asker = Asker(None)
    for _ in range(100):
        asker.ask()
    assert asker.seen == {None: 100}


def test_whoever_takes_over_a_bucket_finds_it_empty() -> None:
    buckets = Buckets(1)

    def is_full(key: int, now_ms: int) -> bool:
        return not buckets.find(mix(key), now_ms, 1).take(10 * PER_ANSWER, 1)

    assert [is_full(key, key) for key in (1, 2, 3, 4) for _ in range(2)] == [False, True] * WAYS
    assert is_full(1, 5)  # and younger than that of 2 from now on
    assert not is_full(5, 6)
    assert is_full(1, 7)
    assert not is_full(2, 8)
