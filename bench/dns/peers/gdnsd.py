"""gdnsd with its geoip plugin: a nested map of continents and countries, one resource for each set of pools."""

from __future__ import annotations

from bench.dns import world
from bench.dns.packages import libraries, program
from bench.dns.peers.base import Setting
from bench.dns.processes import Command


def prepare(setting: Setting) -> Command:
    folder = setting.folder
    for name in ("zones", "geoip", "run", "state"):
        (folder / name).mkdir(parents=True)
    (folder / "config").write_text(_config(setting))
    labels = "".join(f"{label} DYNA geoip!s{pools}\n" for label, pools in setting.world.labels())
    (folder / "zones" / world.ZONE).write_text(world.zone_file({}) + labels)
    return Command(
        arguments=[program(setting.root, "gdnsd"), "-c", str(folder), "start"],
        environment={"LD_LIBRARY_PATH": str(libraries(setting.root))},
    )


def _config(setting: Setting) -> str:
    places = ", ".join(world.PLACES)
    continents = "".join(
        f"      {continent} => {{ "
        + "".join(f"{country} => [{country}], " for country in own)
        + f"default => [{continent}] }}\n"
        for continent, own in world.own_by_continent().items()
    )
    resources = "".join(
        f"    s{pools} => {{ map => world, dcmap => {{ "
        + ", ".join(f"{place} => {world.address(pools, place)}" for place in world.PLACES)
        + " } }\n"
        for pools in range(world.SETS)
    )
    return f"""\
options => {{
  listen => [127.0.0.1:{setting.port}]
  udp_threads => 1
  tcp_threads => 1
  run_dir => {setting.folder}/run
  state_dir => {setting.folder}/state
}}
plugins => {{ geoip => {{
  maps => {{ world => {{
    geoip2_db => {setting.database}
    datacenters => [{places}]
    map => {{
{continents}      default => [{world.OTHERWISE}]
    }}
  }} }}
  resources => {{
{resources}  }}
}} }}
"""
