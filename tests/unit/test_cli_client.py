"""Which coordinator the command talks to when it is given several."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from pathlib import Path

import click
import grpc
import pytest
from click.testing import CliRunner
from support.coordinators import Running, coordinator

from gslb.api.v1 import admin_pb2 as pb
from gslb.cli import client
from gslb.cli.main import main
from gslb.runtime.addresses import SocketAddress
from gslb.runtime.tls import LOOPBACK_ONLY


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    async with coordinator(tmp_path) as started:
        yield started


@pytest.fixture
def dead() -> SocketAddress:
    """Nobody listens there."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return SocketAddress("127.0.0.1", probe.getsockname()[1])


async def status_at(*admin: SocketAddress) -> pb.GetStatusResponse:
    return await client.call_first(admin, LOOPBACK_ONLY, lambda stub: stub.GetStatus(pb.GetStatusRequest(), timeout=5))


async def test_the_first_that_answers_is_used(
    running: Running, dead: SocketAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "READY_TIMEOUT_S", 0.3)
    alive = SocketAddress("127.0.0.1", running.bound.port)
    with socket.socket() as hung:  # takes connections and says nothing
        hung.bind(("127.0.0.1", 0))
        hung.listen()
        mute = SocketAddress("127.0.0.1", hung.getsockname()[1])
        assert (await status_at(dead, mute, alive)).coordinator == "c1"
        with pytest.raises(click.ClickException, match=f"no coordinator answers at {dead}, {mute}"):
            await status_at(dead, mute)


async def test_what_one_has_refused_is_not_tried_at_the_next(running: Running, dead: SocketAddress) -> None:
    calls = []

    async def refused(_: object) -> None:
        calls.append(1)
        raise grpc.aio.AioRpcError(
            grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), grpc.aio.Metadata(), "the store is away"
        )

    alive = SocketAddress("127.0.0.1", running.bound.port)
    with pytest.raises(click.ClickException, match="the store is away"):
        await client.call_first((alive, alive), LOOPBACK_ONLY, refused)
    assert len(calls) == 1


def test_several_are_given_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[tuple[SocketAddress, ...]] = []

    def call(admin: tuple[SocketAddress, ...], _: object) -> pb.GetStatusResponse:
        tried.append(admin)
        return pb.GetStatusResponse()

    monkeypatch.setattr(client, "call", call)
    assert CliRunner().invoke(main, ["status"], env={"GSLB_ADMIN": "h1:1, [::1]:2"}).exit_code == 0
    assert CliRunner().invoke(main, ["status", "--admin", "h1:1"]).exit_code == 0
    assert tried == [(SocketAddress("h1", 1), SocketAddress("::1", 2)), (SocketAddress("h1", 1),)]
    assert "is not ADDR:PORT" in CliRunner().invoke(main, ["status", "--admin", "h1:1,h2"]).output


def test_what_a_coordinator_quotes_is_not_taken_for_its_own_absence() -> None:
    """An operator who cannot drain because etcd is gone must not be told that the coordinator is."""
    quoted = "etcd at 10.0.0.1:2379: no connection: Failed to connect to remote host: Ssl handshake failed"
    for details, told in (
        (quoted, quoted),
        (f"failed to connect to all addresses; last error: {quoted}", "do not trust each other"),
        ("failed to connect to all addresses; last error: Connection refused", "no coordinator answers"),
    ):
        error = grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), grpc.aio.Metadata(), details)
        assert told in client.explain_failure(SocketAddress("127.0.0.1", 7400), error)
