"""Remembering what was derived from a large value that is never changed, by its identity."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

Value = TypeVar("Value")
Result = TypeVar("Result")

KEPT = 4


def by_identity(function: Callable[[Value], Result]) -> Callable[[Value], Result]:
    """`function`, computed once per object; the last few objects and their results are kept alive.

    For arguments that hold mappings and so have no hash, such as a Snapshot. The result must depend on nothing else.
    """
    kept: tuple[tuple[Value, Result], ...] = ()

    @wraps(function)
    def remembered(value: Value) -> Result:
        nonlocal kept
        for known, result in kept:
            if known is value:
                return result
        result = function(value)
        kept = ((value, result), *kept[: KEPT - 1])
        return result

    return remembered
