"""The token that a user and password are exchanged for, asked for when needed and again when it has run out."""

from __future__ import annotations

import asyncio

from gslb.etcdpb.v3 import etcd_pb2 as pb
from gslb.store.etcd.endpoint import Endpoint, Metadata
from gslb.store.etcd.faults import Failed, Fault
from gslb.store.etcd.methods import AUTHENTICATE
from gslb.store.etcd.options import Login


class Session:
    def __init__(self, login: Login | None) -> None:
        self._login = login
        self._token = ""
        self._one_at_a_time = asyncio.Lock()

    async def metadata(self, endpoint: Endpoint, timeout_s: float) -> Metadata:
        """What shows who is calling. Raises Failed; nothing else has been asked then.

        Waiting for one's turn counts too: a member that hangs must not cost each caller the time of all before it.
        """
        if self._login is None:
            return ()
        try:
            async with asyncio.timeout(timeout_s), self._one_at_a_time:
                if not self._token:
                    self._token = await self._authenticate(self._login, endpoint, timeout_s)
                return (("token", self._token),)
        except TimeoutError as error:
            raise Failed(Fault.NOT_DONE, f"no token in {timeout_s:.1f} s") from error

    def forget(self) -> None:
        self._token = ""

    async def _authenticate(self, login: Login, endpoint: Endpoint, timeout_s: float) -> str:
        request = pb.AuthenticateRequest(name=login.user, password=login.password)
        try:
            return (await endpoint.call(AUTHENTICATE, request, (), timeout_s)).token
        except Failed as failed:
            fault = Fault.NOT_DONE if failed.fault is Fault.UNKNOWN else failed.fault
            raise Failed(fault, str(failed)) from failed
