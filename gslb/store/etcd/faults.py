"""What an attempt that failed means: whether the member did what was asked, and whether to ask another one.

etcd says some of it in gRPC's status and the rest in words, which its clients have relied on since version 3.0.
"""

from __future__ import annotations

from enum import StrEnum

import grpc


class Fault(StrEnum):
    NOT_DONE = "not done"
    """Refused before anything happened; another member, or a later attempt, may do it."""
    LOGGED_OUT = "logged out"
    """Refused for its token, which can be renewed."""
    COMPACTED = "compacted"
    REFUSED = "refused"
    """Refused for what it is: asking again will not help."""
    UNKNOWN = "unknown"
    """It may have been done, or may yet be."""


class Failed(Exception):
    """One attempt at one member; never leaves the client."""

    def __init__(self, fault: Fault, text: str) -> None:
        super().__init__(text)
        self.fault = fault


_NOT_DONE = (
    "etcdserver: no leader",
    "etcdserver: too many requests",
    "etcdserver: not capable",
    "etcdserver: rpc not supported for learner",
)
_LOGGED_OUT = ("etcdserver: invalid auth token", "etcdserver: revision of auth store is old")
_COMPACTED = "etcdserver: mvcc: required revision has been compacted"
_MAYBE_DONE = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.DATA_LOSS,
    }
)
_HINTS = {
    "etcdserver: no leader": "more than half of its members must run and reach each other",
    "etcdserver: mvcc: database space exceeded": "compact and defragment it, then `etcdctl alarm disarm`",
    "etcdserver: user name is empty": "it asks for a user: --etcd-user and --etcd-password-file",
    "etcdserver: authentication is not enabled": "it knows no users: leave --etcd-user out",
    "etcdserver: authentication failed, invalid user ID or password": "look at --etcd-user and --etcd-password-file",
    "etcdserver: permission denied": "its user may not read and write below the prefix",
}
_CONNECTION_HINTS = {
    "CERTIFICATE_VERIFY_FAILED": "its certificate is not of the authority in --etcd-ca",
    "Hostname Verification Check failed": "its certificate is for another name",
    "Socket closed": "it may want TLS: --etcd-ca",
}


def judge(error: grpc.aio.AioRpcError) -> Failed:
    code, text = error.code(), error.details() or error.code().name
    if text.startswith(_NOT_DONE):
        return Failed(Fault.NOT_DONE, _hinted(text))
    if code is grpc.StatusCode.UNAUTHENTICATED or text.startswith(_LOGGED_OUT):
        return Failed(Fault.LOGGED_OUT, text)
    if text.startswith(_COMPACTED):
        return Failed(Fault.COMPACTED, text)
    if code in _MAYBE_DONE:
        return Failed(Fault.UNKNOWN, text)
    return Failed(Fault.REFUSED, _hinted(text))


def _hinted(text: str) -> str:
    return f"{text} ({_HINTS[text]})" if text in _HINTS else text


def no_connection(text: str) -> Failed:
    """For what gRPC says of an attempt to connect."""
    hint = next((f" ({hint})" for part, hint in _CONNECTION_HINTS.items() if part in text), "")
    return Failed(Fault.NOT_DONE, f"no connection: {text}{hint}")
