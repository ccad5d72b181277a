"""DNS cookies: the vectors of RFC 9018 appendix A, times, secrets and lengths, on both engines."""

from __future__ import annotations

import struct
from ipaddress import ip_address

import dns.edns
import dns.message
import dns.rcode
import pytest
from support.dnsworld import CONFIG, make_snapshot, make_view, query_for, view
from support.nativeworld import Native

from dns_server import _native
from gslb.core.answering.answer import Answered, answer
from gslb.core.answering.cookies import Outcome
from gslb.core.answering.identity import Identity
from gslb.core.answering.siphash import siphash
from gslb.core.answering.source import Client, Transport
from gslb.core.answering.view import View

SECRET, OLDER = bytes.fromhex("e5e973e5a6b2a43f48e7dc849e37bfcf"), bytes.fromhex("dd3bdf9344b678b185a6f5cb60fca715")
CLIENT_COOKIE = bytes.fromhex("2464c4abcf10c957")
NOW_S = 1559731985
SERVER_COOKIE = bytes.fromhex("010000005cf79f111f8130c3eee29480")
ADDRESS = "198.51.100.100"


@pytest.fixture(scope="module")
def native() -> Native:
    return Native(view())


class Asked:
    """One packet, answered by both engines alike."""

    def __init__(
        self, native: Native, packet: bytes, address: str = ADDRESS, now_s: int = NOW_S, secrets: tuple[bytes, ...] = ()
    ) -> None:
        secrets = secrets or (SECRET,)
        client = Client(ip_address(address), Transport.UDP, unix_s=now_s)
        result = answer(packet, client, view(), 0, identity=Identity(secrets=secrets))
        answerer = native.with_identity(secrets=secrets)
        assert isinstance(result, Answered)
        assert answerer.answer(packet, client, 0) == result.message
        assert dict(answerer.cookies()) == ({str(result.cookie): 1} if result.cookie else {})
        self.result = result
        self.reply = dns.message.from_wire(result.message)

    @property
    def cookie(self) -> bytes | None:
        found = [option.to_wire() for option in self.reply.options if option.otype == 10]
        assert len(found) <= 1
        return found[0] if found else None


def with_cookie(*cookies: bytes, name: str = "host.example.test") -> bytes:
    query = query_for(name, "A")
    query.use_edns(0, options=[dns.edns.GenericOption(10, cookie) for cookie in cookies])
    return query.to_wire()


def without_question(cookie: bytes | None) -> bytes:
    option = struct.pack("!2H", 10, len(cookie)) + cookie if cookie is not None else b""
    return struct.pack("!6H", 7, 0, 0, 0, 0, 1) + struct.pack("!BHHIH", 0, 41, 1232, 0, len(option)) + option


def test_siphash_of_the_papers_vectors() -> None:
    key, message = bytes(range(16)), bytes(range(64))
    assert siphash(key, b"").hex() == "310e0edd47db6f72"
    assert siphash(key, message[:1]).hex() == "fd67dc93c539f874"
    assert siphash(key, message[:8]).hex() == "6224939a79f5f593"
    assert siphash(key, message[:15]).hex() == "e545be4961ca29a1"
    assert siphash(key, message[:63]).hex() == "724506eb4c328a95"


def test_a_client_without_our_cookie_gets_one(native: Native) -> None:
    """RFC 9018 A.1; the answer itself is given, too (RFC 7873 5.2.3)."""
    asked = Asked(native, with_cookie(CLIENT_COOKIE))
    assert asked.cookie == CLIENT_COOKIE + SERVER_COOKIE
    assert asked.result.cookie is Outcome.NEW
    assert asked.reply.answer


def test_a_cookie_comes_back_until_it_is_half_an_hour_old(native: Native) -> None:
    """RFC 9018 4.3; the renewed one is that of A.2."""
    shown = with_cookie(CLIENT_COOKIE + SERVER_COOKIE)
    kept = Asked(native, shown, now_s=NOW_S + 1800)
    assert (kept.result.cookie, kept.cookie) == (Outcome.VALID, CLIENT_COOKIE + SERVER_COOKIE)
    renewed = Asked(native, shown, now_s=1559734385)
    assert renewed.result.cookie is Outcome.VALID
    assert renewed.cookie == CLIENT_COOKIE + bytes.fromhex("010000005cf7a871d4a564a1442aca77")


