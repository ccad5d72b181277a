"""Why a stream has ended, as logs say it."""

from __future__ import annotations

import grpc
import pytest

from gslb.runtime import rpc

NOBODY = "failed to connect to all addresses"


def failed(code: grpc.StatusCode, details: str) -> grpc.aio.AioRpcError:
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), details)


@pytest.mark.parametrize(
    "said", [f"{NOBODY}; last error: UNKNOWN: Ssl handshake failed (TLSV1_ALERT)", "Socket closed"]
)
def test_where_certificates_are_to_blame_it_says_what_to_look_at(said: str) -> None:
    text = rpc.reason(ExceptionGroup("both", [failed(grpc.StatusCode.UNAVAILABLE, said)]))
    assert text == f"UNAVAILABLE: {said} ({rpc.MISTRUST})"
    assert "gslb pki show" in text


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (failed(grpc.StatusCode.UNAVAILABLE, "the store is away"), "UNAVAILABLE: the store is away"),
        (failed(grpc.StatusCode.UNAVAILABLE, "etcd: handshake failed"), "UNAVAILABLE: etcd: handshake failed"),
        (failed(grpc.StatusCode.PERMISSION_DENIED, "socket closed"), "PERMISSION_DENIED: socket closed"),
        (TimeoutError(), "TimeoutError"),
    ],
)
def test_elsewhere_it_does_not(error: BaseException, text: str) -> None:
    assert rpc.reason(error) == text
