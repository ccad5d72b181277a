"""Remembering what was derived from a large value that is never changed, by its identity and as long as it lives."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar
from weakref import ref

Value = TypeVar("Value")
Result = TypeVar("Result")


def by_identity(function: Callable[[Value], Result]) -> Callable[[Value], Result]:
    """`function`, computed once per object; its result is forgotten together with the object.

    For arguments that hold mappings and so have no hash, such as a Snapshot. The result must depend on nothing else,
    and must not hold the object, which would then never be forgotten.
    """
    kept: dict[int, tuple[ref[Value], Result]] = {}

    @wraps(function)
    def remembered(value: Value) -> Result:
        known = kept.get(id(value))
        if known is not None and known[0]() is value:
            return known[1]
        number, result = id(value), function(value)
        kept[number] = ref(value, lambda _: kept.pop(number, None)), result
        return result

    return remembered
