"""One of the demo's web servers: `python -m gslb.cli.demo.server ADDRESS PORT NAME`. Plain code, to start fast."""

from __future__ import annotations

import asyncio
import sys


async def _serve(address: str, port: int, name: str) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while request := await _read_request(reader):
                body = b"ok\n" if request == "/healthz" else f"hello from {name}\n".encode()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % len(body))
                writer.write(body)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async with await asyncio.start_server(answer, address, port) as server:
        await server.serve_forever()


async def _read_request(reader: asyncio.StreamReader) -> str | None:
    """The path of the next request on the connection, None when the peer is done."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    words = head.split(b" ", 2)
    return words[1].decode("ascii", "replace") if len(words) > 1 else None


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
