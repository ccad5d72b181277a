"""`/metrics` for Prometheus, `/livez` and `/readyz` for whoever starts and watches the process.

aiohttp is loaded when it is needed: that takes a fifth of a dns server's start, which begins to answer before.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib import import_module
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

if TYPE_CHECKING:
    from aiohttp import web

Readiness = Callable[[], str | None]
"""None = ready, else one line that says what is missing."""


@asynccontextmanager
async def serve(host: str, port: int, registry: CollectorRegistry, ready: Readiness) -> AsyncIterator[int]:
    """Serve until the context ends; yields the port (useful with port 0). Raises OSError when it cannot listen."""
    await asyncio.to_thread(import_module, "aiohttp.web")
    from aiohttp import web

    runner = web.AppRunner(_application(registry, ready), access_log=None, handle_signals=False, shutdown_timeout=0.5)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def _application(registry: CollectorRegistry, ready: Readiness) -> web.Application:
    from aiohttp import web

    async def metrics(request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(registry), headers={"Content-Type": content_type})

    async def livez(_: web.Request) -> web.Response:
        return web.Response(text="alive\n")

    async def readyz(_: web.Request) -> web.Response:
        missing = ready()
        return web.Response(text="ready\n") if missing is None else web.Response(status=503, text=f"{missing}\n")

    app = web.Application()
    app.add_routes([web.get("/metrics", metrics), web.get("/livez", livez), web.get("/readyz", readyz)])
    return app
