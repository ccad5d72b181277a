"""What goes to the coordinators about each target: its octet in the register, and the evidence behind it for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gslb.api.v1 import health_pb2 as pb
from gslb.core.facts import Verdict
from gslb.core.health import Health
from gslb.core.monitors import Monitor

ITEMS_PER_MESSAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """All that is known of one target. `index`: its place in the layout. `probed_ms`: when its last probe ended."""

    index: int
    health: Health
    rules: Monitor
    latency_us: int
    probed_ms: int


def evidence(layout: bytes, seen: Sequence[Seen], now_ms: int) -> Iterator[pb.Evidence]:
    """Evidence about these targets, in messages of a size that does not hold up the event loop."""
    for start in range(0, len(seen), ITEMS_PER_MESSAGE):
        part = seen[start : start + ITEMS_PER_MESSAGE]
        clauses = [describe(one.health, one.rules) for one in part]
        texts = {clause: number for number, clause in enumerate(dict.fromkeys(clauses))}
        yield pb.Evidence(
            layout=layout,
            targets=[one.index for one in part],
            texts=texts,
            details=[texts[clause] for clause in clauses],
            latencies_us=[one.latency_us for one in part],
            verdict_ages_ms=[max(0, now_ms - one.health.since_ms) for one in part],
            probe_ages_ms=[max(0, now_ms - one.probed_ms) for one in part],
            flaps=[one.health.flaps(now_ms) for one in part],
        )


def describe(health: Health, rules: Monitor) -> str:
    """One clause for people: what the last probe met, and how far the next change of verdict is."""
    if health.is_confirming:
        return "connection lost, being confirmed"
    if health.verdict is Verdict.DOWN and health.successes:
        return f"{health.detail}; answers again, {health.successes} of {rules.rise}"
    if health.verdict is not Verdict.DOWN and health.failures:
        return f"{health.detail}; {health.failures} of {rules.fall} failures"
    return health.detail
