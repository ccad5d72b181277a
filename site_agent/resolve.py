"""Host names to addresses, by the system's resolver, without holding up the event loop or the end of the process.

The system's call cannot be stopped, so it runs in daemon threads: one that hangs keeps its place until it returns, and
a bound on their number keeps a dead resolver from eating the machine.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import suppress
from ipaddress import ip_address

from gslb.core.errors import GslbError
from gslb.core.model import IPAddress

MOST_THREADS = 32


class NameFailed(GslbError):
    """A host name has no address now."""

    code = "name-failed"


class Resolver:
    """The caller owns the time-out: cancelling `resolve` is enough."""

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(MOST_THREADS)

    async def resolve(self, host: str) -> IPAddress:
        """The address that the system prefers for `host`; addresses as text are taken as they are."""
        try:
            return ip_address(host)
        except ValueError:
            pass
        await self._places.acquire()
        loop = asyncio.get_running_loop()
        found: asyncio.Future[IPAddress] = loop.create_future()

        def deliver(answer: IPAddress | NameFailed) -> None:
            self._places.release()
            if found.done():
                return
            if isinstance(answer, NameFailed):
                found.set_exception(answer)
            else:
                found.set_result(answer)

        def work() -> None:
            answer = _ask_system(host)
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(deliver, answer)

        threading.Thread(target=work, name="resolve", daemon=True).start()
        return await found


def _ask_system(host: str) -> IPAddress | NameFailed:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        return NameFailed(f"'{host}' not resolved: {(error.strerror or 'no reason given').lower()}")
    except (OSError, UnicodeError) as error:
        return NameFailed(f"'{host}' not resolved: {error}")
    return ip_address(found[0][4][0])
