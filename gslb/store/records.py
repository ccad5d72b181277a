"""Values in the store that are JSON: read by their types, or not at all."""

from __future__ import annotations

from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from gslb.core.errors import StoreUnavailable

Value = TypeVar("Value")


def load_json(adapter: TypeAdapter[Value], value: bytes, what: str) -> Value:
    """Raises StoreUnavailable, that says `what` cannot be read, as all that reads what others may have written."""
    try:
        return adapter.validate_json(value)
    except ValidationError as error:
        raise StoreUnavailable(f"{what} cannot be read: {error.errors()[0]['msg']}") from None
