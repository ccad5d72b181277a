"""The pure heart: no asyncio, sockets, files, clocks, randomness or logging."""