def test_reserved_octets_may_hold_anything(native: Native) -> None:
    """RFC 9018 4.2, A.3."""
    client = bytes.fromhex("fc93fc62807ddb86")
    shown = client + bytes.fromhex("01abcdef5cf78f71a314227b6679ebf5")
    asked = Asked(native, with_cookie(shown), "203.0.113.203", 1559734700)
    assert asked.cookie == client + bytes.fromhex("010000005cf7a9acf73a7810aca2381e")


def test_a_cookie_of_the_older_secret_is_taken_and_replaced(native: Native) -> None:
    """RFC 9018 5, A.4."""
    client, newer = bytes.fromhex("22681ab97d52c298"), bytes.fromhex("445536bcd2513298075a5d379663c962")
    address, now_s = "2001:db8:220:1:59de:d0f4:8769:82b8", 1559741961
    shown = client + bytes.fromhex("010000005cf7c57926556bd0934c72f8")
    asked = Asked(native, with_cookie(shown), address, now_s, (newer, OLDER))
    assert asked.result.cookie is Outcome.VALID
    assert asked.cookie == client + bytes.fromhex("010000005cf7c609a6bb79d16625507a")
    assert Asked(native, with_cookie(shown), address, now_s, (newer,)).result.cookie is Outcome.INVALID


@pytest.mark.parametrize(
    ("age_s", "outcome"),
    [
        (-301, Outcome.INVALID),
        (-300, Outcome.VALID),
        (0, Outcome.VALID),
        (3600, Outcome.VALID),
        (3601, Outcome.INVALID),
        (1 << 31, Outcome.INVALID),
    ],
)
def test_a_cookie_is_good_for_an_hour_and_five_minutes_early(native: Native, age_s: int, outcome: Outcome) -> None:
    """RFC 9018 4.3."""
    now_s = (NOW_S + age_s) % (1 << 32)
    asked = Asked(native, with_cookie(CLIENT_COOKIE + SERVER_COOKIE), now_s=now_s)
    assert asked.result.cookie is outcome
    assert asked.reply.answer


def test_seconds_come_round(native: Native) -> None:
    """RFC 9018 4.3 counts as RFC 1982 does: a cookie made before 2106 is good after it."""
    made = Asked(native, with_cookie(CLIENT_COOKIE), now_s=(1 << 32) - 100)
    assert made.cookie is not None
    assert made.cookie[12:16] == b"\xff\xff\xff\x9c"
    assert Asked(native, with_cookie(made.cookie), now_s=100).result.cookie is Outcome.VALID


@pytest.mark.parametrize(
    ("shown", "address"),
    [
        (CLIENT_COOKIE + SERVER_COOKIE, "198.51.100.101"),
        (b"another!" + SERVER_COOKIE, ADDRESS),
        (CLIENT_COOKIE + SERVER_COOKIE[:-1] + b"\x81", ADDRESS),
        (CLIENT_COOKIE + b"\x02" + SERVER_COOKIE[1:], ADDRESS),
        (CLIENT_COOKIE + SERVER_COOKIE[:8], ADDRESS),
        (CLIENT_COOKIE + SERVER_COOKIE * 2, ADDRESS),
    ],
    ids=["other address", "other client cookie", "other hash", "other version", "8 octets", "32 octets"],
)
def test_what_we_did_not_make_for_this_client_is_not_valid(native: Native, shown: bytes, address: str) -> None:
    """RFC 9018 4; the answer is given all the same, with a new cookie (RFC 7873 5.2.4)."""
    asked = Asked(native, with_cookie(shown), address)
    assert asked.result.cookie is Outcome.INVALID
    assert asked.reply.rcode() == dns.rcode.NOERROR
    assert asked.reply.answer
    assert asked.cookie is not None
    assert asked.cookie[:8] == shown[:8]
    assert Asked(native, with_cookie(asked.cookie), address).result.cookie is Outcome.VALID


@pytest.mark.parametrize("length", [0, 1, 7, 9, 15, 41, 64])
def test_other_lengths_are_formerr(native: Native, length: int) -> None:
    """RFC 7873 5.2.2."""
    asked = Asked(native, with_cookie(bytes(length)))
    assert (asked.result.rcode, asked.result.refusal) == (dns.rcode.FORMERR, "cookie")
    assert asked.reply.options == ()


