"""A coordinator that wants certificates, and channels to it as strangers would open them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
from support.certificates import DOMAIN, Pki
from support.coordinators import Running, coordinator

from gslb.core.identity.names import Kind, server_name
from gslb.runtime.tls import Security


@dataclass(frozen=True)
class Secured:
    running: Running
    pki: Pki

    @asynccontextmanager
    async def channel(self, who: Security | None, *, plain: bool = False) -> AsyncIterator[grpc.aio.Channel]:
        """As a stranger's program would open it: nothing is checked on this side but the server."""
        address = f"127.0.0.1:{self.running.bound.port}"
        if plain:
            async with grpc.aio.insecure_channel(address) as channel:
                yield channel
            return
        ca = (self.pki.folder / "ca.pem").read_bytes()
        ours = (None, None)
        if who is not None:
            assert who.files is not None
            ours = (who.files.key.read_bytes(), who.files.certificate.read_bytes())
        options = [("grpc.ssl_target_name_override", server_name(DOMAIN)), ("grpc.use_local_subchannel_pool", 1)]
        credentials = grpc.ssl_channel_credentials(ca, *ours)
        async with grpc.aio.secure_channel(address, credentials, options=options) as channel:
            yield channel


@asynccontextmanager
async def secured(folder: Path) -> AsyncIterator[Secured]:
    """With a configuration in force, and `Running` as the operator `admin`."""
    pki = Pki(folder / "pki")
    admin = pki.issue(Kind.OPERATOR, "admin")
    ours = pki.issue(Kind.COORDINATOR, "c1")
    async with coordinator(folder, security=ours, operator=admin) as running:
        await running.applied()
        yield Secured(running, pki)
