"""SipHash-2-4: a short keyed hash of 64 bits (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012)."""

from __future__ import annotations

import struct

KEY_BYTES = 16
_U64 = (1 << 64) - 1
_COMPRESSION_ROUNDS, _FINAL_ROUNDS = 2, 4
_State = tuple[int, int, int, int]


def siphash(key: bytes, data: bytes) -> bytes:
    """The hash as 8 octets, least significant first. `key`: 16 octets."""
    k0, k1 = struct.unpack("<2Q", key)
    state = (k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573)
    padded = data + bytes(-(len(data) + 1) % 8) + bytes([len(data) & 0xFF])
    for (word,) in struct.iter_unpack("<Q", padded):
        v0, v1, v2, v3 = _rounds((*state[:3], state[3] ^ word), _COMPRESSION_ROUNDS)
        state = (v0 ^ word, v1, v2, v3)
    v0, v1, v2, v3 = _rounds((*state[:2], state[2] ^ 0xFF, state[3]), _FINAL_ROUNDS)
    return struct.pack("<Q", v0 ^ v1 ^ v2 ^ v3)


def _rounds(state: _State, count: int) -> _State:
    v0, v1, v2, v3 = state
    for _ in range(count):
        v0, v2 = v0 + v1 & _U64, v2 + v3 & _U64
        v1, v3 = _rotated(v1, 13) ^ v0, _rotated(v3, 16) ^ v2
        v0 = _rotated(v0, 32)
        v2, v0 = v2 + v1 & _U64, v0 + v3 & _U64
        v1, v3 = _rotated(v1, 17) ^ v2, _rotated(v3, 21) ^ v0
        v2 = _rotated(v2, 32)
    return v0, v1, v2, v3


def _rotated(word: int, bits: int) -> int:
    return (word << bits | word >> 64 - bits) & _U64
