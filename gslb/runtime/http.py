"""`/metrics` for Prometheus, `/livez` and `/readyz` for whoever starts and watches the process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

Readiness = Callable[[], str | None]
"""None = ready, else one line that says what is missing."""


@asynccontextmanager
async def serve(host: str, port: int, registry: CollectorRegistry, ready: Readiness) -> AsyncIterator[int]:
    """Serve until the context ends; yields the port (useful with port 0). Raises OSError when it cannot listen."""

    async def metrics(request: web.Request) -> web.Response:
        return _metrics(request, registry)

    async def readyz(_: web.Request) -> web.Response:
        return _ready(ready)

    app = web.Application()
    app.add_routes([web.get("/metrics", metrics), web.get("/livez", _live), web.get("/readyz", readyz)])
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.5)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def _metrics(request: web.Request, registry: CollectorRegistry) -> web.Response:
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return web.Response(body=encode(registry), headers={"Content-Type": content_type})


async def _live(_: web.Request) -> web.Response:
    return web.Response(text="alive\n")


def _ready(ready: Readiness) -> web.Response:
    missing = ready()
    return web.Response(text="ready\n") if missing is None else web.Response(status=503, text=f"{missing}\n")
