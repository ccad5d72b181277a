"""Knot DNS with mod-geoip: a table of continent and country for every name."""

from __future__ import annotations

from bench.dns import world
from bench.dns.packages import libraries, program
from bench.dns.peers.base import Setting
from bench.dns.processes import Command


def prepare(setting: Setting) -> Command:
    folder = setting.folder
    default = {label: world.address(pools, world.OTHERWISE) for label, pools in setting.world.labels()}
    (folder / f"{world.ZONE}.zone").write_text(world.zone_file(default))
    (folder / "geo.conf").write_text("".join(_name(label, pools) for label, pools in setting.world.labels()))
    (folder / "knot.conf").write_text(_config(setting))
    return Command(
        arguments=[program(setting.root, "knotd"), "--config", str(folder / "knot.conf")],
        environment={"LD_LIBRARY_PATH": str(libraries(setting.root))},
    )


def _name(label: str, pools: int) -> str:
    keys = [(f"{here};{country}", country) for here, own in world.own_by_continent().items() for country in own]
    keys += [(f"{continent};*", continent) for continent in world.CONTINENTS]
    keys += [("*;*", world.OTHERWISE)]
    return f"{label}.{world.ZONE}:\n" + "".join(
        f'  - geo: "{key}"\n    A: {world.address(pools, place)}\n' for key, place in keys
    )


def _config(setting: Setting) -> str:
    folder = setting.folder
    return f"""\
module:
  - id: mod-geoip
    file: {next(setting.root.glob("usr/lib/*/knot/modules-*/geoip.so"))}
server:
  rundir: {folder}
  listen: 127.0.0.1@{setting.port}
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
  edns-client-subnet: on
database:
  storage: {folder}
log:
  - target: stderr
    any: warning
mod-geoip:
  - id: world
    config-file: {folder}/geo.conf
    ttl: {world.TTL_S}
    mode: geodb
    geodb-file: {setting.database}
    geodb-key: [continent/code, country/iso_code]
zone:
  - domain: {world.ZONE}
    storage: {folder}
    file: {world.ZONE}.zone
    module: mod-geoip/world
"""
