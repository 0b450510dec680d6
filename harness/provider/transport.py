"""The provider in process: an httpx transport that raises what the wire would make httpx raise.

The exceptions and their texts are those of httpx 0.28 with its own transport (observed): a refused connection is
`ConnectError("All connection attempts failed")`, one that is never accepted `ConnectTimeout("")`, a name that is not
found `ConnectError("[Errno -2] Name or service not known")`, silence beyond the read timeout `ReadTimeout("")`, a
reset `ReadError("")`, and an end before the end `RemoteProtocolError`.
"""

import httpx

from harness.provider.carried import Carried
from harness.provider.endpoint import Endpoint
from harness.provider.link import Link
from harness.provider.script import Script
from harness.provider.witness import Witness
from harness.rig import Clock

BASE_PATH = "/v1/"


class SimulatedTransport(httpx.AsyncBaseTransport):
    """Hands a client's requests to the provider without a socket; usable from any loop, and from several at once.

    It honours the client's connect timeout, and its read timeout for each read, on `clock`. Raises what httpx raises:
    `ConnectError` where the link refuses, `ConnectTimeout`, `RemoteProtocolError` where it is cut or the body ends too
    early, `ReadError` for a reset, `ReadTimeout`. `base_path` is the path of the base URL that the client was given.
    """

    def __init__(
        self, script: Script, witness: Witness, *, link: Link, clock: Clock, base_path: str = BASE_PATH
    ) -> None:
        self._endpoint = Endpoint(script, witness)
        self._witness = witness
        self._link = link
        self._clock = clock
        self._base_path = base_path

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        path = request.url.path
        if path.startswith(self._base_path):
            path = BASE_PATH + path.removeprefix(self._base_path)
        body = await request.aread()
        headers = {name.lower(): value for name, value in request.headers.items()}
        calls: list[int] = []
        faults: list[str] = []

        def begun(ordinal: int) -> None:
            calls.append(ordinal)
            for fault in faults:
                self._witness.shaped(ordinal, fault)

        def shaped(fault: str) -> None:
            faults.append(fault)
            for ordinal in calls:
                self._witness.shaped(ordinal, fault)

        answering = self._endpoint.answering(request.method, path, headers, body, begun=begun)
        carried = Carried(request, answering, body=body, link=self._link, clock=self._clock, shaped=shaped)
        return await carried.response()
