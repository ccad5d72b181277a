"""Monitors: how members are probed."""

from __future__ import annotations

from typing import Annotated

from gslb.config.schema.base import ONE_OR_MANY, Block, Shorthand, Text, key, words
from gslb.config.schema.types import Flag, Header, ItemName, Method, PlainText, Port, Status, UrlPath, duration, whole
from gslb.core.monitors import LEAST_QUORUM, MAX_OBSERVERS, MAX_QUORUM


class Expect(Block):
    """What an answer must be for the probe to succeed."""

    status: Annotated[tuple[Status, ...], ONE_OR_MANY] = key(
        "Accepted statuses and ranges, one or a list.", ["200-299"]
    )
    body: PlainText | None = key("Text that the first 64 KiB of the body must contain.", None)


class PoolFailback(Block):
    """How a pool's members come back after they were down; how long they must stay well first is their monitor's."""

    mode: Annotated[str, words("auto", "manual", "ramp")] = key(
        "`auto`: by itself. `manual`: when an operator says `gslb failback`. `ramp`: with a weight that rises.", "auto"
    )
    over: Annotated[int, duration("10s", "1d")] = key("How long a `ramp` lasts.", "5m")


class Failback(PoolFailback):
    """How a member comes back after it was down."""

    after: Annotated[int, duration("0s", "1h")] = key(
        "How long it must stay well before it serves again; doubles with repeated failures, up to 300s.", "10s"
    )


class Unknown(Block):
    """What becomes of a verdict that nobody can renew."""

    down_after: Annotated[int, duration("10s", "1d")] | None = key(
        "Down once all agents of its site have been silent for so long and no other site sees it.", None
    )


def _from_keep(value: object) -> object:
    if not isinstance(value, str):
        return value
    if value != "keep":
        raise ValueError(f"'{value[:100]}' is not known here: write keep, or {{down_after: 60s}}")
    return {}


def _quorum(text: str) -> int | None:
    if text == "majority":
        return None
    if not text.isascii() or not text.isdigit() or not LEAST_QUORUM <= int(text[:3]) <= MAX_QUORUM:
        raise ValueError(
            f"'{text[:100]}' is no quorum: write {LEAST_QUORUM} to {MAX_QUORUM}, so that no site decides alone about "
            "another, or majority"
        )
    return int(text)


class OutsideViews(Block):
    """Which other sites look at the members, and when what they see counts."""

    from_: Annotated[tuple[ItemName, ...], ONE_OR_MANY] = key(
        "Sites that may look, witnesses too; `all`: every other site.", ["all"], alias="from"
    )
    sites: Annotated[int, whole(LEAST_QUORUM, MAX_OBSERVERS)] = key("How many of them probe each member.", "3")
    quorum: Annotated[
        int | None,
        Text(f"a number from {LEAST_QUORUM} to {MAX_QUORUM}, or `majority`", _quorum, {"type": ["integer", "string"]}),
    ] = key(
        "How many must have lost a member for it to be down, while none of them still sees it; `majority`: more than "
        "half of those that probe it.",
        "2",
    )
    when: Annotated[str, words("silent", "always")] = key(
        "`silent`: their views count once all agents of the member's own site are silent. `always`: beside them too.",
        "silent",
    )


def _from_flag(value: object) -> object:
    if not isinstance(value, str):
        return value
    if value not in ("true", "false"):
        raise ValueError(f"'{value[:100]}' is not known here: write true, false, or {{quorum: ..., when: ...}}")
    return {} if value == "true" else None


class Monitor(Block):
    """How members are probed and when their verdict changes."""

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
    outside: Annotated[
        OutsideViews | None, Shorthand(_from_flag, lambda _: [{"type": "boolean", "title": "`true` or `false`"}])
    ] = key(
        "Let agents of other sites probe the members' public addresses too, and take out what they agree to have lost; "
        "`true`: with all defaults.",
        None,
    )
    failback: Failback | None = key(
        "How a member comes back; keys that are absent are those of `defaults.failback`.", None
    )
    unknown: Annotated[Unknown, Shorthand(_from_keep, lambda _: [{"enum": ["keep"]}])] = key(
        "What a member's verdict becomes while nobody reports on it: `keep`: it stays.", "keep"
    )
