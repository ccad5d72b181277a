"""`gslb status` on screen: whatever operators and agents wrote stands as they wrote it, and nothing is cut off."""

from __future__ import annotations

import io
import re

import pytest
from click.testing import CliRunner
from rich.console import Console

from gslb.api.v1 import admin_pb2 as pb
from gslb.api.v1 import facts_pb2
from gslb.cli import client, screen
from gslb.cli.main import main

WHY = "[/] [red]fuse[/red] blown"


def part(label: str, queries_per_s: float) -> pb.ClassStatus:
    return pb.ClassStatus(labels=[label], queries_per_s=queries_per_s, level="healthy", instead="NODATA")


def answer() -> pb.GetStatusResponse:
    override = facts_pb2.Override(
        scope=facts_pb2.Scope(kind=facts_pb2.SCOPE_KIND_SITE, name="eu"),
        action=facts_pb2.OVERRIDE_ACTION_DRAIN,
        who="me",
        why=WHY,
    )
    member = pb.MemberStatus(
        name="eu1",
        address="2001:db8::10",
        verdict="down",
        detail="got [/b] for body",
        standby=True,
        override=override,
        flaps=3,
    )
    return pb.GetStatusResponse(
        sites=[pb.SiteStatus(name="eu", agents=[pb.AgentStatus(agent="eu/a", silent=True, sick=True)])],
        pools=[pb.PoolStatus(name="web-eu", site="eu", monitor="web", family="AAAA", members=[member])],
        dns_servers=[pb.DnsServerStatus(name="dns1", connected=True, refused="1.2.3: [/]")],
        overrides=[override],
        alarms=["agent [/] is silent"],
        services=[
            pb.ServiceStatus(
                name="www.gslb.test",
                families=[
                    pb.FamilyStatus(family=family, classes=[part("the north", 123.4), part("the south", 0.26)])
                    for family in ("A", "AAAA")
                ],
            )
        ],
        queries_per_s=123.66,
        coordinators=[
            pb.CoordinatorStatus(
                name="a", address="h1:7400", leads=True, connected=True, order=facts_pb2.Order(config=5)
            ),
            pb.CoordinatorStatus(name="b", address="h2:7400"),
        ],
    )


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(client, "call", lambda admin, use: answer())
    result = CliRunner().invoke(main, ["status"])
    assert result.exit_code == 0, result.exception
    return result.output


def test_text_of_others_is_shown_as_it_is(shown: str) -> None:
    for text in (WHY, "web: got [/b] for body", "refused: 1.2.3: [/]", "ALARM agent [/] is silent"):
        assert text in shown


def test_queries_are_shown_by_clients_once_for_all_families(shown: str) -> None:
    assert ", 124 queries/s" in shown.splitlines()[0]
    rows = [re.split(r"\s{2,}", line.strip()) for line in shown.splitlines() if " the " in line]
    assert rows == [
        ["www.gslb.test", "A", "the north", "123", "NODATA", "healthy"],
        ["www.gslb.test", "A", "the south", "0.3", "NODATA", "healthy"],
        ["www.gslb.test", "AAAA", "the north", "NODATA", "healthy"],
        ["www.gslb.test", "AAAA", "the south", "NODATA", "healthy"],
    ]


def test_a_service_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "call", lambda admin, use: answer())
    assert CliRunner().invoke(main, ["status", "--service", "WWW.gslb.test."]).exit_code == 0
    missed = CliRunner().invoke(main, ["status", "--service", "ww.gslb.test"])
    assert missed.exit_code == 1
    assert "no service 'ww.gslb.test' is shown: did you mean `www.gslb.test`?" in missed.output


def test_what_stands_beside_a_verdict(shown: str) -> None:
    (line,) = (line for line in shown.splitlines() if "2001:db8::10" in line)
    assert re.split(r"\s{2,}", line.strip()) == [
        "web-eu (!)",
        "eu",
        "eu1",
        "2001:db8::10",
        "down",
        "web: got [/b] for body",
        "0",
        "-",
        "standby, drained, down 3 times in 15 min",
    ]
    assert "silent, doubts itself, earlier layout" in shown


def test_nothing_is_cut_off_on_a_narrow_terminal() -> None:
    out = io.StringIO()
    made = screen.table("name", "text", "number>")
    made.add_row("www.gslb.example.com" * 3, "word " * 30, "123456")
    Console(file=out, width=80).print(made)
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert "…" not in out.getvalue()
    assert out.getvalue().count("word") == 30
    assert "123456" in out.getvalue()


def test_coordinators_and_who_leads(shown: str) -> None:
    lines = [re.split(r"\s{2,}", line.strip()) for line in shown.splitlines()]
    assert ["a", "h1:7400", "0.5.0", "heard, leads"] in lines
    assert ["b", "h2:7400", "away"] in lines


def test_what_is_on_trial_and_where_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    told = answer()
    told.dns_servers.add(name="dns2", connected=True, decision=b"other")
    told.rollout.CopyFrom(
        pb.Rollout(revision=7, stage=pb.ROLLOUT_STAGE_TRIAL, first="dns2", soak_s=10, in_force=6, dns_servers=2)
    )
    monkeypatch.setattr(client, "call", lambda *_: told)
    shown = CliRunner().invoke(main, ["status"], catch_exceptions=False).output
    assert "revision 7 is on trial: dns server dns2 gets it first, the others once all is well for 10 s" in shown
    assert "first with revision 7" in shown
    told.rollout.stage = pb.ROLLOUT_STAGE_RELEASED
    shown = CliRunner().invoke(main, ["status"], catch_exceptions=False).output
    assert "trial" not in shown
    assert "first with" not in shown
