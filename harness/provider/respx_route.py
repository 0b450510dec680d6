"""The provider behind respx, for an app whose httpx client cannot be given a transport or a base URL.

Make the router with `using="httpx"`: `respx.mock(using="httpx", assert_all_called=False)`. What respx 0.23 then does,
as observed:

- every `httpx.AsyncClient` is caught, one that was made before the router started included, whatever its transport
  (the aiohttp one too, which respx's default, `using="httpcore"`, misses);
- code that calls a transport without a client is not caught, nor are aiohttp, requests and urllib3;
- a sync `httpx.Client` fails with an `AssertionError`: the script is asynchronous;
- a mocked client has no timeouts of its own, so they are kept here;
- a request to any other host fails with `AllMockedAssertionError`, unless the router has `assert_all_mocked=False`.
"""

import httpx
import respx

from harness.provider.link import Link
from harness.provider.script import Script
from harness.provider.transport import SimulatedTransport
from harness.provider.witness import Witness
from harness.rig import Clock


def install(
    router: respx.Router, base_url: str, script: Script, witness: Witness, *, link: Link, clock: Clock
) -> respx.Route:
    """Answer whatever goes below `base_url` (`https://api.openai.com/v1`) by the script; gives respx's route."""
    base = httpx.URL(base_url.rstrip("/") + "/")
    transport = SimulatedTransport(script, witness, link=link, clock=clock, base_path=base.path)
    return router.route(url__startswith=str(base)).mock(side_effect=transport.handle_async_request)
