"""Domain names: one canonical value, comparable and hashable, made from text or wire bytes.

A Name holds the uncompressed wire form in lower case (RFC 1035 3.1, RFC 4343), so equal names are equal bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from gslb.core.errors import InvalidName

MAX_NAME_BYTES = 255
MAX_LABEL_BYTES = 63
_ESCAPE = re.compile(rb"\\(\d{3}|\D)")
_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789-_*/+:")


@dataclass(frozen=True, order=True, slots=True)
class Name:
    """`wire`: length-prefixed lower-case labels, ending with the root's zero octet."""

    wire: bytes

    @classmethod
    def from_text(cls, text: str, origin: Name | None = None) -> Name:
        """Parse presentation format (RFC 1035 5.1, escapes `\\.` and `\\DDD`); `@` is the origin.

        A name without a final dot is completed by `origin`, and taken as absolute when there is none.
        Raises InvalidName with the reason.
        """
        if text == "@" and origin is not None:
            return origin
        if text == ".":
            return ROOT
        labels, absolute = _split(text)
        if not labels:
            raise InvalidName(f"'{text}' is not a domain name: it is empty")
        tail = () if absolute or origin is None else origin.labels
        return cls.from_labels((*labels, *tail), text)

    @classmethod
    def from_labels(cls, labels: tuple[bytes, ...], shown: str | None = None) -> Name:
        """Join labels, most specific first. Raises InvalidName; `shown` is the text to name in the error."""
        shown = shown if shown is not None else b".".join(labels).decode("ascii", "replace")
        for label in labels:
            if not label:
                raise InvalidName(f"'{shown}' is not a domain name: it has an empty label")
            if len(label) > MAX_LABEL_BYTES:
                raise InvalidName(f"'{shown}' is not a domain name: a label has {len(label)} octets, at most 63 fit")
        wire = b"".join(bytes([len(label)]) + label.lower() for label in labels) + b"\0"
        if len(wire) > MAX_NAME_BYTES:
            raise InvalidName(f"'{shown}' is not a domain name: it has {len(wire)} octets, at most 255 fit")
        return cls(wire)

    @property
    def labels(self) -> tuple[bytes, ...]:
        """Labels without the root, most specific first."""
        found, at = [], 0
        while length := self.wire[at]:
            found.append(self.wire[at + 1 : at + 1 + length])
            at += 1 + length
        return tuple(found)

    def to_text(self) -> str:
        """Presentation format with the final dot, escaped."""
        return "".join(_escape(label) + "." for label in self.labels) or "."

    def __str__(self) -> str:
        return self.to_text().removesuffix(".") or "."

    def parent(self) -> Name:
        """The name one label shorter; the root is its own parent."""
        return Name(self.wire[1 + self.wire[0] :]) if self.wire[0] else self

    def ancestors(self) -> Iterator[Name]:
        """This name, then each parent up to and including the root."""
        name = self
        while name.wire[0]:
            yield name
            name = name.parent()
        yield name

    def is_within(self, other: Name) -> bool:
        """True when this name is `other` or below it (on a label boundary)."""
        if not self.wire.endswith(other.wire):
            return False
        extra = len(self.wire) - len(other.wire)
        at = 0
        while at < extra:
            at += 1 + self.wire[at]
        return at == extra

    def wildcard(self) -> Name:
        """`*.` put in front of this name (RFC 4592)."""
        return Name(b"\x01*" + self.wire)


ROOT = Name(b"\0")


def _split(text: str) -> tuple[list[bytes], bool]:
    """Labels of a presentation-format name with escapes undone, and whether it ended with a dot."""
    try:
        raw = text.encode("ascii")
    except UnicodeEncodeError:
        raise InvalidName(f"'{text}' is not a domain name in ASCII: write international names as xn--...") from None
    labels, label, at, dotted = [], bytearray(), 0, False
    while at < len(raw):
        dotted = False
        if raw[at] == 0x5C:
            match = _ESCAPE.match(raw, at)
            if match is None or (match[1].isdigit() and int(match[1]) > 255):
                raise InvalidName(f"'{text}' is not a domain name: bad escape at character {at + 1}")
            label.append(int(match[1]) if len(match[1]) == 3 else match[1][0])
            at = match.end()
        elif raw[at] == 0x2E:
            labels.append(bytes(label))
            label.clear()
            dotted = True
            at += 1
        elif raw[at] <= 0x20 or raw[at] == 0x7F:
            raise InvalidName(f"'{text}' is not a domain name: it has a blank or control character")
        else:
            label.append(raw[at])
            at += 1
    if not dotted and label:
        labels.append(bytes(label))
    return labels, dotted


def _escape(label: bytes) -> str:
    return "".join(
        chr(octet) if octet in _PLAIN else f"\\{chr(octet)}" if 0x21 <= octet <= 0x7E else f"\\{octet:03d}"
        for octet in label
    )
