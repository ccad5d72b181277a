"""Many agents in one process: `python -m chaos.crowd COORDINATOR,COORDINATOR... FOLDER...`.

Each folder is named as a site and holds a folder of certificates for each of its agents. They are agents as users run
them, but have nothing to probe.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from gslb.runtime import logs
from gslb.runtime.addresses import SocketAddress
from gslb.runtime.tls import Security, TlsFiles
from site_agent.main import Options, run


async def main(coordinators: tuple[SocketAddress, ...], places: Sequence[Path]) -> None:
    async with asyncio.TaskGroup() as tasks:
        for place in places:
            security = Security(files=TlsFiles.of_folder(place))
            options = Options(site=place.parent.name, name=place.name, coordinators=coordinators, security=security)
            tasks.create_task(run(options))
        print("ready", flush=True)


if __name__ == "__main__":
    os.nice(10)  # they stand for many machines; what is measured is on others
    logs.configure("error")
    asyncio.run(
        main(
            tuple(map(SocketAddress.parse, sys.argv[1].split(","))),
            [place for site in sys.argv[2:] for place in Path(site).iterdir()],
        )
    )