def test_of_several_cookies_the_first_one_counts(native: Native) -> None:
    """RFC 7873 5.2."""
    asked = Asked(native, with_cookie(CLIENT_COOKIE, CLIENT_COOKIE + SERVER_COOKIE, b"bad"))
    assert (asked.result.cookie, asked.cookie) == (Outcome.NEW, CLIENT_COOKIE + SERVER_COOKIE)


@pytest.mark.parametrize(
    ("shown", "rcode"),
    [
        (CLIENT_COOKIE, dns.rcode.NOERROR),
        (CLIENT_COOKIE + SERVER_COOKIE, dns.rcode.NOERROR),
        (CLIENT_COOKIE + bytes(16), dns.rcode.BADCOOKIE),
    ],
)
def test_a_cookie_alone_is_asked_for_without_a_question(native: Native, shown: bytes, rcode: int) -> None:
    """RFC 7873 5.4: the one place where BADCOOKIE is said."""
    asked = Asked(native, without_question(shown))
    assert asked.reply.rcode() == rcode
    assert asked.cookie == CLIENT_COOKIE + SERVER_COOKIE
    assert asked.reply.question == []
    assert asked.reply.answer == []


def test_no_question_and_no_cookie_is_formerr(native: Native) -> None:
    """RFC 9619 4."""
    asked = Asked(native, without_question(None))
    assert (asked.result.rcode, asked.result.refusal) == (dns.rcode.FORMERR, "question count")
    bare = Asked(native, struct.pack("!6H", 7, 0x0100, 0, 0, 0, 0))
    assert bare.result.message == struct.pack("!6H", 7, 0x8101, 0, 0, 0, 0)


@pytest.mark.parametrize("name", ["nothing.example.test", "www.elsewhere.test", "failing.example.test"])
def test_every_reply_to_a_query_with_a_cookie_has_one(native: Native, name: str) -> None:
    """RFC 7873 5.2.3, 5.2.4, 5.2.5."""
    assert Asked(native, with_cookie(CLIENT_COOKIE, name=name)).cookie == CLIENT_COOKIE + SERVER_COOKIE
    assert Asked(native, query_for(name, "A", use_edns=0).to_wire()).cookie is None


def test_without_a_secret_cookies_are_passed_over() -> None:
    answerer = _native.Answerer(None)
    for packet in (with_cookie(CLIENT_COOKIE), without_question(CLIENT_COOKIE)):
        client = Client(ip_address(ADDRESS), Transport.UDP)
        result = answer(packet, client, None, 0)
        assert isinstance(result, Answered)
        assert result.cookie is None
        assert answerer.answer(packet, client, 0) == result.message
        assert all(option.otype != 10 for option in dns.message.from_wire(result.message).options)


@pytest.fixture(scope="module")
def careful() -> tuple[View, Native]:
    """A world that gives little to clients without a cookie."""
    at = make_view(make_snapshot(CONFIG.replace("{rate_limit: off}", "{rate_limit: off, max_nocookie_response: 200}")))
    return at, Native(at)


@pytest.mark.parametrize(
    ("cookie", "tcp", "whole"),
    [
        (b"", False, False),
        (CLIENT_COOKIE, False, False),
        (CLIENT_COOKIE + SERVER_COOKIE, False, True),
        (b"", True, True),
    ],
    ids=["without", "new", "valid", "tcp"],
)
@pytest.mark.parametrize("name", ["host.example.test", "example.test", f"{'x' * 63}.{'y' * 40}.example.test"])
def test_clients_without_a_cookie_get_no_more_than_max_nocookie_response(
    careful: tuple[View, Native], cookie: bytes, tcp: bool, whole: bool, name: str
) -> None:
    at, native = careful
    packet = with_cookie(cookie, name=name) if cookie else query_for(name, "A", use_edns=0).to_wire()
    client = Client(ip_address(ADDRESS), Transport.TCP if tcp else Transport.UDP, unix_s=NOW_S)
    result = answer(packet, client, at, 0, identity=Identity(secrets=(SECRET,)))
    assert isinstance(result, Answered)
    said = native.with_identity(secrets=(SECRET,)).answer(packet, client, 0)
    assert said == result.message
    assert len(result.message) <= 200 or whole
    unlimited = answer(packet, client, view(), 0, identity=Identity(secrets=(SECRET,)))
    assert isinstance(unlimited, Answered)
    assert not unlimited.truncated
    assert (len(unlimited.message) > 200) == name.startswith("x")
    assert result.truncated == (name.startswith("x") and not whole)
