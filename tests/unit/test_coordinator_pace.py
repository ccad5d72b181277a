"""A lying agent can say that its members go up and down; it cannot keep everybody busy with it."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.coordinators import DOWN, UP, coordinator
from support.hubs import Clock
from support.waiting import until

from gslb.coordinator.relay import pace
from gslb.coordinator.relay.pace import A_SECOND, BURST, Pace


def test_a_burst_is_read_at_once_and_then_so_many_a_second() -> None:
    clock = Clock()
    steps = Pace(clock)
    assert [steps.step() for _ in range(BURST)] == pytest.approx([0.0] * BURST)
    clock.now_s += steps.step()
    for _ in range(50):
        wait_s = steps.step()
        assert wait_s == pytest.approx(1 / A_SECOND)
        clock.now_s += wait_s
    clock.now_s += BURST / A_SECOND
    assert [steps.step() for _ in range(BURST)] == pytest.approx([0.0] * BURST)


def test_who_reports_as_agents_do_never_waits() -> None:
    clock = Clock()
    steps = Pace(clock)
    for _ in range(3 * BURST):
        assert not steps.step()
        clock.now_s += 0.01


async def test_who_reports_too_often_is_made_to_wait_and_heard_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "A_SECOND", 5.0)
    monkeypatch.setattr(pace, "BURST", 1)
    async with coordinator(tmp_path) as running:
        await running.applied()
        async with running.agent("us/a1") as agent:
            for number in range(5):
                await agent.report(DOWN if number % 2 else UP, UP)
            await until(lambda: running.count("reports_total", site="us", outcome="merged") == 5)
        assert running.count("reports_held_up_total", site="us") > 0
