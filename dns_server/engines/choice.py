"""Which engine answers: the native one where its module is there, else the readable one."""

from __future__ import annotations

from importlib.util import find_spec

from dns_server.engines.base import Engine
from dns_server.engines.tcp import TcpLimits
from gslb.core.errors import GslbError

NATIVE_MODULE = "dns_server._native"


class NoNativeEngine(GslbError):
    """This installation was made without the native module."""

    code = "no-native-engine"


def make_engine(name: str, *, entropy: int, limits: TcpLimits | None = None) -> Engine:
    """`auto`, `native` or `python`; `auto` is the fastest there is. `entropy`: 64 random bits.

    Raises NoNativeEngine.
    """
    match name:
        case "auto":
            return make_engine("native" if has_native() else "python", entropy=entropy, limits=limits)
        case "native":
            if not has_native():
                raise NoNativeEngine(
                    f"the native engine is not installed: there is no module {NATIVE_MODULE}. "
                    "Install with a Rust toolchain at hand (see README), or use --engine python"
                )
            from dns_server.engines.native import NativeEngine

            return NativeEngine(entropy=entropy, limits=limits)
        case "python":
            from dns_server.engines.python import PythonEngine

            return PythonEngine(entropy=entropy, limits=limits)
        case _:
            raise ValueError(f"there is no engine '{name}': choose auto, native or python")


def has_native() -> bool:
    return find_spec(NATIVE_MODULE) is not None
