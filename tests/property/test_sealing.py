"""Envelopes: what is signed is taken as it is; whatever is changed in it, wherever, is not."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from gslb.api.v1.facts_pb2 import Envelope
from gslb.codec.sealing import ANYBODY, NO_SIGNER, Sealed, Signer, Trust, Untrusted, key_id, trust_in
from gslb.core.order import Order

KEY, OTHER = (Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32) for number in (1, 2))
SIGNER, TRUST = Signer(KEY), trust_in([KEY.public_key()])

numbers = st.integers(0, 2**64 - 1)
orders = st.builds(Order, numbers, numbers, numbers)
kinds = st.sampled_from(Sealed)


def reason(trust: Trust, kind: Sealed, envelope: Envelope) -> str:
    with pytest.raises(Untrusted) as caught:
        trust.check(kind, envelope)
    return caught.value.reason


@given(kinds, st.binary(max_size=200), orders)
def test_what_is_signed_is_trusted_after_any_way(kind: Sealed, payload: bytes, order: Order) -> None:
    envelope = SIGNER.seal(kind, payload, order)
    TRUST.check(kind, Envelope.FromString(envelope.SerializeToString()))
    assert (envelope.payload, envelope.key_id) == (payload, key_id(KEY.public_key()))


@given(kinds, st.binary(min_size=1, max_size=60), orders, st.data())
def test_a_flipped_bit_anywhere_is_refused(kind: Sealed, payload: bytes, order: Order, data: st.DataObject) -> None:
    envelope = SIGNER.seal(kind, payload, order)
    part = data.draw(st.sampled_from(("payload", "signature", "key_id", "order")))
    if part == "order":
        name = data.draw(st.sampled_from(("incarnation", "config", "directive")))
        setattr(envelope.order, name, getattr(envelope.order, name) ^ 1 << data.draw(st.integers(0, 63)))
    elif part == "key_id":
        at = data.draw(st.integers(0, len(envelope.key_id) - 1))
        envelope.key_id = envelope.key_id[:at] + chr(ord(envelope.key_id[at]) ^ 1) + envelope.key_id[at + 1 :]
    else:
        content = bytearray(getattr(envelope, part))
        bit = data.draw(st.integers(0, 8 * len(content) - 1))
        content[bit // 8] ^= 1 << bit % 8
        setattr(envelope, part, bytes(content))
    assert reason(TRUST, kind, envelope) == ("unknown key" if part == "key_id" else "bad signature")


@given(st.binary(max_size=60), orders)
def test_one_kind_is_not_taken_for_another(payload: bytes, order: Order) -> None:
    assert reason(TRUST, Sealed.DIRECTIVES, SIGNER.seal(Sealed.MANIFEST, payload, order)) == "bad signature"
    assert reason(TRUST, Sealed.MANIFEST, SIGNER.seal(Sealed.DIRECTIVES, payload, order)) == "bad signature"


@given(kinds, st.binary(max_size=60), orders, st.integers(0, 64))
def test_bytes_do_not_move_between_payload_and_signature(kind: Sealed, payload: bytes, order: Order, cut: int) -> None:
    envelope = SIGNER.seal(kind, payload, order)
    both = envelope.payload + envelope.signature
    moved = Envelope(payload=both[:cut], signature=both[cut:], key_id=envelope.key_id, order=envelope.order)
    if moved != envelope:
        assert reason(TRUST, kind, moved) == "bad signature"


def test_who_is_asked_for_signatures_takes_nothing_without_one() -> None:
    assert reason(TRUST, Sealed.MANIFEST, NO_SIGNER.seal(Sealed.MANIFEST, b"x", Order(1, 1, 1))) == "unsigned"
    assert reason(TRUST, Sealed.MANIFEST, Signer(OTHER).seal(Sealed.MANIFEST, b"x", Order(1, 1, 1))) == "unknown key"
    for signer in (NO_SIGNER, SIGNER):
        ANYBODY.check(Sealed.MANIFEST, signer.seal(Sealed.MANIFEST, b"x", Order(1, 1, 1)))


def test_what_is_signed_again_is_the_same_until_something_differs() -> None:
    signer, first = Signer(KEY), Order(1, 1, 1)
    one = signer.seal(Sealed.MANIFEST, b"x", first)
    assert signer.seal(Sealed.MANIFEST, b"x", first) == one
    for kind, payload, order in ((Sealed.MANIFEST, b"x", Order(1, 1, 2)), (Sealed.DIRECTIVES, b"x", first)):
        other = signer.seal(kind, payload, order)
        assert other.signature != one.signature
        TRUST.check(kind, other)
    TRUST.check(Sealed.MANIFEST, signer.seal(Sealed.MANIFEST, b"y", first))


def test_several_keys_are_trusted_while_one_follows_another() -> None:
    both = trust_in([KEY.public_key(), OTHER.public_key()])
    for key in (KEY, OTHER):
        both.check(Sealed.DIRECTIVES, Signer(key).seal(Sealed.DIRECTIVES, b"x", Order(1, 1, 1)))
