"""Monitors: defaults that depend on other keys, and keys that do not go together."""

from __future__ import annotations

from gslb.config.building.registry import Registry
from gslb.config.nodes import Node, Table, locate, place
from gslb.config.parse import Config, Located
from gslb.config.problems import Problems
from gslb.config.schema.monitors import Failback, Monitor, OutsideViews, PoolFailback
from gslb.core.model import Site
from gslb.core.monitors import HttpProbe, Outside, TcpProbe, When
from gslb.core.monitors import Monitor as Built

_HTTP_ONLY = ("host", "method", "path", "expect", "connection")
EVERYBODY = "all"
"""In `outside.from`: every other site."""
_TLS_ONLY = ("sni", "verify")


def build_monitors(config: Config, sites: Registry[Site], problems: Problems) -> Registry[Built]:
    found: Registry[Built] = Registry("monitor", problems, config.broken_names("monitors"))
    for item in config.monitors:
        _check(item, problems)
        _check_outside(item, sites, problems)
        found.add(item.value.name, _build(item.value, config.defaults.value.failback), place(item.node, "name"))
    return found


def inherit(block: PoolFailback | None, base: Failback) -> Failback:
    """`base`, but for the keys that `block` has."""
    given = block.model_dump(include=block.model_fields_set) if block is not None else {}
    return base.model_copy(update=given)


def _build(monitor: Monitor, failback: Failback) -> Built:
    http = monitor.type == "http"
    return Built(
        name=monitor.name,
        port=monitor.port or (443 if monitor.tls else 80),
        interval_ms=monitor.interval,
        timeout_ms=monitor.timeout,
        fall=monitor.fall,
        rise=monitor.rise,
        ok=monitor.ok,
        hold_ms=inherit(monitor.failback, failback).after,
        crash=http if monitor.crash is None else monitor.crash,
        outside=_outside(monitor.outside) if monitor.outside is not None else None,
        down_after_ms=monitor.unknown.down_after,
        probe=_http(monitor) if http else TcpProbe(tls=monitor.tls, verify=monitor.verify, sni=monitor.sni),
    )


def _outside(block: OutsideViews) -> Outside:
    return Outside(
        observers=() if EVERYBODY in block.from_ else tuple(sorted(block.from_)),
        sites=block.sites,
        quorum=block.quorum,
        when=When(block.when),
    )


def _http(monitor: Monitor) -> HttpProbe:
    return HttpProbe(
        tls=monitor.tls,
        verify=monitor.verify,
        host=monitor.host,
        sni=monitor.sni,
        method=monitor.method,
        path=monitor.path,
        status=monitor.expect.status,
        body=monitor.expect.body,
        keep=monitor.connection == "keep",
    )


def _check(item: Located[Monitor], problems: Problems) -> None:
    monitor, node = item.value, item.node
    if monitor.timeout >= monitor.interval:
        at = place(node, "timeout" if _has(node, "timeout") else "interval")
        problems.error(at, "`timeout` must be shorter than `interval`: lower it, or probe less often")
    if monitor.type == "tcp" and monitor.port is None:
        problems.error(node.mark, "a tcp monitor needs a `port`: add `port: ...` here")
    if monitor.type == "tcp":
        _refuse(node, _HTTP_ONLY, "is for `type: http`: remove it", problems)
    if not monitor.tls:
        _refuse(node, _TLS_ONLY, "means nothing without TLS: add `tls: true`, or remove it", problems)


def _check_outside(item: Located[Monitor], sites: Registry[Site], problems: Problems) -> None:
    """What can be said without the pools; `warnings` says where too few sites are left to look."""
    outside, node = item.value.outside, item.node
    if outside is None:
        return
    for number, name in enumerate(outside.from_):
        if name != EVERYBODY:
            sites.find(name, place(node, "outside", "from", number))
    if EVERYBODY in outside.from_ and len(outside.from_) > 1:
        problems.error(place(node, "outside", "from"), f"`{EVERYBODY}` says it all: write it alone, or name sites")
    if outside.quorum is not None and outside.quorum > outside.sites:
        problems.error(
            place(node, "outside", "quorum"),
            f"{outside.sites} sites probe each member, so {outside.quorum} can never agree: lower `quorum`, or raise "
            "`sites`",
        )


def _refuse(node: Node, keys: tuple[str, ...], why: str, problems: Problems) -> None:
    for key in keys:
        if _has(node, key):
            problems.error(locate(node, [key]).key_mark, f"`{key}` {why}")


def _has(node: Node, key: str) -> bool:
    return isinstance(node, Table) and key in node.entries
