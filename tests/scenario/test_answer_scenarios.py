"""Questions and answers as text: `answers.txt` holds one scenario a paragraph.

A paragraph is a title (`# ...`), the question (`NAME TYPE`, then `ecs PREFIX`, `from RESOLVER`, `tcp`, `do`), and the
reply: rcode with flags, then records of the sections `an`, `ns` and `ar`, then the ECS scope where the reply has one.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import dns.flags
import dns.message
import dns.rcode
import pytest
from support.dnsworld import RESOLVER, ask, lines, scope_of


@dataclass(frozen=True, slots=True)
class Scenario:
    title: str
    question: str
    reply: tuple[str, ...]


def read_scenarios(text: str) -> list[Scenario]:
    found = []
    for paragraph in text.strip().split("\n\n"):
        title, question, *reply = paragraph.splitlines()
        assert title.startswith("# "), paragraph
        found.append(Scenario(title.removeprefix("# "), question, tuple(line.strip() for line in reply)))
    return found


SCENARIOS = read_scenarios((Path(__file__).parent / "answers.txt").read_text())


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.title)
def test_answers(scenario: Scenario) -> None:
    assert shown(put(scenario.question)) == scenario.reply


def test_titles_are_unique() -> None:
    titles = [scenario.title for scenario in SCENARIOS]
    assert len(set(titles)) == len(titles) > 50


def put(question: str) -> dns.message.Message:
    name, rrtype, *words = question.split()
    settings = dict(pairwise(words))
    return ask(
        name,
        rrtype,
        settings.get("ecs"),
        client=settings.get("from", RESOLVER),
        tcp="tcp" in words,
        want_dnssec="do" in words,
    )


def shown(reply: dns.message.Message) -> tuple[str, ...]:
    flags = [word for word in dns.flags.to_text(reply.flags).lower().split() if word not in ("qr", "rd")]
    head = " ".join([dns.rcode.to_text(reply.rcode()), *flags])
    sections = (("an", reply.answer), ("ns", reply.authority), ("ar", reply.additional))
    records = [f"{section} {line}" for section, rrsets in sections for line in lines(rrsets)]
    scope = scope_of(reply)
    return (head, *records, *([] if scope is None else [f"scope {scope}"]))
