"""The file of cookie secrets: what it may hold, who may read it, and what happens when it changes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from support.waiting import until

from dns_server.cookie_secrets import BadSecrets, CookieSecrets, load
from gslb.runtime.secrets import ExposedFile

ONE, TWO, THREE = "00112233445566778899aabbccddeeff", "E5E973E5A6B2A43F48E7DC849E37BFCF", "ab" * 16


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path / "secrets", ONE)


def write(path: Path, *lines: str, mode: int = 0o600) -> Path:
    """Replaces the file at once, as careful tools do."""
    fresh = path.with_suffix(".new")
    fresh.write_text("".join(f"{line}\n" for line in lines))
    fresh.chmod(mode)
    return fresh.rename(path)


def test_one_line_or_two(path: Path) -> None:
    assert load(path) == (bytes.fromhex(ONE),)
    assert load(write(path, TWO, ONE)) == (bytes.fromhex(TWO), bytes.fromhex(ONE))


@pytest.mark.parametrize(
    "lines", [(), (ONE[:-1],), (ONE + "0",), ("xy" * 16,), (ONE, TWO, THREE), (ONE, "é"), (ONE * 40,)]
)
def test_anything_else_is_refused_without_showing_it(path: Path, lines: tuple[str, ...]) -> None:
    with pytest.raises(BadSecrets) as caught:
        load(write(path, *lines))
    assert caught.value.reason == "it must hold one or two lines of 32 hexadecimal digits"


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o620, 0o644, 0o666])
def test_what_others_may_read_or_change_is_refused(path: Path, mode: int) -> None:
    with pytest.raises(ExposedFile, match=f"mode {mode:o}"):
        load(write(path, ONE, mode=mode))
    assert load(write(path, ONE, mode=0o440)) == (bytes.fromhex(ONE),)


def test_a_missing_file_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(BadSecrets, match="No such file"):
        CookieSecrets(tmp_path / "nothing")


def test_without_a_file_every_process_has_a_secret_of_its_own() -> None:
    assert CookieSecrets(None).current != CookieSecrets(None).current


def remove(path: Path) -> None:
    path.unlink()


def reached(seen: list[tuple[bytes, ...]], count: int) -> bool:
    return len(seen) == count


@contextmanager
def following(secrets: CookieSecrets) -> Iterator[list[tuple[bytes, ...]]]:
    """What was in force, change by change."""
    seen: list[tuple[bytes, ...]] = []
    task = asyncio.create_task(secrets.follow(lambda: seen.append(secrets.current), look_s=0.001))
    yield seen
    task.cancel()


async def test_a_roll_over_is_followed(path: Path) -> None:
    """RFC 9018 5: the new secret is first accepted, then makes cookies, then the old one goes."""
    stages = [(ONE, TWO), (TWO, ONE), (TWO,)]
    with following(CookieSecrets(path)) as seen:
        for count, stage in enumerate(stages, 1):
            write(path, *stage)
            await until(partial(reached, seen, count))
    assert seen == [tuple(map(bytes.fromhex, stage)) for stage in stages]


async def test_a_bad_file_keeps_the_old_secrets_and_is_counted_once(path: Path) -> None:
    secrets = CookieSecrets(path)
    with following(secrets) as seen:
        write(path, "what")
        await until(lambda: secrets.refused == 1)
        remove(path)
        await until(lambda: secrets.refused == 2)
        assert secrets.current == (bytes.fromhex(ONE),)
        write(path, TWO, mode=0o644)
        await until(lambda: secrets.refused == 3)
        assert secrets.spoilt.startswith(f"cookie secrets: {path}: ")
        write(path, TWO)
        await until(lambda: seen == [(bytes.fromhex(TWO),)])
    assert (secrets.refused, secrets.spoilt) == (3, "")


async def test_a_file_that_says_the_same_changes_nothing(path: Path) -> None:
    secrets = CookieSecrets(path)
    with following(secrets) as seen:
        os.utime(path, (1, 1))
        write(path, ONE.upper())
        write(path, TWO)
        await until(lambda: len(seen) > 0)
    assert seen == [(bytes.fromhex(TWO),)]
