"""Response rate limiting: sources of UDP packets can be forged, and nobody is to be flooded with our answers.

In two levels, so that ordinary traffic costs next to nothing. Every answer counts in its client prefix's bucket, and
that is all while the prefix gets less than the least of the limits: it can exceed none of them. Beyond that, an answer
must find room in two more buckets, the one of what it is about and the one of all that the prefix gets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from gslb.core.answering.buckets import PER_ANSWER, Buckets, absorb, absorb_octets
from gslb.core.answering.source import Client, Prefixes, network_of
from gslb.core.model import RateLimit

PREFIX_SETS = 1024
SUBJECT_SETS = 4096


class Limit(StrEnum):
    """What may be exceeded, by its key in the configuration."""

    ANSWERS = "answers"
    NXDOMAIN = "nxdomain"
    ERRORS = "errors"
    CLIENT = "client"


class Action(StrEnum):
    SLIPPED = "slipped"
    """Answered empty and truncated, so that a true client asks again over TCP."""
    DROPPED = "dropped"


class Limited(NamedTuple):
    """The limit that an answer exceeded, and what became of it."""

    limit: Limit
    action: Action


@dataclass(frozen=True, slots=True)
class Limits:
    """`RateLimit`, ready for use. `least`: a prefix that gets no more in all exceeds no limit."""

    rates: Mapping[Limit, int]
    least: int
    slip: int
    exempt: Prefixes

    @classmethod
    def of(cls, settings: RateLimit) -> Limits:
        rates = {
            Limit.ANSWERS: settings.answers,
            Limit.NXDOMAIN: settings.nxdomain,
            Limit.ERRORS: settings.errors,
            Limit.CLIENT: settings.client,
        }
        return cls(rates, min(rates.values()), settings.slip, Prefixes.of(settings.exempt))


@dataclass(frozen=True, slots=True)
class Subject:
    """What an answer is about, as far as it counts with others: `words` of 64 bits and a name."""

    limit: Limit
    words: tuple[int, ...] = ()
    name: bytes = b""

    def key(self, prefix: int) -> int:
        """The key of its bucket for a client prefix with that key."""
        key = absorb(prefix, _NUMBERS[self.limit])
        for word in self.words:
            key = absorb(key, word)
        return absorb_octets(key, self.name)


_NUMBERS = {limit: number for number, limit in enumerate(Limit)}
_ALL = Subject(Limit.CLIENT)


class Limiter:
    """The memory of one thread that answers."""

    def __init__(self, seed: int, threads: int = 1) -> None:
        """`seed`: 64 random bits, so that nobody can choose whose bucket he shares.

        `threads`: how many share each limit; an answer costs so many, so that a thread allows its part.
        """
        self._seed = seed
        self._cost = threads * PER_ANSWER
        self._prefixes = Buckets(PREFIX_SETS)
        self._subjects = Buckets(SUBJECT_SETS)

    def notice(self, limits: Limits, client: Client) -> bool:
        """Count an answer that goes to this client; whether its prefix may exceed a limit."""
        bucket = self._prefixes.find(self._key(client), client.now_ms, limits.least)
        return bucket.add(self._cost, limits.least)

    def judge(self, limits: Limits, client: Client, subject: Subject) -> Limited | None:
        """What to do with an answer; None: it goes out."""
        if limits.exempt.cover(client.address.version, int(client.address)):
            return None
        prefix = self._key(client)
        for part in (subject, _ALL):
            rate = limits.rates[part.limit]
            bucket = self._subjects.find(part.key(prefix), client.now_ms, rate)
            if not bucket.take(self._cost, rate):
                return Limited(part.limit, Action.SLIPPED if bucket.slips(limits.slip) else Action.DROPPED)
        return None

    def _key(self, client: Client) -> int:
        return absorb(self._seed, client.address.version << 56 | network_of(client.address))
