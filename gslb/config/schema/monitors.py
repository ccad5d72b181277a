"""Monitors: how members are probed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from gslb.config.schema.base import LATER, ONE_OR_MANY, Block, Shorthand, key, words
from gslb.config.schema.types import Flag, Header, ItemName, Method, PlainText, Port, Status, UrlPath, duration, whole


class Expect(Block):
    """What an answer must be for the probe to succeed."""

    status: Annotated[tuple[Status, ...], ONE_OR_MANY] = key(
        "Accepted statuses and ranges, one or a list.", ["200-299"]
    )
    body: PlainText | None = key("Text that the first 64 KiB of the body must contain.", None)


class Failback(Block):
    """How a member comes back after it was down."""

    mode: Annotated[str, words("auto", later=("ramp", "manual"))] = key("How.", "auto")
    after: Annotated[int, duration("0s", "1h")] = key(
        "How long it must stay well before it serves again; doubles with repeated failures, up to 300s.", "10s"
    )


def _no_down_after(value: object) -> object:
    if isinstance(value, Mapping):
        raise ValueError(f"`{next(iter(value), 'down_after')}` {LATER}")
    return value


class Monitor(Block):
    """How members are probed and when their verdict changes."""

    later: ClassVar[frozenset[str]] = frozenset({"quorum"})

    name: ItemName = key("Name, unique among monitors.")
    type: Annotated[str, words("http", "tcp")] = key("What a probe does: an HTTP request, or only a connection.")
    port: Port | None = key("Port to connect to. `http`: 80, or 443 with `tls`; `tcp` must name one.", None)
    tls: Flag = key("Speak TLS.", "false")
    verify: Flag = key("With `tls`: check the certificate's chain and name.", "true")
    sni: Header | None = key("With `tls`: the name to ask for and to find in the certificate; `host` if absent.", None)
    host: Header | None = key("`http`: the Host header; the address if absent.", None)
    method: Method = key("`http`: the request's method.", "GET")
    path: UrlPath = key("`http`: the path to ask for.", "/")
    expect: Expect = key("`http`: what the answer must be.", {})
    connection: Annotated[str, words("fresh", "keep")] = key(
        "`http`: open a connection for each probe, or send the next request on the one before.", "fresh"
    )
    interval: Annotated[int, duration("100ms", "1h")] = key("Time from one probe to the next.", "2s")
    timeout: Annotated[int, duration("10ms", "10m")] = key("When a probe has failed; shorter than `interval`.", "1s")
    fall: Annotated[int, whole(1, 10)] = key("Failures that make it down; they need not be consecutive.", "2")
    rise: Annotated[int, whole(1, 10)] = key("Successes in a row that bring it back.", "3")
    ok: Annotated[int, whole(1, 10)] = key("Successes in a row that forget earlier failures.", "3")
    crash: Flag | None = key(
        "Crash watch: keep the last probe's connection open and probe again at once when it breaks. "
        "`http`: on; `tcp`: off unless set.",
        None,
    )
    outside: Flag = key(
        "Let agents of all other sites probe the members' public addresses too. What at least two of them have lost, "
        "and none still sees, is down once the site's own agents are silent.",
        "false",
    )
    failback: Failback | None = key("How a member comes back: `defaults.failback` if absent.", None)
    unknown: Annotated[str, words("keep"), Shorthand(_no_down_after, lambda _: [])] = key(
        "What a member's verdict becomes while nobody reports on it: it stays.", "keep"
    )
