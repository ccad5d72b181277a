"""A bad path: `python -m chaos.shaper DEVICE LOSS JITTER_MS SEED` loses and delays packets that go through DEVICE.

It makes the device, says "ready", and sends back what comes in, each packet late by itself, so that they also overtake
each other, as on real paths. The router decides what goes through it (`Network.shape`).
"""

from __future__ import annotations

import fcntl
import heapq
import os
import random
import select
import struct
import subprocess
import sys
import time
from itertools import count

_TUNSETIFF, _TUN, _NO_HEADER = 0x400454CA, 0x0001, 0x1000
MOST_WAITING = 100_000


def main(device: str, loss: float, jitter_s: float, seed: int) -> None:
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, _TUNSETIFF, struct.pack("16sH", device.encode(), _TUN | _NO_HEADER))
    subprocess.run(["ip", "link", "set", device, "up"], check=True)
    print("ready", flush=True)
    _move(tun, loss, jitter_s, random.Random(seed))


def _move(tun: int, loss: float, jitter_s: float, chance: random.Random) -> None:
    """`waiting`: (when due, number of the packet, packet)."""
    waiting: list[tuple[float, int, bytes]] = []
    numbers = count()
    while True:
        patience_s = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
        if select.select([tun], [], [], patience_s)[0]:
            packet = os.read(tun, 65_536)
            if chance.random() >= loss and len(waiting) < MOST_WAITING:
                heapq.heappush(waiting, (time.monotonic() + jitter_s * chance.random(), next(numbers), packet))
        while waiting and waiting[0][0] <= time.monotonic():
            os.write(tun, heapq.heappop(waiting)[2])


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), float(sys.argv[3]) / 1000, int(sys.argv[4]))
