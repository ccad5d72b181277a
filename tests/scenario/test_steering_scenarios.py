"""Steering told as text, one file a subject: what happens, and who gets what. The events: `support/steering.py`.

Below a `when`, `CLIENT FAMILY -> OUTCOME` is a row of the decision for the service www, `POOL FAMILY -> LEVEL MEMBERS`
what a pool's members share at its best level, `alarm -> yes` that `all_down` is in force. Shares are in percent.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from textwrap import indent

import pytest
from support.steering import WWW, Story, percents, sections, tell

from gslb.core.decision import Addresses, Bindings, LastResort, NoData, Outcome, Pools, shares_of
from gslb.core.model import Family
from gslb.core.steering.pools import best_level

FOLDER = Path(__file__).parent / "steering"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.txt")), ids=lambda path: path.stem)
def test_scenario(path: Path) -> None:
    parts = sections(path.read_text())
    expected = [f"{title}\n{indent(lines, '  ')}" for title, lines in parts.items() if title.startswith("when ")]
    assert list(replayed(parts)) == expected


def replayed(parts: dict[str, str]) -> Iterator[str]:
    """The `when` sections again, with what really came out."""
    story = tell(parts)
    for title, lines in parts.items():
        if not title.startswith("when "):
            continue
        story.happen(title.removeprefix("when ").split(", "))
        questions = [line.partition("->")[0].rstrip() for line in lines.splitlines()]
        answers = "\n".join(f"{question} -> {shown(story, question)}" for question in questions)
        yield f"{title}\n{indent(answers, '  ')}"


def shown(story: Story, question: str) -> str:
    if question == "alarm":
        return "yes" if WWW in story.decision.down else "no"
    who, family = question.split()
    if who in story.clients:
        (service,) = (service for service in story.snapshot.model.services if service.name == WWW)
        return show(story.decision.rows[WWW, Family(family)][story.classed(who)], service.bindings)
    key = next(key for key in story.decision.pools if key.pool == who and key.family == family)
    vectors = story.decision.pools[key].vectors
    level = best_level(vectors)
    return "nothing" if level is None else f"{level.name.lower()} {percents(vectors[level])}"


def show(outcome: Outcome, bindings: Bindings) -> str:
    match outcome:
        case Pools(level) | LastResort(level):
            return f"{level.name.lower()} {percents(shares_of(outcome, bindings))}"
        case Addresses(addresses):
            return f"addresses {', '.join(map(str, addresses))}"
        case NoData():
            return "nodata"
        case _:
            return "servfail"
