"""A dns server with no control plane at all, as a real process: break-glass file, damaged files, age."""

from __future__ import annotations

import os
import time
from pathlib import Path

import dns.asyncquery
import dns.message
import dns.rcode
import pytest
from support.dnsprocesses import Place, place_in
from support.dnsworld import addresses, facts_of, make_snapshot, query_for, world
from support.saved import save_world
from support.waiting import eventually

from gslb.core.order import Order

DAY_S = 86_400


async def ask(place: Place) -> dns.message.Message:
    """For `www`, as a client in London, who is answered from the site `eu`."""
    query = query_for("www.example.test", "A", "81.2.69.0/24")
    return await dns.asyncquery.udp(query, place.address.host, port=place.address.port, timeout=5)


async def site(place: Place) -> str:
    """Where the answer leads."""
    (address,) = addresses(await ask(place))
    return "eu" if address == "192.0.2.1" else "us"


async def until_at(place: Place, wanted: str) -> None:
    async def is_there() -> bool:
        return await site(place) == wanted

    await eventually(is_there)


async def test_a_break_glass_file_takes_a_site_out_and_back(tmp_path: Path) -> None:
    async with place_in(tmp_path) as place:
        server = await place.serve()
        file = tmp_path / "break-glass.yaml"
        assert await site(place) == "eu"
        file.write_text("overrides: [{site: eu, action: force_down, why: flood}]\n")
        await until_at(place, "us")
        file.write_text("overrides:\n  - {site: eu, action: flood}\n")
        await server.said("break-glass.yaml:2:24: `action`: `flood` is not known here")
        assert await site(place) == "us", "a bad file changes nothing"
        file.write_text("overrides: []\n")
        await until_at(place, "eu")


async def test_it_is_in_force_from_the_first_answer_on(tmp_path: Path) -> None:
    other = tmp_path / "elsewhere.yaml"
    other.write_text("overrides: [{site: eu, action: drain}]\n")
    async with place_in(tmp_path / "data") as place:
        await place.serve(options=("--break-glass", str(other)))
        assert await site(place) == "us"


DAMAGES = {
    "cut off": lambda content: content[: len(content) // 2],
    "empty": lambda content: b"",
    "a bit flipped": lambda content: content[:-9] + bytes([content[-9] ^ 1]) + content[-8:],
    "of another version": lambda content: b"gslb-lkg-9" + content[10:],
}


@pytest.mark.parametrize("damage", DAMAGES)
async def test_after_a_restart_the_newest_whole_generation_serves(tmp_path: Path, damage: str) -> None:
    async with place_in(tmp_path) as place:
        save_world(tmp_path, make_snapshot(order=Order(1, 2, 0)), facts_of(world()))
        newest = max((tmp_path / "dns").glob("snapshot.*"))
        newest.write_bytes(DAMAGES[damage](newest.read_bytes()))
        server = await place.start()
        await server.said('"event": "last known good not usable"')
        await server.said('"order": "1.1.0"')
        assert await site(place) == "eu"


async def test_it_answers_whatever_its_age_unless_there_is_a_limit(tmp_path: Path) -> None:
    async with place_in(tmp_path) as place:
        heard = tmp_path / "dns" / "heard"
        heard.touch()
        os.utime(heard, (time.time() - 8 * DAY_S,) * 2)
        await place.serve()
        assert await site(place) == "eu"
        before = await place.serve(options=("--max-age", "9d"))
        assert await site(place) == "eu"
        await place.serve(options=("--max-age", "7d"))
        assert await before.ended() == 0
        reply = await ask(place)
        assert reply.rcode() == dns.rcode.SERVFAIL
        assert "EDE 14" in str(reply)
