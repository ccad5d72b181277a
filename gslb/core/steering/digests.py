"""The digest of a decision: a sum of marks, one for each thing in it, so that a small change costs little.

Marks are 128-bit BLAKE2b of a canonical text; they are added modulo 2^128, so order does not matter and a part can be
taken out again. It tells decisions apart that differ by accident; it is no protection against an adversary.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

from gslb.core.decision import Addresses, LastResort, NoData, Outcome, PoolKey, Pools, PoolState, ServFail
from gslb.core.directives import Latch, Override
from gslb.core.steering.outline import Unit

BYTES = 16
EMPTY = bytes(BYTES)
_MODULUS = 1 << 8 * BYTES

Mark = int


def adjust(digest: bytes, *, out: Iterable[Mark] = (), into: Iterable[Mark] = ()) -> bytes:
    """`digest` with some marks taken out and some put in; an empty decision's is all zeros."""
    total = int.from_bytes(digest, "big") - sum(out) + sum(into)
    return (total % _MODULUS).to_bytes(BYTES, "big")


def pool_mark(key: PoolKey, state: PoolState) -> Mark:
    members = (
        f"{member.member} {member.verdict:d} {member.cause.octet if member.cause is not None else '-'} "
        f"{member.serving:d} {_override(member.override)} {_latch(member.latch)}"
        for member in state.members
    )
    vectors = (f"{level:d} {shares}" for level, shares in sorted(state.vectors.items()))
    return _mark("pool", key.pool, key.monitor, key.family, *members, *vectors)


def rows_text(outcomes: tuple[Outcome, ...]) -> str:
    """What `unit_mark` needs of a row; the same for services that share it."""
    distinct = {id(outcome): outcome for outcome in outcomes}
    texts = {number: _outcome(outcome) for number, outcome in distinct.items()}
    return _hash("\n".join([texts[id(outcome)] for outcome in outcomes])).hex()


def unit_mark(unit: Unit, texts: Iterable[str], down: bool) -> Mark:
    """Of services that are steered alike. `texts`: of their rows, family by family."""
    return _mark("unit", unit.mark, *unit.families, *texts, f"{down:d}")


def _outcome(outcome: Outcome) -> str:
    match outcome:
        case Pools(level, shares):
            return f"{level:d} {shares}"
        case LastResort(level, pool):
            return f"last resort {level:d} {pool}"
        case Addresses(addresses):
            return f"addresses {' '.join(map(str, addresses))}"
        case NoData():
            return "nodata"
        case ServFail():
            return "servfail"


def _override(override: Override | None) -> str:
    if override is None:
        return "-"
    times = (override.since_unix_s, override.until_unix_s)
    return repr((str(override.scope), str(override.action), override.who, override.why, times))


def _latch(latch: Latch | None) -> str:
    return f"{latch.revision} {latch.down_unix_s} {latch.up_unix_s} {latch.step}" if latch is not None else "-"


def _mark(*parts: str) -> Mark:
    return int.from_bytes(_hash("\n".join(parts)), "big")


def _hash(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=BYTES).digest()
