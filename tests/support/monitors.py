"""Monitors as a configuration that says nothing else would have them."""

from __future__ import annotations

from dataclasses import replace

from gslb.core.monitors import HttpProbe, Monitor, TcpProbe

HTTP = HttpProbe(
    tls=False,
    verify=True,
    host=None,
    sni=None,
    method="GET",
    path="/",
    status=((200, 299),),
    body=None,
    keep=False,
)
TCP = TcpProbe(tls=False, verify=True, sni=None)


PLAIN = Monitor(
    name="web",
    port=80,
    interval_ms=2000,
    timeout_ms=1000,
    fall=2,
    rise=3,
    ok=3,
    hold_ms=10_000,
    crash=True,
    probe=TCP,
)


def monitor(probe: HttpProbe | TcpProbe, **changed: object) -> Monitor:
    return replace(PLAIN, probe=probe, **changed)


def tcp_monitor(**changed: object) -> Monitor:
    return monitor(TCP, **changed)
