"""Compare our DNS server with others that steer: `python -m bench.dns [--servers A,B] [--rounds N] [--seconds S] ...`.

All serve the same names with the same rules and the same country database, are pinned to one core and loaded from
another, in turns. Peers come from Debian packages, unpacked and never installed; one that cannot take part has a row
that says why. Loopback only.
"""

from __future__ import annotations

from bench.dns import setup, table
from bench.dns.rounds import measure
from bench.dns.servers import NAMES, Servers
from bench.dns.setup import say


def main() -> None:
    given = setup.arguments("bench.dns", __doc__, servers=",".join(NAMES))
    with setup.prepared(given) as here:
        servers = Servers(here=here, packages=setup.BUILD / "packages")
        servers.start(given.servers.split(","))
        for absent, reason in servers.absent.items():
            say(f"{absent} does not take part: {reason}")
        turns = measure([(server, here.load) for server in servers.present], here.processes, given.rounds, say)
    text = table.about(here.load, given) + table.of_servers(turns, servers.absent)
    print(text)
    if given.into is not None:
        table.put(text, "servers", given.into)


if __name__ == "__main__":
    main()
