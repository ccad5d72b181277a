"""Many agents of one site in one process: `python -m chaos.crowd SITE FOLDER COORDINATOR...`.

`FOLDER` holds a folder of certificates for each. They are agents as users run them, but have nothing to probe.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from gslb.runtime import logs
from gslb.runtime.addresses import SocketAddress
from gslb.runtime.tls import Security, TlsFiles
from site_agent.main import Options, run


async def main(site: str, places: list[Path], coordinators: tuple[SocketAddress, ...]) -> None:
    async with asyncio.TaskGroup() as tasks:
        for place in places:
            security = Security(files=TlsFiles.of_folder(place))
            tasks.create_task(run(Options(site=site, name=place.name, coordinators=coordinators, security=security)))
        print("ready", flush=True)


if __name__ == "__main__":
    logs.configure("error")
    asyncio.run(main(sys.argv[1], list(Path(sys.argv[2]).iterdir()), tuple(map(SocketAddress.parse, sys.argv[3:]))))
