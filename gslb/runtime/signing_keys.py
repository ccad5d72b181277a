"""Files of signing keys: NAME.key, which only its owner may read, and NAME.pub, which the dns servers are given."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gslb.codec.sealing import Signer, Trust, key_id, trust_in
from gslb.core.errors import GslbError
from gslb.runtime.secrets import read_secret, read_unchangeable

PRIVATE, PUBLIC = ".key", ".pub"
MOST_KEYS = 100


class BadKey(GslbError):
    """A file of a key is not to be used."""

    code = "bad-key"

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")


def make_pair(folder: Path, name: str) -> tuple[Path, Path, str]:
    """A new key in two files, and its key id. Raises BadKey where one is there, or `name` is none for a file."""
    if not name or Path(name).name != name:
        raise BadKey(Path(name), "this cannot name a key: leave out the folder, --dir names it")
    key = Ed25519PrivateKey.generate()
    private, public = folder / f"{name}{PRIVATE}", folder / f"{name}{PUBLIC}"
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    _write_new(private, key.private_bytes(pem, form, serialization.NoEncryption()), 0o600)
    shown = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    _write_new(public, shown, 0o644)
    return private, public, key_id(key.public_key())


def load_signer(path: Path) -> Signer:
    """Raises BadKey, ExposedFile."""
    try:
        key = serialization.load_pem_private_key(read_secret(path), password=None)
    except OSError as error:
        raise BadKey(path, error.strerror or "it cannot be read") from None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise BadKey(path, "it holds no private key: make one with `gslb keys new`") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise BadKey(path, "its key is of another kind than Ed25519: make one with `gslb keys new`")
    return Signer(key)


def load_trust(paths: Iterable[Path]) -> Trust:
    """`paths`: files of public keys, or folders of NAME.pub. Raises ExposedFile, and BadKey; also for no key at all."""
    given = tuple(paths)
    files = [file for path in given for file in files_of(path)]
    if not files:
        raise BadKey(given[0], f"there is no key in it: put NAME{PUBLIC} there")
    if len(files) > MOST_KEYS:
        raise BadKey(given[0], f"more than {MOST_KEYS} keys")
    return trust_in(map(_load_public, files))


def files_of(path: Path) -> tuple[Path, ...]:
    """The files that stand for `path`."""
    return tuple(sorted(path.glob(f"*{PUBLIC}"))) if path.is_dir() else (path,)


def _load_public(path: Path) -> Ed25519PublicKey:
    try:
        key = serialization.load_pem_public_key(read_unchangeable(path))
    except OSError as error:
        raise BadKey(path, error.strerror or "it cannot be read") from None
    except (ValueError, UnsupportedAlgorithm):
        raise BadKey(path, f"it holds no public key: copy NAME{PUBLIC} of `gslb keys new` here") from None
    if not isinstance(key, Ed25519PublicKey):
        raise BadKey(path, "its key is of another kind than Ed25519")
    return key


def _write_new(path: Path, content: bytes, mode: int) -> None:
    """Raises BadKey rather than writing over anything."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
    except OSError as error:
        raise BadKey(path, f"it cannot be made: {error.strerror}") from None
