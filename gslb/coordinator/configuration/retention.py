"""How many configurations are kept: as many as were asked for, unless they take too much room.

A short list beside the records says what each one takes, so that nobody reads them all to know.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from pydantic import TypeAdapter

from gslb.store.records import load_json

MAX_REVISIONS = 1_000
"""That can be asked for: the list of them is written with every configuration."""
LEAST = 2
"""Kept whatever they take: the one in force, and the one to go back to."""
MAX_DROPPED = 100
"""By one commit, which has room for few keys; the others go with the next ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`size_bytes`: of records and large inputs together, each input counted once."""

    revisions: int = 100
    size_bytes: int = 512 * 1024**2


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What one configuration takes. `inputs_bytes`: its large inputs; `new_bytes`: those the one before had not."""

    revision: int
    record_bytes: int
    inputs_bytes: int
    new_bytes: int


_KEPT = TypeAdapter(tuple[Kept, ...])


def dump_kept(kept: Sequence[Kept]) -> bytes:
    return _KEPT.dump_json(tuple(kept))


def load_kept(value: bytes) -> tuple[Kept, ...]:
    """Raises StoreUnavailable."""
    return load_json(_KEPT, value, "the list of configurations in the store")


def describe(revision: int, record: bytes, inputs: Mapping[bytes, int], before: Mapping[bytes, int]) -> Kept:
    """`inputs`, `before`: sizes of large inputs by digest, of this configuration and of the one before."""
    return Kept(
        revision=revision,
        record_bytes=len(record),
        inputs_bytes=sum(inputs.values()),
        new_bytes=sum(size for digest, size in inputs.items() if digest not in before),
    )


def total_bytes(kept: Sequence[Kept]) -> int:
    """What they take at most: an input that went and came back counts twice."""
    if not kept:
        return 0
    return kept[0].inputs_bytes + sum(one.record_bytes for one in kept) + sum(one.new_bytes for one in kept[1:])


def over(kept: Sequence[Kept], limits: Limits) -> int:
    """How many of `kept`, the oldest first, have to go."""
    for count in range(min(len(kept) - LEAST, MAX_DROPPED) + 1):
        left = kept[count:]
        if len(left) <= limits.revisions and total_bytes(left) <= limits.size_bytes:
            return count
    return max(0, min(len(kept) - LEAST, MAX_DROPPED))


def leaves_inputs(kept: Sequence[Kept], count: int) -> bool:
    """Whether the first `count` of `kept` have inputs that those after them have not taken over."""
    return any(gone.inputs_bytes > left.inputs_bytes - left.new_bytes for gone, left in pairwise(kept[: count + 1]))
