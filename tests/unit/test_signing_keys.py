"""Files of signing keys: made for their owner alone, read with care, rolled over by name."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from gslb.cli.main import main
from gslb.codec.sealing import Sealed
from gslb.core.order import Order
from gslb.runtime.secrets import ExposedFile
from gslb.runtime.signing_keys import BadKey, load_signer, load_trust, make_pair


def test_a_pair_signs_and_is_trusted(tmp_path: Path) -> None:
    private, public, name = make_pair(tmp_path / "keys", "one")
    assert (private.stat().st_mode & 0o777, public.stat().st_mode & 0o777) == (0o600, 0o644)
    signer = load_signer(private)
    assert signer.key_id == name
    for paths in ([public], [tmp_path / "keys"]):
        load_trust(paths).check(Sealed.MANIFEST, signer.seal(Sealed.MANIFEST, b"x", Order(1, 2, 3)))


def test_a_folder_holds_as_many_as_it_has(tmp_path: Path) -> None:
    names = {make_pair(tmp_path, name)[2] for name in ("one", "two")}
    assert load_trust([tmp_path]).keys.keys() == names


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    before = make_pair(tmp_path, "one")[0].read_bytes()
    with pytest.raises(BadKey, match="File exists"):
        make_pair(tmp_path, "one")
    assert (tmp_path / "one.key").read_bytes() == before


@pytest.mark.parametrize("name", ["../one", "a/b", "", "/one", "."])
def test_a_name_leads_nowhere_else(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadKey, match="cannot name a key"):
        make_pair(tmp_path, name)
    assert list(tmp_path.iterdir()) == []


def test_a_secret_that_others_may_read_is_refused(tmp_path: Path) -> None:
    private, public, _ = make_pair(tmp_path, "one")
    private.chmod(0o644)
    with pytest.raises(ExposedFile, match="others may read"):
        load_signer(private)
    public.chmod(0o666)
    with pytest.raises(ExposedFile, match="others may change it"):
        load_trust([public])


def test_what_is_no_key_is_refused(tmp_path: Path) -> None:
    private, public, _ = make_pair(tmp_path, "one")
    public.chmod(0o600)
    with pytest.raises(BadKey, match="no private key"):
        load_signer(public)
    with pytest.raises(BadKey, match="no public key"):
        load_trust([private])
    with pytest.raises(BadKey, match="No such file"):
        load_trust([tmp_path / "nothing.pub"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadKey, match="there is no key in it"):
        load_trust([tmp_path / "empty"])


def test_a_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    key = generate_private_key(SECP256R1())
    path = tmp_path / "other"
    path.touch(mode=0o600)
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    path.write_bytes(key.private_bytes(pem, form, serialization.NoEncryption()))
    with pytest.raises(BadKey, match="another kind"):
        load_signer(path)


def test_the_command_makes_a_pair_and_says_its_name(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["keys", "new", "first", "--dir", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert load_signer(tmp_path / "first.key").key_id in result.output
    assert CliRunner().invoke(main, ["keys", "new", "first", "--dir", str(tmp_path)]).exit_code == 1
