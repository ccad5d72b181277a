"""NSD: it cannot steer, and serves each name's default address. What a lean server costs that looks nothing up."""

from __future__ import annotations

from bench.dns import world
from bench.dns.packages import libraries, program
from bench.dns.peers.base import Setting
from bench.dns.processes import Command


def prepare(setting: Setting) -> Command:
    folder = setting.folder
    default = {label: world.address(pools, world.OTHERWISE) for label, pools in setting.world.labels()}
    (folder / "zone").write_text(world.zone_file(default))
    (folder / "nsd.conf").write_text(_config(setting))
    return Command(
        arguments=[program(setting.root, "nsd"), "-d", "-c", str(folder / "nsd.conf")],
        environment={"LD_LIBRARY_PATH": str(libraries(setting.root))},
    )


def _config(setting: Setting) -> str:
    folder = setting.folder
    return f"""\
server:
  server-count: 1
  ip-address: 127.0.0.1@{setting.port}
  username: ""
  zonesdir: {folder}
  database: ""
  pidfile: {folder}/nsd.pid
  xfrdfile: {folder}/xfrd.state
  xfrdir: {folder}
  zonelistfile: {folder}/zone.list
  minimal-responses: yes
  rrl-ratelimit: 0
remote-control:
  control-enable: no
zone:
  name: {world.ZONE}
  zonefile: zone
"""
