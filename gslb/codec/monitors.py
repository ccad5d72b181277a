"""Monitors and targets as protobuf, for assignments and snapshots. Decoding raises InvalidSnapshot."""

from __future__ import annotations

from gslb.api.v1 import health_pb2 as pb
from gslb.core.errors import InvalidSnapshot
from gslb.core.layouts import Target
from gslb.core.monitors import LEAST_QUORUM, HttpProbe, Monitor, Outside, TcpProbe, When


def dump_target(target: Target) -> pb.Target:
    return pb.Target(endpoint=target.endpoint, monitor=target.monitor, address=target.address, home=target.home)


def load_target(message: pb.Target) -> Target:
    return Target(endpoint=message.endpoint, monitor=message.monitor, address=message.address, home=message.home)


def dump_monitor(monitor: Monitor) -> pb.Monitor:
    message = pb.Monitor(
        name=monitor.name,
        port=monitor.port,
        interval_ms=monitor.interval_ms,
        timeout_ms=monitor.timeout_ms,
        fall=monitor.fall,
        rise=monitor.rise,
        ok=monitor.ok,
        hold_ms=monitor.hold_ms,
        crash=monitor.crash,
        outside=_dump_outside(monitor.outside),
        down_after_ms=monitor.down_after_ms or 0,
    )
    match monitor.probe:
        case HttpProbe() as http:
            message.http.CopyFrom(_dump_http(http))
        case TcpProbe() as tcp:
            message.tcp.CopyFrom(pb.TcpProbe(tls=tcp.tls, verify=tcp.verify, sni=tcp.sni or ""))
    return message


def load_monitor(message: pb.Monitor) -> Monitor:
    return Monitor(
        name=message.name,
        port=message.port,
        interval_ms=message.interval_ms,
        timeout_ms=message.timeout_ms,
        fall=message.fall,
        rise=message.rise,
        ok=message.ok,
        hold_ms=message.hold_ms,
        crash=message.crash,
        outside=_load_outside(message.outside) if message.HasField("outside") else None,
        down_after_ms=message.down_after_ms or None,
        probe=_load_probe(message),
    )


def _dump_outside(outside: Outside | None) -> pb.Outside | None:
    if outside is None:
        return None
    return pb.Outside(
        observers=outside.observers,
        sites=outside.sites,
        quorum=outside.quorum or 0,
        always=outside.when is When.ALWAYS,
    )


def _load_outside(message: pb.Outside) -> Outside:
    if message.quorum and message.quorum < LEAST_QUORUM:
        raise InvalidSnapshot(f"a quorum of {message.quorum} would let one site decide alone")
    return Outside(
        observers=tuple(message.observers),
        sites=message.sites,
        quorum=message.quorum or None,
        when=When.ALWAYS if message.always else When.SILENT,
    )


def _dump_http(http: HttpProbe) -> pb.HttpProbe:
    return pb.HttpProbe(
        tls=http.tls,
        verify=http.verify,
        host=http.host or "",
        sni=http.sni or "",
        method=http.method,
        path=http.path,
        status=[pb.StatusRange(first=first, last=last) for first, last in http.status],
        body=http.body or "",
        keep=http.keep,
    )


def _load_probe(message: pb.Monitor) -> HttpProbe | TcpProbe:
    match message.WhichOneof("probe"):
        case "http":
            http = message.http
            return HttpProbe(
                tls=http.tls,
                verify=http.verify,
                host=http.host or None,
                sni=http.sni or None,
                method=http.method,
                path=http.path,
                status=tuple((part.first, part.last) for part in http.status),
                body=http.body or None,
                keep=http.keep,
            )
        case "tcp":
            return TcpProbe(tls=message.tcp.tls, verify=message.tcp.verify, sni=message.tcp.sni or None)
        case _:
            raise InvalidSnapshot(
                f"monitor '{message.name}' has a kind this version does not know: upgrade this process"
            )
