"""Token buckets in tables of fixed size: who got how much of late, at the same cost whoever asks.

A key is 64 bits of a seeded hash. Its low bits choose a set of WAYS buckets, its high 32 bits say whose a bucket of the
set is. A key that has none takes over the one that was longest untouched and starts with it empty, so that whoever was
forgotten is answered. The native engine keeps the same tables, so that both decide the same, collisions included.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from gslb.core.steering.cohorts import mix

WAYS = 4
PER_ANSWER = 1000
"""An answer in thousandths: so an answer a second is one of them a millisecond."""
_U32 = (1 << 32) - 1


def absorb(key: int, word: int) -> int:
    """A key that depends on 64 bits more."""
    return mix(key ^ word)


def absorb_octets(key: int, octets: bytes) -> int:
    """The same for octets, eight at a time; the last ones are filled up with zeros."""
    for at in range(0, len(octets), 8):
        key = absorb(key, int.from_bytes(octets[at : at + 8], "little"))
    return key


@dataclass(slots=True)
class Bucket:
    """`level`: thousandths of answers given that have not drained yet, as of `then_ms`, the low 32 bits of a time.

    `refused`: answers refused since the last one that slipped through.
    """

    tag: int = 0
    then_ms: int = 0
    level: int = 0
    refused: int = 0

    def add(self, cost: int, rate: int) -> bool:
        """Count an answer, up to two seconds' worth; whether it is beyond one second's worth."""
        is_beyond = self.level >= rate * PER_ANSWER
        self.level = min(self.level + cost, 2 * rate * PER_ANSWER)
        return is_beyond

    def take(self, cost: int, rate: int) -> bool:
        """Count an answer if less than one second's worth is there; whether it was counted."""
        has_room = self.level < rate * PER_ANSWER
        if has_room:
            self.level += cost
        return has_room

    def slips(self, slip: int) -> bool:
        """Whether this refused answer is the one in `slip` that slips through; never if that is 0."""
        if slip == 0:
            return False
        self.refused += 1
        if self.refused < slip:
            return False
        self.refused = 0
        return True


class Buckets:
    """`sets`: a power of 2. Sets nobody has used yet are not made, which changes nothing."""

    def __init__(self, sets: int) -> None:
        self._mask = sets - 1
        self._sets: defaultdict[int, list[Bucket]] = defaultdict(lambda: [Bucket() for _ in range(WAYS)])

    def find(self, key: int, now_ms: int, rate: int) -> Bucket:
        """The key's bucket, drained by `rate` answers a second until now.

        Times are compared in 32 bits: a bucket untouched for a multiple of 49.7 days may count as touched just now.
        """
        buckets = self._sets[key & self._mask]
        tag, now = key >> 32, now_ms & _U32
        found = next((bucket for bucket in buckets if bucket.tag == tag), None)
        if found is None:
            found = max(buckets, key=lambda bucket: now - bucket.then_ms & _U32)
            found.tag, found.level, found.refused = tag, 0, 0
        found.level = max(0, found.level - (now - found.then_ms & _U32) * rate)
        found.then_ms = now
        return found
