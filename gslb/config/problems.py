"""Places in configuration files, and what is wrong there: collected, so that everything is reported at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import NamedTuple

from gslb.config.limits import MAX_CANDIDATES
from gslb.core.errors import GslbError
from gslb.core.printable import printable

MAX_PROBLEMS = 1000


class Mark(NamedTuple):
    """Where something stands; line and column count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing to change. Sorted by place."""

    file: str
    line: int
    column: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.text}"


class ConfigErrors(GslbError):
    """A configuration is refused as a whole; `problems` are all the reasons, sorted by place."""

    code = "config-errors"

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        more = f" (and {len(self.problems) - 1} more)" if len(self.problems) > 1 else ""
        super().__init__(f"{self.problems[0]}{more}")


@dataclass(slots=True)
class Problems:
    """Collects errors and warnings while a configuration is read; the same one from two expansions counts once."""

    _errors: set[Problem] = field(default_factory=set)
    _warnings: set[Problem] = field(default_factory=set)

    def error(self, mark: Mark, text: str) -> None:
        if len(self._errors) < MAX_PROBLEMS:
            self._errors.add(Problem(*mark, printable(text)))

    def warn(self, mark: Mark, text: str) -> None:
        if len(self._warnings) < MAX_PROBLEMS:
            self._warnings.add(Problem(*mark, printable(text)))

    def warnings(self) -> tuple[Problem, ...]:
        return tuple(sorted(self._warnings))

    def has_errors(self) -> bool:
        return bool(self._errors)

    def raise_errors(self) -> None:
        """Raise ConfigErrors if anything was wrong."""
        if self._errors:
            raise ConfigErrors(self._errors)


def nearest(name: str, known: Iterable[str], likeness: float = 0.6) -> str | None:
    """The known name that `name` most probably meant, if one is at least that alike (0 to 1)."""
    names = sorted(known, reverse=True)
    if len(names) > MAX_CANDIDATES:
        names = [known_name for known_name in names if abs(len(known_name) - len(name)) <= 1][:MAX_CANDIDATES]
    folded = {candidate.lower(): candidate for candidate in names}
    found = get_close_matches(name.lower()[:100], folded, n=1, cutoff=likeness)
    return folded[found[0]] if found else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of an error about an unknown name: the nearest known one, else a few of them, else nothing."""
    names = sorted(set(known))
    near = nearest(name, names)
    if near is not None:
        return f": did you mean `{near}`?"
    if not names:
        return ""
    shown = ", ".join(f"`{candidate}`" for candidate in names[:8])
    return f": known are {shown}{' ...' if len(names) > 8 else ''}"
