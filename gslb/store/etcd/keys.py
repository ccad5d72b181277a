"""How our keys lie in etcd: `PREFIX/incarnation`, and the store's own below `PREFIX/keys/`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Keys:
    prefix: str

    @property
    def incarnation(self) -> bytes:
        return f"{self.prefix}/incarnation".encode()

    def dump(self, key: str) -> bytes:
        return f"{self.prefix}/keys/{key}".encode()

    def load(self, key: bytes) -> str:
        return key.decode(errors="replace").removeprefix(f"{self.prefix}/keys/")


def range_end(start: bytes) -> bytes:
    """The first key that does not begin with `start`, which is UTF-8 and so has no octet 255."""
    return start[:-1] + bytes([start[-1] + 1])
