"""What tests of the agent share: monitors, a coordinator to report to, real server processes to kill."""

from __future__ import annotations

from gslb.core.model import HttpProbe, Monitor, TcpProbe

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


def monitor(
    probe: HttpProbe | TcpProbe,
    *,
    name: str = "web",
    port: int = 80,
    interval_ms: int = 2000,
    timeout_ms: int = 1000,
    fall: int = 2,
    rise: int = 3,
    ok: int = 3,
    hold_ms: int = 10_000,
    crash: bool = True,
) -> Monitor:
    return Monitor(
        name=name,
        port=port,
        interval_ms=interval_ms,
        timeout_ms=timeout_ms,
        fall=fall,
        rise=rise,
        ok=ok,
        hold_ms=hold_ms,
        crash=crash,
        probe=probe,
    )


def tcp_monitor(
    *,
    fall: int = 2,
    rise: int = 3,
    ok: int = 3,
    hold_ms: int = 10_000,
    interval_ms: int = 2000,
    crash: bool = True,
) -> Monitor:
    return monitor(TCP, fall=fall, rise=rise, ok=ok, hold_ms=hold_ms, interval_ms=interval_ms, crash=crash)
