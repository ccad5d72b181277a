"""Explanations as people read them: after some events, a client's way to its answer. Events: `support/steering.py`.

A section is `explain CLIENT FAMILY after EVENTS`, below it one line a step: `what: text -> shares`.
"""

from __future__ import annotations

from pathlib import Path
from textwrap import indent

import pytest
from support.steering import Story, percents, sections, tell

from gslb.core.model import Family
from gslb.core.steering.cohorts import draw, salt
from gslb.core.steering.explain import ExplainStep, explain

HERE = Path(__file__).parent


@pytest.mark.parametrize("story", ["explain.txt", "explain_outside.txt", "explain_ramp.txt"])
def test_explanations_read_as_written(story: str) -> None:
    parts = sections((HERE / story).read_text())
    told_by = tell(parts)
    explained = {title: lines for title, lines in parts.items() if title.startswith("explain ")}
    told = {}
    for title in explained:
        question, _, events = title.removeprefix("explain ").partition(" after ")
        told_by.happen(events.split(", "))
        told[title] = "\n".join(explanation(told_by, *question.split()))
    assert [f"{t}\n{indent(text, '  ')}" for t, text in told.items()] == [
        f"{t}\n{indent(text, '  ')}" for t, text in explained.items()
    ]


def explanation(story: Story, client: str, family: str) -> list[str]:
    found = explain(
        story.snapshot,
        story.directives,
        story.facts,
        story.silent,
        service=story.service,
        family=Family(family),
        cls=story.classed(client),
        draw=draw(story.clients[client] >> 8, 4, salt(story.service.name, story.snapshot.seed)),
    )
    return [line(step) for step in found.steps]


def line(step: ExplainStep) -> str:
    return f"{step.what}: {step.text}" + (f" -> {percents(step.row)}" if step.row else "")
