"""A real server process for tests: `python webserver.py ADDRESS PORT [CERTIFICATE]` answers 200 "fine" with keep-alive.

Prints its port when it listens. Meant to be killed.
"""

from __future__ import annotations

import asyncio
import ssl
import sys


class Web(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine" * data.count(b"\r\n\r\n"))


async def main(address: str, port: str, certificate: str | None = None) -> None:
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    server = await asyncio.get_running_loop().create_server(Web, address, int(port), ssl=context)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
