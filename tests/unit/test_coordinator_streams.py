"""Writing to streams whose peer goes at the wrong moment."""

from __future__ import annotations

import asyncio
import gc

from gslb.coordinator.relay import streams


class Breaking:
    """A stream on which a message is under way until it breaks."""

    def __init__(self) -> None:
        self.begun, self.broken = asyncio.Event(), asyncio.Event()

    async def write(self, _: str) -> None:
        self.begun.set()
        await self.broken.wait()
        raise ConnectionResetError


async def test_a_stream_that_breaks_under_a_writer_who_has_gone_is_no_error() -> None:
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context["message"]))
    stream = Breaking()
    writer = asyncio.create_task(streams.write(stream, "news"))
    await stream.begun.wait()
    writer.cancel()
    await asyncio.sleep(0)
    stream.broken.set()
    await asyncio.wait([writer])
    del writer
    gc.collect()
    assert not complaints
