"""Layouts as they are kept beside a configuration."""

from __future__ import annotations

import zlib

import pytest

from gslb.codec import layouts
from gslb.codec.layouts import dump_layouts, load_layouts
from gslb.core.errors import InvalidSnapshot
from gslb.core.layouts import Layout, Target

LAYOUTS = tuple(
    Layout(
        site=site,
        targets=tuple(Target(endpoint=f"e{number}", monitor="web", address=f"192.0.2.{number}") for number in range(9)),
    )
    for site in ("us", "eu", "us")
)


def test_what_was_dumped_is_loaded() -> None:
    content = dump_layouts(LAYOUTS)
    assert load_layouts(content) == LAYOUTS
    assert len(content) < sum(len(target.address) for layout in LAYOUTS for target in layout.targets)


@pytest.mark.parametrize(
    "content", [b"", b"no zlib", dump_layouts(LAYOUTS)[:-1], zlib.compress(b"\xff"), zlib.compress(b"\x4a\x00")]
)
def test_what_is_damaged_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidSnapshot):
        load_layouts(content)


def test_what_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layouts, "MAX_BYTES", 100)
    with pytest.raises(InvalidSnapshot, match="more than 100 octets"):
        load_layouts(zlib.compress(bytes(10_000)))
