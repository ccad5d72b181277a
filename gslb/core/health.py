"""The health machine: results of probes in, a verdict out. All counting and damping lives here, probes only report.

One `Health` per target. Every function takes the state it had, and returns the state it has now. Times are monotonic
milliseconds of whoever runs the machine. The rules are gdnsd's, with faster defaults:

- The first result decides where there is no verdict yet, and only there.
- `fall` failures make DOWN. They need not follow each other; `ok` successes in a row forget them. Until then a failure
  asks for the next probe at once.
- `rise` successes in a row lead from DOWN to RECOVERING, or to UP where `hold_ms` is 0. The first success after the
  hold-down makes UP. A failure during the hold-down starts it anew and counts towards `fall` as in UP.
- The hold-down doubles with every fall of the last 15 minutes, up to 300 s: damped is only the way up.
- Settings that change keep the verdict and forget the counts, so one result under new settings decides nothing.

Crash watch: when the connection of the last good probe is lost, confirming probes follow 25 ms apart. Two refusals or
resets at least 40 ms apart make DOWN whatever `fall` says. A confirming probe that succeeds counts for nothing; from
the second in a row on, the watch then ignores losses for a while that doubles, so that a server which likes to close
connections costs little. Any other failure counts as usual and ends the confirmation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from gslb.core.facts import Cause, State, Verdict
from gslb.core.monitors import Monitor

FLAP_WINDOW_MS = 15 * 60 * 1000
MOST_HOLD_MS = 300_000
CONFIRM_MS = 25
REFUSALS_APART_MS = 40
# A retry waits as long as two refusals must be apart: sooner, it would see the same instant twice.
RETRY_MS = REFUSALS_APART_MS
MOST_QUIET_MS = 300_000
MOST_FALLS = 100

_REFUSALS = frozenset({Cause.REFUSED, Cause.RESET})
_SERVES = frozenset({Verdict.UP, Verdict.RECOVERING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How one probe ended: `cause` OK or the kind of failure, `detail` one clause for people."""

    cause: Cause
    detail: str
    begun_ms: int
    ended_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """The crash watch. `lost_ms`: when the connection was lost whose loss is being confirmed, None = none is.

    `refused_ms`: the first refusal of this confirmation. `closes`: harmless losses in a row; until `quiet_until_ms`
    further losses are ignored.
    """

    lost_ms: int | None = None
    refused_ms: int | None = None
    closes: int = 0
    quiet_until_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What is known of one target.

    `since_ms`: since when the verdict stands. `cause`, `detail`: the last result's, but while DOWN the last failure's;
    `cause_since_ms`: since when that cause. `failures`, `successes`: counted towards the next change. `falls`: when it
    went down within the flap window. `soon_ms`: when the next probe is wanted, None = when the schedule says.
    """

    since_ms: int
    verdict: Verdict = Verdict.UNKNOWN
    cause: Cause = Cause.NONE
    cause_since_ms: int = 0
    detail: str = "not probed yet"
    failures: int = 0
    successes: int = 0
    hold_until_ms: int = 0
    falls: tuple[int, ...] = ()
    watch: Watch = Watch()
    soon_ms: int | None = None

    @property
    def state(self) -> State:
        """What the report says of this target."""
        return State(self.verdict, self.cause)

    @property
    def is_confirming(self) -> bool:
        """Whether a lost connection is being confirmed."""
        return self.watch.lost_ms is not None

    @property
    def is_in_doubt(self) -> bool:
        """Whether a single failure may change the verdict, so that the next probe had better be thorough."""
        return not self.is_confirming and (self.verdict is Verdict.UNKNOWN or self.failures > 0)

    def flaps(self, now_ms: int) -> int:
        """How often it went down in the last 15 minutes."""
        return sum(now_ms - fall < FLAP_WINDOW_MS for fall in self.falls)


def begin(now_ms: int) -> Health:
    """A target never probed."""
    return Health(since_ms=now_ms)


def observe(health: Health, rules: Monitor, result: Result) -> Health:
    """Count one result. Returns the same object when nothing has changed."""
    lost_ms = health.watch.lost_ms
    if lost_ms is None:
        return _count(health, rules, result)
    if result.begun_ms < lost_ms:
        return health  # it set out before the loss, so it says nothing about the time after it
    return _confirm(health, rules, result)


def lose(health: Health, rules: Monitor, now_ms: int) -> Health:
    """The watched connection was lost: ask for confirming probes, unless that happens routinely or changes nothing."""
    quiet_until_ms = health.watch.quiet_until_ms
    is_quiet = quiet_until_ms is not None and now_ms < quiet_until_ms
    if not rules.crash or is_quiet or health.is_confirming or health.verdict not in _SERVES:
        return health
    return replace(health, watch=replace(health.watch, lost_ms=now_ms, refused_ms=None), soon_ms=now_ms)


def change(health: Health) -> Health:
    """The monitor's settings changed: verdict, evidence and flaps stay, counting starts afresh."""
    return replace(health, failures=0, successes=0, watch=Watch(), soon_ms=None)


