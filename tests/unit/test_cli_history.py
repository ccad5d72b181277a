"""`gslb history`, `diff`, `get`, `rollback` and `apply --expect`, as a user runs them against a coordinator."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner, Result
from structlog.testing import capture_logs
from support.coordinators import CONFIG, Running, coordinator, files, places

from gslb.api.v1 import admin_pb2 as pb
from gslb.cli import options
from gslb.cli.commands.diff import compare_files
from gslb.cli.main import main

SECOND = CONFIG.replace('"one"', '"two"')


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    async with coordinator(tmp_path / "data") as started:
        await started.applied(files(CONFIG), author="ann", message="first")
        await started.applied(files(SECOND), author="bob")
        yield started


async def gslb(running: Running, *arguments: str) -> Result:
    command = [*arguments, "--admin", f"127.0.0.1:{running.bound.port}"]
    with capture_logs():  # the coordinator's, in this process
        return await asyncio.to_thread(CliRunner().invoke, main, command)


def words(line: str) -> list[str]:
    return re.split(r"\s{2,}", line.strip())


async def test_history_is_a_table_of_who_did_what(running: Running) -> None:
    result = await gslb(running, "history")
    assert result.exit_code == 0, result.output
    second, first = result.output.splitlines()[-2:]
    assert words(second)[:2] == ["2", "in force"]
    assert "bob" in second
    assert words(first)[0] == "1"
    assert words(first)[-1] == "first"
    assert "ann" in first


async def test_history_says_that_there_is_more(running: Running) -> None:
    result = await gslb(running, "history", "--limit", "1")
    assert "older ones are kept too: --limit N" in result.output
    assert "ann" not in result.output


async def test_history_for_programs(running: Running) -> None:
    told = json.loads((await gslb(running, "history", "--json")).output)
    assert [(config["revision"], config["author"]) for config in told["configs"]] == [("2", "bob"), ("1", "ann")]
    assert told["in_force"] == "2"


async def test_history_of_nothing_teaches(tmp_path: Path) -> None:
    async with coordinator(tmp_path) as empty:
        assert "use `gslb apply FILE`" in (await gslb(empty, "history")).output


async def test_get_prints_an_earlier_one(running: Running) -> None:
    result = await gslb(running, "get", "1")
    assert "# revision 1, applied" in result.output
    assert CONFIG.strip() in result.output
    assert SECOND.strip() in (await gslb(running, "get")).output


async def test_diff_tells_the_meaning_and_then_the_texts(running: Running) -> None:
    await running.applied({**files(SECOND), "places.mmdb": places() + b"\0"}, author="cas")
    result = await gslb(running, "diff", "1", "3")
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert lines[0].startswith("- configuration 1, ")
    assert lines[0].endswith("by ann: first")
    meaning = lines.index("~ record text.gslb.test TXT: 1 removed, 1 added")
    assert "~ geo database places.mmdb: other contents" in lines
    text = lines.index("--- a/gslb.yaml")
    assert meaning < text
    for sign, number in (("-", "one"), ("+", "two")):
        assert f"{sign}      - {{name: text, type: TXT, data: '\"{number}\"'}}" in lines
    (database,) = (line for line in lines if line.startswith("places.mmdb: sha256 "))
    assert "(1.12 kB) -> " in database


async def test_diff_for_programs(running: Running) -> None:
    told = json.loads((await gslb(running, "diff", "--json")).output)
    assert (told["before"], told["after"]) == ("1", "2")
    assert [(change["what"], change["kind"]) for change in told["changes"]] == [
        ("record", "KIND_CHANGED"),
        ("serial", "KIND_CHANGED"),
    ]
    assert [file["path"] for file in told["files"]] == ["gslb.yaml"]


async def test_a_comment_means_the_same(running: Running) -> None:
    await running.applied(files(SECOND + "# why\n"))
    assert "it means the same" in (await gslb(running, "diff")).output


async def test_rollback_says_what_is_in_force_now(running: Running) -> None:
    result = await gslb(running, "rollback", "1", "-m", "two was wrong")
    assert result.output == "revision 1: applied again, as configuration revision 3\n"
    result = await gslb(running, "rollback", "1")
    assert result.output == "revision 1: its contents are in force already, as configuration revision 3\n"
    result = await gslb(running, "rollback", "2", "--dry-run")
    assert result.output == "revision 2: would be applied again, as configuration revision 4\n"


@pytest.mark.parametrize(
    ("revision", "text"),
    [("9", "configuration 9 is not kept: 1 to 2 are"), ("two", "is no revision"), ("0", "is no revision")],
)
async def test_rollback_to_what_is_not_there(running: Running, revision: str, text: str) -> None:
    result = await gslb(running, "rollback", revision)
    assert result.exit_code != 0
    assert text in result.output


@pytest.mark.parametrize("command", ["apply", "rollback"])
async def test_somebody_elses_change_is_told(running: Running, command: str, tmp_path: Path) -> None:
    (tmp_path / "gslb.yaml").write_text(CONFIG + "# mine\n")
    (tmp_path / "places.mmdb").write_bytes(places())
    what = str(tmp_path / "gslb.yaml") if command == "apply" else "1"
    await running.applied(files(SECOND + "# theirs\n"), author="cas", message="in a hurry")
    result = await gslb(running, command, what, "--expect", "1")
    assert result.exit_code == 1
    lines = [line.strip() for line in result.output.splitlines()]
    assert lines[0] == "Error: configuration 3 is in force, not 1; nothing was changed"
    assert re.fullmatch(r"3  .* by cas: in a hurry", lines[2])
    assert re.fullmatch(r"2  .* by bob", lines[3])
    assert "`gslb diff 1 3` shows what that changed" in lines[4]
    assert (await gslb(running, command, what, "--expect", "3")).exit_code == 0


async def test_the_shell_completes_revisions(running: Running) -> None:
    complete = ShellComplete(main, {}, "gslb", "_GSLB_COMPLETE")
    arguments = ["rollback", "--admin", f"127.0.0.1:{running.bound.port}"]
    found = await asyncio.to_thread(complete.get_completions, arguments, "")
    assert [item.value for item in found] == ["2", "1"]
    assert "ann: first" in (found[1].help or "")
    nobody = await asyncio.to_thread(complete.get_completions, ["rollback", "--admin", "127.0.0.1:1"], "")
    assert nobody == []


def text_file(text: str) -> pb.ConfigFile:
    return pb.ConfigFile(sha256=text.encode(), size_bytes=len(text), text=text)


def lines_of(before: str | None, after: str | None) -> list[str]:
    old, new = ({} if text is None else {"f": text_file(text)} for text in (before, after))
    return [line for change in compare_files(old, new) for line in change.lines]


async def test_a_revision_that_never_was_is_not_expected(running: Running) -> None:
    result = await gslb(running, "rollback", "1", "--expect", "9")
    assert result.exit_code == 1
    assert "configuration 2 is in force and there is no 9 yet; nothing was changed" in result.output
    assert "gslb diff" not in result.output


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("a\n", "a\n", []),
        (None, "a\n", ["--- /dev/null", "+++ b/f", "@@ -0,0 +1 @@", "+a"]),
        ("a\n", None, ["--- a/f", "+++ /dev/null", "@@ -1 +0,0 @@", "-a"]),
        ("a", "a\n", ["--- a/f", "+++ b/f", "@@ -1 +1 @@", "-a", "\\ No newline at end of file", "+a"]),
        ("a\x0cb\n", "a\x0cc\n", ["--- a/f", "+++ b/f", "@@ -1 +1 @@", "-a\x0cb", "+a\x0cc"]),
    ],
)
def test_texts_are_compared_line_by_line(before: str | None, after: str | None, expected: list[str]) -> None:
    assert lines_of(before, after) == expected


@pytest.mark.parametrize(("size", "text"), [("5", "is not a size: write 800M or 2G"), ("2T", "is not a size")])
def test_sizes_have_units(size: str, text: str) -> None:
    result = CliRunner().invoke(main, ["coordinator", "--keep-bytes", size])
    assert result.exit_code == 2
    assert text in result.output


def test_sizes_count_in_powers_of_two() -> None:
    assert [options.SIZE(text) for text in ("3k", "2M", "1G")] == [3 * 1024, 2 * 1024**2, 1024**3]
