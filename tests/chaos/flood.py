"""A stranger who floods dns servers: `python -m chaos.flood SECONDS PACKETS_PER_S ADDRESS...`. Bounded in both, seeded.

Over UDP a third each of random octets, of queries with octets changed, and of queries for names made up on the spot.
Over TCP connections that say nothing, half of a length, a length without a query, or garbage.
"""

from __future__ import annotations

import random
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import suppress

import dns.message

BATCH = 50
CONNECTIONS = 100
"""That are kept open to each dns server."""


def main(seconds: float, per_s: float, addresses: Sequence[str]) -> None:
    chance = random.Random(1)
    good = dns.message.make_query("all.gslb.test", "A", use_edns=0).to_wire()
    sender = socket.socket(type=socket.SOCK_DGRAM)
    sender.setblocking(False)
    kept: list[socket.socket] = []
    print("ready", flush=True)
    end_s = due_s = time.monotonic()
    end_s += seconds
    while (now_s := time.monotonic()) < end_s:
        for number in range(BATCH):
            with suppress(OSError):
                sender.sendto(_packet(number % 3, good, chance), (chance.choice(addresses), 53))
        kept.append(_connection(chance.choice(addresses), chance))
        if len(kept) > CONNECTIONS * len(addresses):
            kept.pop(0).close()
        due_s += BATCH / per_s
        time.sleep(max(0.0, due_s - now_s))
    print("done", flush=True)


def _packet(kind: int, good: bytes, chance: random.Random) -> bytes:
    if kind == 0:
        return chance.randbytes(chance.randrange(0, 600))
    if kind == 1:
        changed = bytearray(good)
        for _ in range(chance.randrange(1, 6)):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        return bytes(changed)
    return dns.message.make_query(f"x{chance.randrange(2**32)}.gslb.test", "A").to_wire()


def _connection(address: str, chance: random.Random) -> socket.socket:
    made = socket.socket()
    made.setblocking(False)
    with suppress(BlockingIOError):
        made.connect((address, 53))
    with suppress(OSError):
        made.send(chance.choice((b"\0", b"\xff\xff", b"\0\x20" + chance.randbytes(20), chance.randbytes(2000))))
    return made


if __name__ == "__main__":
    main(float(sys.argv[1]), float(sys.argv[2]), sys.argv[3:])
