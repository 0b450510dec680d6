"""The provider behind respx, for an app whose httpx client cannot be given a transport or a base URL.

Make the router with `using="httpx"`: `respx.mock(using="httpx", assert_all_called=False)`. What respx 0.23 then does,
as observed:

- every `httpx.AsyncClient` is caught, one that was made before the router started included, whatever its transport
  (the aiohttp one too, which respx's default, `using="httpcore"`, misses);
- code that calls a transport without a client is not caught, nor are aiohttp, requests and urllib3;
- a sync `httpx.Client` fails with an `AssertionError`, for the script is asynchronous; `CatchingRouter` answers it;
- a mocked client has no timeouts of its own, so they are kept here;
- a request to any other host fails with `AllMockedAssertionError`, unless the router has `assert_all_mocked=False`.
"""

import asyncio
import threading
from concurrent.futures import Future

import httpx
import respx

from harness.provider.link import Link
from harness.provider.script import Script
from harness.provider.transport import SimulatedTransport
from harness.provider.witness import Witness
from harness.rig import Clock


class CatchingRouter(respx.MockRouter):
    """A router that answers sync clients too: each of their calls waits for a loop of its own in another thread."""

    def __init__(self) -> None:
        super().__init__(using="httpx", assert_all_called=False)

    def handler(self, request: httpx.Request) -> httpx.Response:
        """Answer one request of a sync client, which may stand on a loop's own thread and then stops that loop."""
        answered: Future[httpx.Response] = Future()

        def answer() -> None:
            try:
                answered.set_result(asyncio.run(self._whole(request)))
            except BaseException as error:  # noqa: BLE001  # whatever it is, it is the caller's
                answered.set_exception(error)

        threading.Thread(target=answer, name="provider-call", daemon=True).start()
        return answered.result()

    async def _whole(self, request: httpx.Request) -> httpx.Response:
        """The answer with all of its body, which a sync client could not read from here part by part."""
        answer = await self.async_handler(request)
        assert isinstance(answer.stream, httpx.AsyncByteStream), "the transport answers async clients"
        try:
            body = b"".join([part async for part in answer.stream])
        finally:
            await answer.aclose()
        return httpx.Response(answer.status_code, headers=answer.headers, content=body, request=request)


def install(
    router: respx.Router, base_url: str, script: Script, witness: Witness, *, link: Link, clock: Clock
) -> respx.Route:
    """Answer whatever goes below `base_url` (`https://api.openai.com/v1`) by the script; gives respx's route."""
    base = httpx.URL(base_url.rstrip("/") + "/")
    transport = SimulatedTransport(script, witness, link=link, clock=clock, base_path=base.path)
    return router.route(url__startswith=str(base)).mock(side_effect=transport.handle_async_request)
