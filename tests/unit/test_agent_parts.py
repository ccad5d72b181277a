"""The agent's small parts: schedule, boot counter, self-check, assignments, evidence, turnstile."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace
from pathlib import Path

import pytest
from support.agents import target
from support.monitors import HTTP, monitor, tcp_monitor

from gslb.api.v1 import health_pb2 as pb
from gslb.codec.facts import dump_order
from gslb.codec.monitors import dump_monitor, dump_target
from gslb.core import health as machine
from gslb.core.errors import InvalidSnapshot
from gslb.core.facts import Cause, Verdict
from gslb.core.health import Health, Result
from gslb.core.layouts import Layout
from gslb.core.order import Order
from site_agent import schedule
from site_agent.assignment import load_assignment
from site_agent.boot import next_boot
from site_agent.report import ITEMS_PER_MESSAGE, Seen, describe, evidence
from site_agent.selfcheck import SICK_FOR_MS, SICK_LAG_MS, Outlook, SelfCheck, is_timing_out_together
from site_agent.turnstile import Turnstile

# Schedule


def test_the_first_round_takes_half_a_second() -> None:
    due = [schedule.first_due_ms(index, 2000, 2000, 10_000) for index in range(2000)]
    assert due == sorted(due)
    assert (due[0], due[-1]) == (10_000, 10_499)


def test_the_first_round_is_no_longer_than_the_interval() -> None:
    assert schedule.first_due_ms(99, 100, 200, 0) == 198


def test_turns_are_spread_evenly_over_the_interval() -> None:
    due = sorted(schedule.next_due_ms(schedule.phase(i, 0.3), 2000, 100_000, 0.5) for i in range(1000))
    gaps = [later - earlier for earlier, later in itertools.pairwise(due)]
    assert max(gaps) <= 6  # evenly would be 2
    assert 1990 <= due[-1] - due[0] <= 2000


def test_turns_come_every_interval_give_or_take_the_jitter() -> None:
    for chance in (0.0, 0.5, 0.999):
        now_ms, turns = 0, []
        for _ in range(50):
            now_ms = schedule.next_due_ms(0.7, 2000, now_ms, chance)
            turns.append(now_ms)
        gaps = {later - earlier for earlier, later in itertools.pairwise(turns)}
        assert gaps == {2000}
        assert turns[0] == 1400 + round((2 * chance - 1) * 100)


def test_an_extra_probe_does_not_move_the_schedule() -> None:
    regular = schedule.next_due_ms(0.0, 2000, 10_000, 0.5)
    assert regular == 12_000
    assert schedule.next_due_ms(0.0, 2000, 10_900, 0.5) == 12_000
    assert schedule.next_due_ms(0.0, 2000, 11_100, 0.5) == 14_000  # so soon after an extra one it would say nothing new


# Boot


def test_the_boot_number_rises_with_every_start(tmp_path: Path) -> None:
    file = tmp_path / "agent" / "here.a.boot"
    first = next_boot(file, 1000)
    assert first == 1000
    assert next_boot(file, 1000) == 1001
    assert next_boot(file, 500) == 1002  # the clock stepped back
    file.unlink()
    assert next_boot(file, 2000) == 2000  # the folder was lost
    file.write_text("garbage")
    assert next_boot(file, 3000) == 3000
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_without_a_folder_the_clock_counts() -> None:
    assert next_boot(None, 1234) == 1234


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "agent").write_text("in the way")
    with pytest.raises(OSError):
        next_boot(tmp_path / "agent" / "here.a.boot", 1)


# Self-check


def outlook(targets: int, *since_ms: int) -> Outlook:
    return Outlook(targets=targets, timeouts_since_ms=since_ms)


@pytest.mark.parametrize(
    ("seen", "together"),
    [
        (outlook(0), False),
        (outlook(2, 0, 1), False),  # fewer than three say nothing
        (outlook(3, 0, 1, 2), True),
        (outlook(5, 0, 1, 2), True),
        (outlook(6, 0, 1, 2), False),  # half is not most
        (outlook(4, 0, 5_000, 10_000), True),
        (outlook(4, 0, 5_000, 10_001), False),  # one by one
        (outlook(5, 900_000, 0, 900_001, 900_002), True),
    ],
)
def test_most_targets_of_the_own_site_timing_out_together(seen: Outlook, together: bool) -> None:
    assert is_timing_out_together([seen]) is together


WELL, DARK = outlook(4), outlook(4, 0, 100, 200)


@pytest.mark.parametrize(
    ("seen", "together"),
    [
        ([], False),
        ([WELL, DARK], False),  # one of two sites is lost: that is news, not an illness
        ([WELL, WELL, DARK], False),
        ([DARK, DARK], True),
        ([WELL, DARK, DARK], True),
        ([WELL, WELL, DARK, DARK], False),
        ([WELL, outlook(1, 0), outlook(1, 10), outlook(1, 20)], True),
        ([WELL, outlook(1, 0), outlook(1, 10)], False),  # fewer than three targets
        ([DARK, outlook(4, 9_800, 9_900, 10_000)], True),
        ([DARK, outlook(4, 10_300, 10_400, 10_500)], False),  # not together
        ([outlook(4, 0, 100), outlook(4, 0, 100)], False),  # half of each
        ([WELL, outlook(100, *range(90))], False),  # however large the lost site is
    ],
)
def test_most_targets_of_most_sites_timing_out_together(seen: list[Outlook], together: bool) -> None:
    assert is_timing_out_together(seen) is together
    assert is_timing_out_together(seen[::-1]) is together


def test_sickness_outlasts_its_symptoms() -> None:
    check = SelfCheck()

    def sick(now_ms: int, lag_ms: int = 0, timeouts: tuple[int, ...] = ()) -> bool:
        return check.is_sick(now_ms=now_ms, lag_ms=lag_ms, outlooks=[outlook(4, *timeouts)])

    assert not sick(0, SICK_LAG_MS - 1)
    assert sick(1000, SICK_LAG_MS)
    assert sick(1000 + SICK_FOR_MS - 1)
    assert not sick(1000 + SICK_FOR_MS)
    assert sick(50_000, timeouts=(1, 2, 3))


# Assignments


def message(**changed: object) -> pb.Assignment:
    layout = Layout(site="here", targets=(target("10.0.0.1"), target("10.0.0.2")))
    made = pb.Assignment(
        order=dump_order(Order(1, 2, 3)),
        layout=layout.digest,
        targets=[dump_target(one) for one in layout.targets],
        monitors=[dump_monitor(monitor(HTTP))],
        probe_allow=["10.0.0.0/8"],
    )
    made.MergeFrom(pb.Assignment(**changed))
    return made


def test_an_assignment_is_loaded() -> None:
    assignment = load_assignment(message(), "here")
    assert assignment.order == Order(1, 2, 3)
    assert [one.address for one in assignment.layout.targets] == ["10.0.0.1", "10.0.0.2"]
    assert assignment.monitors["web"] == monitor(HTTP)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (message(layout=bytes(8)), "not what its targets"),
        (message(targets=[pb.Target(endpoint="x", monitor="web", address="10.0.0.3")]), "not what its targets"),
        (message(probe_allow=["10.0.0.0/33"]), "probe_allow"),
        (message(monitors=[dump_monitor(monitor(HTTP, name="x", interval_ms=1))]), "monitor 'x'"),
        (message(monitors=[dump_monitor(monitor(HTTP, name="x", fall=0))]), "monitor 'x'"),
        (message(monitors=[pb.Monitor(name="x")]), "kind"),
    ],
)
def test_a_bad_assignment_is_refused(wrong: pb.Assignment, reason: str) -> None:
    with pytest.raises(InvalidSnapshot, match=reason):
        load_assignment(wrong, "here")


def test_an_assignment_for_another_site_is_refused() -> None:
    with pytest.raises(InvalidSnapshot, match="'there'"):
        load_assignment(message(), "there")


def test_a_missing_monitor_and_a_double_target_are_refused() -> None:
    layout = Layout(site="here", targets=(target(monitor="nope"),))
    lacking = pb.Assignment(layout=layout.digest, targets=[dump_target(one) for one in layout.targets])
    with pytest.raises(InvalidSnapshot, match="lacks the monitor 'nope'"):
        load_assignment(lacking, "here")
    twice = Layout(site="here", targets=(target(), target()))
    double = message()
    del double.targets[:]
    double.targets.extend(dump_target(one) for one in twice.targets)
    double.layout = twice.digest
    with pytest.raises(InvalidSnapshot, match="twice"):
        load_assignment(double, "here")


# Evidence


def health(*causes: Cause) -> Health:
    found = machine.begin(0)
    for turn, cause in enumerate(causes):
        result = Result(cause=cause, detail=f"{cause.name.lower()}!", begun_ms=turn, ended_ms=turn)
        found = machine.observe(found, tcp_monitor(), result)
    return found


@pytest.mark.parametrize(
    ("found", "clause"),
    [
        (machine.begin(0), "not probed yet"),
        (health(Cause.OK), "ok!"),
        (health(Cause.OK, Cause.TIMEOUT), "timeout!; 1 of 2 failures"),
        (health(Cause.REFUSED), "refused!"),
        (health(Cause.REFUSED, Cause.OK), "refused!; answers again, 1 of 3"),
        (health(Cause.REFUSED, Cause.OK, Cause.OK, Cause.OK), "ok!"),
        (machine.lose(health(Cause.OK), tcp_monitor(), 9), "connection lost, being confirmed"),
        (machine.deny(health(Cause.OK), "not allowed", 9), "not allowed"),
    ],
)
def test_evidence_is_one_clause(found: Health, clause: str) -> None:
    assert describe(found, tcp_monitor()) == clause


def test_evidence_goes_in_parts() -> None:
    one = Seen(index=0, health=health(Cause.OK), rules=tcp_monitor(), latency_us=7, probed_ms=40)
    many = [replace(one, index=index) for index in range(ITEMS_PER_MESSAGE + 1)]
    first, second = evidence(b"12345678", many, 50)
    assert [*first.targets, *second.targets] == list(range(ITEMS_PER_MESSAGE + 1))
    ages_ms = second.verdict_ages_ms[0], second.probe_ages_ms[0]
    assert (second.latencies_us[0], ages_ms, second.flaps[0]) == (7, (50, 10), 0)
    assert second.layout == b"12345678"


def test_evidence_says_each_clause_once() -> None:
    up = Seen(index=0, health=health(Cause.OK), rules=tcp_monitor(), latency_us=7, probed_ms=40)
    down = replace(up, health=health(Cause.REFUSED))
    seen = [replace(one, index=index) for index, one in enumerate((up, down, down, up))]
    (message,) = evidence(b"12345678", seen, 50)
    assert [message.texts[number] for number in message.details] == [describe(one.health, one.rules) for one in seen]
    assert len(message.texts) == 2


WEEK_MS = 7 * 24 * 3_600_000


def test_evidence_is_as_long_when_all_is_down_as_when_all_is_up() -> None:
    up = Health(since_ms=0, verdict=Verdict.UP, cause=Cause.OK, detail="status 200")
    down = replace(up, since_ms=WEEK_MS, verdict=Verdict.DOWN, cause=Cause.REFUSED, detail="refused", falls=(WEEK_MS,))
    lengths = []
    for found in (up, down):
        one = Seen(index=0, health=found, rules=tcp_monitor(), latency_us=900, probed_ms=WEEK_MS)
        many = [replace(one, index=index) for index in range(200)]
        lengths.append(sum(message.ByteSize() for message in evidence(b"12345678", many, WEEK_MS + 1_000)))
    assert lengths[1] == pytest.approx(lengths[0], rel=0.01)


# Turnstile


async def test_so_many_in_one_turn_of_the_loop() -> None:
    turnstile, passed = Turnstile(at_once=100, a_turn=3), []

    async def pass_through(number: int) -> None:
        async with turnstile:
            passed.append(number)

    async with asyncio.TaskGroup() as tasks:
        for number in range(10):
            tasks.create_task(pass_through(number))
        lengths = []
        while len(passed) < 10:
            await asyncio.sleep(0)
            lengths.append(len(passed))
    assert passed == list(range(10))
    assert max(later - earlier for earlier, later in itertools.pairwise(lengths)) <= 3


async def test_so_many_at_once_and_a_cancelled_one_gives_its_place_back() -> None:
    turnstile, inside, leave = Turnstile(at_once=2, a_turn=1), [], asyncio.Event()

    async def stay(number: int) -> None:
        async with turnstile:
            inside.append(number)
            await leave.wait()

    tasks = [asyncio.create_task(stay(number)) for number in range(4)]
    await settle()
    assert inside == [0, 1]
    tasks[0].cancel()
    tasks[2].cancel()
    await settle()
    assert inside == [0, 1, 3]
    leave.set()
    await asyncio.wait(tasks)
    async with asyncio.timeout(1):
        await asyncio.gather(stay(4), stay(5))


async def settle() -> None:
    """Let everything that is ready run."""
    for _ in range(20):
        await asyncio.sleep(0)
