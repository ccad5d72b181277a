"""One probe from start to end: resolve, check the policy, ask, and give whatever happens a name."""

from __future__ import annotations

import asyncio
from copy import copy
from dataclasses import dataclass, replace

from gslb.core.errors import GslbError
from gslb.core.facts import Cause
from gslb.core.health import Result
from gslb.core.model import IPNetwork
from gslb.runtime.clock import monotonic_s
from gslb.runtime.logs import get_logger
from site_agent import policy
from site_agent.policy import ProbeDenied
from site_agent.probe.base import Probe, ProbeFailed, failure
from site_agent.probe.connection import Connection
from site_agent.race import first_of
from site_agent.resolve import NameFailed, Resolver
from site_agent.schedule import DOUBT_APART_MS, DOUBT_TRIES

LATE_MS = 250
"""A time-out that fires this late was measured by a loop that stood still."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What to ask. `host`: address or name; `allow`: what the policy would refuse, but may not here. `only`: the
    bounds of what may be probed at all.

    `in_doubt`: one more failure may change the verdict, so ask again if no answer comes.
    """

    probe: Probe
    host: str
    timeout_ms: int
    allow: tuple[IPNetwork, ...]
    kept: Connection | None
    in_doubt: bool = False
    only: tuple[IPNetwork, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The probe counts. `took_s`: how long it took; `connection`: of a good answer, still open."""

    result: Result
    took_s: float
    connection: Connection | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """Never sent: the policy refuses the address."""

    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Abandoned:
    """Says nothing about the target: `reason` is `late` or `resources`, a counter's label."""

    reason: str


Outcome = Ended | Denied | Abandoned


async def attempt(question: Question, resolver: Resolver) -> Outcome:
    """Never raises but when cancelled."""
    begun_s, first = monotonic_s(), iter([question])
    if not question.in_doubt:
        return await _ask(question, resolver, begun_s)
    return await first_of(
        DOUBT_TRIES,
        min(DOUBT_APART_MS, question.timeout_ms / 4) / 1000,
        lambda: _ask(next(first, None) or _again(question), resolver, begun_s),
        decides=lambda outcome: isinstance(outcome, Ended) and outcome.result.cause is not Cause.TIMEOUT,
        drop=_drop,
    )


def _again(question: Question) -> Question:
    """For another try beside the first, with a connection and words of its own."""
    return replace(question, probe=copy(question.probe), kept=None)


def _drop(outcome: Outcome) -> None:
    if isinstance(outcome, Ended) and outcome.connection is not None:
        outcome.connection.close()


async def _ask(question: Question, resolver: Resolver, begun_s: float) -> Outcome:
    """Ask once; the time-out counts from `begun_s`."""
    question.probe.waiting_for = "address of the name"
    try:
        async with asyncio.timeout(begun_s + question.timeout_ms / 1000 - monotonic_s()):
            address = await resolver.resolve(question.host)
            policy.check(address, question.allow, question.only)
            answer = await question.probe.ask(address, question.kept)
    except (GslbError, OSError) as error:
        return _unanswered(error, question, begun_s)
    except Exception as error:
        # One kind of probe with a defect must not stop the others.
        log = get_logger("agent")
        log.exception("probe failed in an unforeseen way", host=question.host)
        return _ended(Cause.OTHER, f"cannot be probed: {error}", begun_s)
    return _ended(Cause.OK, answer.detail, begun_s, answer.connection)


def _unanswered(error: GslbError | OSError, question: Question, begun_s: float) -> Outcome:
    match error:
        case ProbeDenied():
            return Denied(detail=str(error))
        case NameFailed():
            return _ended(Cause.NAME, str(error), begun_s)
        case ProbeFailed():
            return _ended(error.cause, error.detail, begun_s)
        case TimeoutError(errno=None):
            return _timed_out(question, begun_s)
        case OSError():
            named = failure(error)
            return _ended(named.cause, named.detail, begun_s) if named is not None else Abandoned(reason="resources")
        case _:
            return _ended(Cause.OTHER, str(error), begun_s)


def _timed_out(question: Question, begun_s: float) -> Outcome:
    if monotonic_s() - begun_s > (question.timeout_ms + LATE_MS) / 1000:
        return Abandoned(reason="late")
    detail = f"no {question.probe.waiting_for} within {question.timeout_ms} ms"
    return _ended(Cause.TIMEOUT, detail, begun_s)


def _ended(cause: Cause, detail: str, begun_s: float, connection: Connection | None = None) -> Ended:
    ended_s = monotonic_s()
    result = Result(cause=cause, detail=detail, begun_ms=int(begun_s * 1000), ended_ms=int(ended_s * 1000))
    return Ended(result=result, took_s=ended_s - begun_s, connection=connection)
