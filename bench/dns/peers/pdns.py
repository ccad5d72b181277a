"""PowerDNS with its geoip backend: names lead to records by country, else by continent, else to the default."""

from __future__ import annotations

from bench.dns import world
from bench.dns.packages import libraries, program
from bench.dns.peers.base import Setting
from bench.dns.processes import Command


def prepare(setting: Setting) -> Command:
    folder = setting.folder
    (folder / "zones.yaml").write_text(_zones(setting))
    (folder / "pdns.conf").write_text(_config(setting))
    return Command(
        arguments=[program(setting.root, "pdns_server"), f"--config-dir={folder}"],
        environment={"LD_LIBRARY_PATH": str(libraries(setting.root))},
    )


def _zones(setting: Setting) -> str:
    zone = world.ZONE
    places = [*((place.lower(), place) for place in world.PLACES), ("default", world.OTHERWISE)]
    # A continent and a country may share two letters, so countries get a label of their own.
    records = "".join(
        f"    {_key(label, place)}.s{pools}.{zone}:\n      - a: {world.address(pools, place)}\n"
        for pools in range(world.SETS)
        for label, place in places
    )
    services = "".join(
        f"    {label}.{zone}: ['%cc.country.s{pools}.{zone}', '%cn.s{pools}.{zone}', 'default.s{pools}.{zone}']\n"
        for label, pools in setting.world.labels()
    )
    return f"""\
domains:
- domain: {zone}
  ttl: {world.TTL_S}
  records:
    {zone}:
      - soa: {world.NAME_SERVER} hostmaster.{zone} 1 7200 1800 259200 10
      - ns: {world.NAME_SERVER}
    {world.NAME_SERVER}:
      - a: 127.0.0.1
{records}  services:
{services}"""


def _key(label: str, place: str) -> str:
    return f"{label}.country" if place in world.OWN else label


def _config(setting: Setting) -> str:
    modules = next(setting.root.glob("usr/lib/*/pdns"))
    return f"""\
launch=geoip
module-dir={modules}
geoip-zones-file={setting.folder}/zones.yaml
geoip-database-files=mmdb:{setting.database}
edns-subnet-processing=yes
local-address=127.0.0.1
local-port={setting.port}
receiver-threads=1
distributor-threads=1
socket-dir={setting.folder}
security-poll-suffix=
daemon=no
guardian=no
loglevel=3
"""
