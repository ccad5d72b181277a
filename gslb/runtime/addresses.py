"""`ADDR:PORT` as users write it: 127.0.0.1:53, [::1]:53, or :53 for loopback."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address


@dataclass(frozen=True, slots=True)
class SocketAddress:
    host: str
    port: int

    @classmethod
    def parse(cls, text: str, default_host: str = "127.0.0.1") -> SocketAddress:
        """Raises ValueError with a sentence that shows the right form."""
        host, colon, port = text.rpartition(":")
        if host.startswith("[") and host.endswith("]"):
            host = host[1:-1]
        elif ":" in host:
            raise ValueError(f"'{text}': write an IPv6 address in brackets, as in [::1]:53")
        if not colon or not port.isdigit() or int(port) > 65_535:
            raise ValueError(f"'{text}' is not ADDR:PORT, as in 127.0.0.1:53 or [::1]:53")
        return cls(host or default_host, int(port))

    @property
    def is_loopback(self) -> bool:
        """What is sent there stays on this machine."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def is_anywhere(self) -> bool:
        """All addresses of this machine: to listen at, not to connect to."""
        try:
            return ip_address(self.host).is_unspecified
        except ValueError:
            return False

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
