"""How a new configuration reaches the dns servers."""

from __future__ import annotations

from gslb.config.schema.base import Block, key
from gslb.config.schema.types import PlainText, Seconds


class Rollout(Block):
    """How a new configuration reaches the dns servers: one of them first, the others once it has done well there."""

    soak: Seconds = key("How long the first dns server serves it alone; 0s: all get it at once.", "10s")
    first: PlainText | None = key(
        "The `--name` of the dns server that is first, while it is connected; absent: the first by name.", None
    )
