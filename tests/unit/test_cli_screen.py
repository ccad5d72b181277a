"""What others wrote is shown on an operator's terminal, and does nothing else there."""

from __future__ import annotations

import io
import sys

import pytest
from rich.text import Text

from gslb.cli import screen
from gslb.core.printable import printable

HOSTILE = "timed out\x1b]0;owned\x07\x1b[2Jgone\x9b31m\u202eback"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("stream", [Terminal, io.StringIO])
@pytest.mark.parametrize("wrap", [str, Text])
def test_the_words_of_a_stolen_agent_do_not_steer_the_terminal(
    monkeypatch: pytest.MonkeyPatch, stream: type[io.StringIO], wrap: type[str] | type[Text]
) -> None:
    shown = stream()
    monkeypatch.setattr(sys, "stdout", shown)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERM", "xterm")
    made = screen.table("agent", "evidence")
    made.add_row("eu/a1", wrap(HOSTILE))
    out = screen.console()
    out.print(made)
    out.print(wrap(f"ALARM {HOSTILE}"))
    assert "\x1b]" not in shown.getvalue()
    assert "\x1b[2J" not in shown.getvalue()
    assert not {"\x07", "\x9b", "\u202e"} & set(shown.getvalue())
    assert shown.getvalue().splitlines()[-1] == "ALARM timed out\\x1b]0;owned\\x1b[2Jgone\\x9b31m\\u202eback"


def test_what_can_be_shown_stays_as_it_is() -> None:
    assert printable("größer 50 %") == "größer 50 %"
    assert printable("a\nb\tc", "\n") == "a\nb\\tc"
