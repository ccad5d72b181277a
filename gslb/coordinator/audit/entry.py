"""One line of the audit trail, and what is known of a change before it is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pydantic import ConfigDict, TypeAdapter

from gslb.core.order import Order
from gslb.store.records import load_json

MAX_TEXT_CHARACTERS = 300
DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Who is about to do what. `peer`: the address the call came from."""

    who: str
    peer: str
    action: str
    what: str = ""

    def done(self, now_unix_s: int, before: Order, after: Order) -> Entry:
        return self._entry(now_unix_s, before, after, DONE)

    def refused(self, now_unix_s: int, order: Order, why: str) -> Entry:
        return self._entry(now_unix_s, order, order, f"refused: {why}")

    def _entry(self, now_unix_s: int, before: Order, after: Order, outcome: str) -> Entry:
        return Entry(
            unix_s=now_unix_s,
            who=self.who[:MAX_TEXT_CHARACTERS],
            peer=self.peer[:MAX_TEXT_CHARACTERS],
            action=self.action,
            what=self.what[:MAX_TEXT_CHARACTERS],
            before=before,
            after=after,
            outcome=outcome[:MAX_TEXT_CHARACTERS],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """`outcome`: DONE, or why not; then `before` and `after` are the same."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    unix_s: int
    who: str
    peer: str
    action: str
    what: str
    before: Order
    after: Order
    outcome: str


_ENTRY = TypeAdapter(Entry)


def dump_entry(entry: Entry) -> bytes:
    return _ENTRY.dump_json(entry)


def load_entry(value: bytes) -> Entry:
    """Raises StoreUnavailable."""
    return load_json(_ENTRY, value, "an audit entry in the store")
