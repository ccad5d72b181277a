"""A stage's parameters as canonical JSON and back: equal stages are equal bytes, strangers' bytes are checked."""

from __future__ import annotations

import json
from collections.abc import Mapping

from gslb.core.errors import InvalidSnapshot


def dump(parameters: Mapping[str, object]) -> str:
    return json.dumps(parameters, sort_keys=True, separators=(",", ":"))


def load(text: str) -> Mapping[str, object]:
    """The object in `text`. Raises InvalidSnapshot."""
    try:
        return mapping(json.loads(text))
    except (ValueError, RecursionError):
        raise InvalidSnapshot(f"stage parameters are not JSON: {text[:80]}") from None


def mapping(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise _wrong("an object", value)
    return value


def items(value: object) -> list[object]:
    if not isinstance(value, list):
        raise _wrong("a list", value)
    return value


def text(value: object) -> str:
    if not isinstance(value, str):
        raise _wrong("text", value)
    return value


def number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise _wrong("a number of at least 0", value)
    return value


def flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise _wrong("true or false", value)
    return value


def texts(value: object) -> tuple[str, ...]:
    return tuple(text(item) for item in items(value))


def shares(value: object) -> tuple[tuple[str, int], ...]:
    """`[["eu", 95], ["next", 5]]`"""
    pairs = (_pair(item) for item in items(value))
    return tuple((text(slot), number(share)) for slot, share in pairs)


def tags(value: object) -> tuple[tuple[str, str], ...]:
    """`[["office", "berlin"]]`"""
    pairs = (_pair(item) for item in items(value))
    return tuple((text(name), text(content)) for name, content in pairs)


def _pair(value: object) -> tuple[object, object]:
    found = items(value)
    if len(found) != 2:
        raise _wrong("a pair", value)
    return found[0], found[1]


def _wrong(expected: str, value: object) -> InvalidSnapshot:
    return InvalidSnapshot(f"stage parameters: expected {expected}, found {str(value)[:80]}")
