"""Zone file text to entries of tokens (RFC 1035 5.1): quotes, comments, parentheses; each token with its place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from gslb.config.problems import Mark, Problems

_TOKEN = re.compile(
    r"(?P<blank>[^\S\n]+)|(?P<end>\n)|(?P<comment>;[^\n]*)|(?P<open>\()|(?P<close>\))"
    r'|(?P<word>(?:[^\s;()"\\]|\\[^\n]|"(?:[^"\\\n]|\\[^\n])*")+)|(?P<bad>.)'
)


@dataclass(frozen=True, slots=True)
class Token:
    """`text` as written, quotes and escapes included."""

    text: str
    mark: Mark


@dataclass(frozen=True, slots=True)
class ZoneEntry:
    """A record or directive. `indented`: it begins with a blank, so the owner is the last one."""

    tokens: tuple[Token, ...]
    indented: bool


def entries(text: str, file: str, problems: Problems) -> Iterator[ZoneEntry]:
    """The entries in order; one that cannot be cut into tokens is reported and left out."""
    tokens: list[Token] = []
    line, line_start, depth, indented, bad = 1, 0, 0, False, False
    opened = Mark(file, 1, 1)
    for match in _TOKEN.finditer(text + "\n"):
        mark = Mark(file, line, match.start() - line_start + 1)
        match match.lastgroup:
            case "blank" if mark.column == 1 and not depth:
                indented = True
            case "word" if not bad:
                tokens.append(Token(match[0], mark))
            case "open":
                opened = mark if not depth else opened
                depth += 1
            case "close":
                depth -= 1
                if depth < 0 and not bad:
                    problems.error(mark, "this `)` closes nothing: remove it")
                    bad = True
            case "bad" if not bad:
                problems.error(mark, f"`{match[0]}` cannot stand here: close the quotes, or complete the escape")
                bad = True
            case "end":
                line, line_start = line + 1, match.end()
                if depth > 0 and not bad:
                    continue
                if tokens and not bad:
                    yield ZoneEntry(tuple(tokens), indented)
                tokens, indented, bad, depth = [], False, False, 0
            case _:
                pass
    if depth > 0:
        problems.error(opened, "this `(` is never closed: write a `)` after the last value")
