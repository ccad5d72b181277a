"""`tcp`: the connection opens; with `tls` the handshake completes too."""

from __future__ import annotations

from gslb.core.model import IPAddress
from gslb.core.monitors import Monitor, TcpProbe
from site_agent.probe.base import Answer
from site_agent.probe.connection import Connection, connect
from site_agent.probe.tls import Tls, TlsContexts


class TcpAsker:
    """One tcp monitor's question to one target."""

    def __init__(self, monitor: Monitor, probe: TcpProbe, host: str, contexts: TlsContexts) -> None:
        self._port = monitor.port
        self._keep_open = monitor.crash
        self._tls = Tls(context=contexts.get(verify=probe.verify), name=probe.sni or host) if probe.tls else None
        self._missing = "connection" if self._tls is None else "TLS connection"
        self.waiting_for = self._missing

    async def ask(self, address: IPAddress, kept: Connection | None) -> Answer:
        """Open a connection; a kept one proves nothing about new ones."""
        self.waiting_for = self._missing
        connection = await connect(address, self._port, self._tls)
        if not self._keep_open:
            connection.close()
        return Answer(
            detail="connected" if self._tls is None else "TLS connected",
            connection=connection if self._keep_open else None,
        )


def make(monitor: Monitor, host: str, contexts: TlsContexts) -> TcpAsker:
    """The registry's entry."""
    if not isinstance(monitor.probe, TcpProbe):
        raise TypeError(f"monitor '{monitor.name}' is not of kind tcp")
    return TcpAsker(monitor, monitor.probe, host, contexts)
