"""The kinds of probes: one file a kind, one line each in the registry."""

from __future__ import annotations

from collections.abc import Mapping

from gslb.core.monitors import HttpProbe, Monitor, TcpProbe
from site_agent.probe import http, tcp
from site_agent.probe.base import MakeProbe, Probe
from site_agent.probe.tls import TlsContexts

REGISTRY: Mapping[type[HttpProbe | TcpProbe], tuple[str, MakeProbe]] = {
    HttpProbe: ("http", http.make),
    TcpProbe: ("tcp", tcp.make),
}


def kind(monitor: Monitor) -> str:
    """The monitor's kind, as configuration and metrics name it."""
    return REGISTRY[type(monitor.probe)][0]


def make(monitor: Monitor, host: str, contexts: TlsContexts) -> Probe:
    """A probe of this monitor for the target at `host`, address or name. Raises InvalidSnapshot if that cannot be."""
    return REGISTRY[type(monitor.probe)][1](monitor, host, contexts)
