"""Signing with the commands and files that operators use: dns servers that trust a coordinator, and do not."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import dns.asyncquery
import dns.rcode
from support.dnsprocesses import Place, place_in
from support.dnsworld import addresses, query_for
from support.waiting import eventually

from gslb.cli.demo.children import free_port
from gslb.runtime.signing_keys import make_pair

CONFIG = """
zones:
  - {name: example.test, nameservers: [ns1.elsewhere.test], contact: ops@example.test,
     records: [{name: host, type: A, data: 192.0.2.7}]}
"""


@asynccontextmanager
async def coordinator(folder: Path, key: Path) -> AsyncIterator[str]:
    config, address = folder / "gslb.yaml", f"127.0.0.1:{free_port()}"
    config.write_text(CONFIG)
    where = ("--admin", address, "--data", str(folder / "coordinator"), "-f", str(config))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gslb.cli", "coordinator", *where, "--signing-key", str(key), stderr=DEVNULL
    )
    try:
        yield address
    finally:
        process.kill()
        await process.wait()


async def ask(place: Place) -> dns.message.Message:
    query = query_for("host.example.test", "A")
    return await dns.asyncquery.udp(query, place.address.host, port=place.address.port, timeout=5)


async def test_only_a_dns_server_that_trusts_the_key_serves(tmp_path: Path) -> None:
    signing, trusted, _ = make_pair(tmp_path, "one")
    _, other, _ = make_pair(tmp_path, "two")
    async with (
        coordinator(tmp_path, signing) as address,
        place_in(tmp_path / "good", saved=False) as good,
        place_in(tmp_path / "bad", saved=False) as bad,
    ):
        await good.serve(options=("--coordinator", address, "--trusted-keys", str(trusted)))

        async def serves() -> bool:
            return addresses(await ask(good)) == ["192.0.2.7"]

        await eventually(serves)
        distrustful = await bad.serve(options=("--coordinator", address, "--trusted-keys", str(other)))
        await distrustful.said("unknown key snapshot refused")
        assert (await ask(bad)).rcode() == dns.rcode.SERVFAIL
    async with place_in(tmp_path / "good", saved=False) as again:
        await again.serve(options=("--trusted-keys", str(trusted)))
        assert addresses(await ask(again)) == ["192.0.2.7"]
    async with place_in(tmp_path / "good", saved=False) as distrusting:
        await distrusting.serve(options=("--trusted-keys", str(other)))
        assert (await ask(distrusting)).rcode() == dns.rcode.SERVFAIL