def deny(health: Health, detail: str, now_ms: int) -> Health:
    """The agent may not probe this target (any more): nothing is known of it."""
    if health.state == State(Verdict.UNKNOWN, Cause.DENIED) and health.detail == detail:
        return health
    return Health(since_ms=now_ms, cause=Cause.DENIED, cause_since_ms=now_ms, detail=detail, falls=health.falls)


def _confirm(health: Health, rules: Monitor, result: Result) -> Health:
    """A result while a lost connection is being confirmed."""
    watch = health.watch
    if result.cause is Cause.OK:
        return replace(health, watch=_backed_off(watch, rules, result.ended_ms), soon_ms=None)
    if result.cause not in _REFUSALS:
        return _count(replace(health, watch=replace(watch, lost_ms=None)), rules, result)
    if watch.refused_ms is None:
        watch = replace(watch, refused_ms=result.ended_ms)
    elif result.ended_ms - watch.refused_ms >= REFUSALS_APART_MS:
        return _down(health, result)
    return replace(health, watch=watch, soon_ms=max(result.begun_ms + CONFIRM_MS, result.ended_ms))


def _backed_off(watch: Watch, rules: Monitor, now_ms: int) -> Watch:
    """Quiet from the second harmless loss in a row: before the first, a dying process may have taken one more probe."""
    closes = watch.closes + 1
    quiet_ms = min(MOST_QUIET_MS, rules.interval_ms << min(closes - 1, 20)) if closes > 1 else 0
    return Watch(closes=closes, quiet_until_ms=now_ms + quiet_ms)


def _count(health: Health, rules: Monitor, result: Result) -> Health:
    if result.cause is Cause.OK:
        return _succeed(_rearm(health, rules, result.ended_ms), rules, result)
    return _fail(health, rules, result)


def _rearm(health: Health, rules: Monitor, now_ms: int) -> Health:
    """Forget harmless losses once an armed watch has lasted a whole interval."""
    quiet_until_ms = health.watch.quiet_until_ms
    if quiet_until_ms is None or now_ms < quiet_until_ms + rules.interval_ms:
        return health
    return replace(health, watch=Watch())


def _succeed(health: Health, rules: Monitor, result: Result) -> Health:
    now_ms, successes = result.ended_ms, health.successes + 1
    if health.verdict is Verdict.UNKNOWN:
        return _turn(health, Verdict.UP, result)
    if health.verdict is Verdict.DOWN:
        if successes < rules.rise:
            return replace(health, successes=successes, soon_ms=None)
        return _recover(health, rules, result)
    if health.failures:
        forgotten = successes >= rules.ok
        health = replace(health, failures=0 if forgotten else health.failures, successes=0 if forgotten else successes)
    if health.verdict is Verdict.RECOVERING and now_ms >= health.hold_until_ms:
        return replace(_because(health, result), verdict=Verdict.UP, since_ms=now_ms)
    return _because(health, result)


def _recover(health: Health, rules: Monitor, result: Result) -> Health:
    hold_ms = _hold_ms(health, rules, result.ended_ms)
    turned = _turn(health, Verdict.RECOVERING if hold_ms else Verdict.UP, result)
    return replace(turned, hold_until_ms=result.ended_ms + hold_ms)


def _hold_ms(health: Health, rules: Monitor, now_ms: int) -> int:
    """How long a recovery must last: configured for the first fall, twice as long for every further one."""
    doublings = min(max(health.flaps(now_ms) - 1, 0), 20)
    return min(rules.hold_ms << doublings, max(MOST_HOLD_MS, rules.hold_ms))


def _fail(health: Health, rules: Monitor, result: Result) -> Health:
    if health.verdict is Verdict.UNKNOWN:
        return _turn(health, Verdict.DOWN, result)
    if health.verdict is Verdict.DOWN:
        return replace(_because(health, result), successes=0)
    if health.failures + 1 >= rules.fall:
        return _down(health, result)
    failed = replace(
        _because(health, result),
        failures=health.failures + 1,
        successes=0,
        soon_ms=result.ended_ms + RETRY_MS,
    )
    if failed.verdict is Verdict.RECOVERING:
        failed = replace(failed, hold_until_ms=result.ended_ms + _hold_ms(failed, rules, result.ended_ms))
    return failed


def _down(health: Health, result: Result) -> Health:
    now_ms = result.ended_ms
    recent = tuple(fall for fall in health.falls if now_ms - fall < FLAP_WINDOW_MS)
    return replace(_turn(health, Verdict.DOWN, result), falls=(*recent, now_ms)[-MOST_FALLS:])


def _turn(health: Health, verdict: Verdict, result: Result) -> Health:
    """Another verdict: counts start afresh."""
    watch = replace(health.watch, lost_ms=None, refused_ms=None)
    because = _because(health, result)
    return replace(because, verdict=verdict, since_ms=result.ended_ms, failures=0, successes=0, watch=watch)


def _because(health: Health, result: Result) -> Health:
    """The evidence of the last result; what was asked for has been done. The same object when nothing is new."""
    if health.cause is result.cause and health.detail == result.detail and health.soon_ms is None:
        return health
    since_ms = health.cause_since_ms if health.cause is result.cause else result.ended_ms
    return replace(health, cause=result.cause, cause_since_ms=since_ms, detail=result.detail, soon_ms=None)
