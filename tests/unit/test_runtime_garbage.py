"""Collections wait for what is being built, and pass over it afterwards."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from gslb.runtime.garbage import building, loading

Collected = list[int]


class Ring:
    """Garbage as soon as nobody holds it, that only a collection finds."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    yield
    gc.unfreeze()
    assert gc.isenabled()


@pytest.fixture
def collected() -> Iterator[Collected]:
    """The generations collected so far."""
    generations: Collected = []

    def note(phase: str, about: dict[str, int]) -> None:
        if phase == "start":
            generations.append(about["generation"])

    gc.callbacks.append(note)
    yield generations
    gc.callbacks.remove(note)


def grown() -> list[list[int]]:
    return [[] for _ in range(10 * gc.get_threshold()[0])]


def test_what_grows_is_collected_once_when_it_is_there(collected: Collected) -> None:
    with building():
        held = grown()
        assert collected == []
    assert collected == [2]
    assert gc.get_freeze_count() > len(held)
    grown()
    assert len(collected) > 1


def test_garbage_goes_when_something_is_built(collected: Collected) -> None:
    with building():
        first = weakref.ref(Ring())
        assert first() is not None
    assert first() is None
    aside = Ring()
    with building():
        pass
    seen = weakref.ref(aside)
    del aside
    gc.collect()
    assert seen() is not None  # set aside
    with building():
        pass
    assert seen() is None


def test_whoever_is_the_last_to_build_collects(collected: Collected) -> None:
    both, first_is_done = Barrier(2, timeout=10), Barrier(2, timeout=10)

    def first() -> None:
        with building():
            both.wait()
        first_is_done.wait()

    def second() -> bool:
        with building():
            both.wait()
            first_is_done.wait()
            return gc.isenabled()

    with ThreadPoolExecutor(2) as threads:
        builders: list[Callable[[], bool | None]] = [first, second]
        assert [done.result() for done in [threads.submit(builder) for builder in builders]] == [None, False]
    assert collected.count(2) == 1


def test_an_error_ends_building_too(collected: Collected) -> None:
    with pytest.raises(ValueError, match="no good"), building():
        raise ValueError("no good")
    assert collected == [2]
    assert gc.isenabled()


def test_nothing_is_collected_while_modules_are_loaded(collected: Collected) -> None:
    with loading():
        assert not gc.isenabled()
    assert gc.isenabled()
    assert collected == []


def test_who_had_switched_collecting_off_finds_it_off_when_modules_are_loaded() -> None:
    gc.disable()
    with loading():
        pass
    is_on = gc.isenabled()
    gc.enable()
    assert not is_on
