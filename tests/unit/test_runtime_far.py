"""Peers that are far away."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from socket import create_server

import pytest

from gslb.runtime import rpc

FAR_S = 1.0
"""Three round trips to the other side of the world, with room."""


async def test_an_attempt_to_connect_lasts_as_long_as_round_trips_take() -> None:
    loop = asyncio.get_running_loop()
    with create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        async with rpc.channel(f"127.0.0.1:{listening.getsockname()[1]}") as channel:
            ready = asyncio.ensure_future(channel.channel_ready())
            first, _ = await loop.sock_accept(listening)  # and says nothing, as one whose answer is under way
            with first, pytest.raises(TimeoutError):
                async with asyncio.timeout(FAR_S):
                    await loop.sock_accept(listening)
            ready.cancel()
            with suppress(asyncio.CancelledError):
                await ready
