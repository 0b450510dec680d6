"""The network seam of a live run: a proxy on each link that a fault wants to shape, and none where nobody does."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from typing import Protocol

from harness.errors import UsageError
from harness.network.proxy import Proxy
from harness.rig import Window
from harness.wire import Passage, Toxic

LINKS = ("provider",)


class Server(Protocol):
    """What is wanted of the provider over TCP."""

    @property
    def port(self) -> int:
        """Where it listens."""

    @property
    def base_url(self) -> str:
        """What a client is given as its base URL."""

    def refused(self, fault: str) -> AbstractAsyncContextManager[None]:
        """While open, its wire refuses."""

    def passage(self, port: int) -> Passage:
        """Where a proxy tells what was done to the requests that come from a port."""


class LiveNetwork:
    """The network seam of a live run (`harness.rig.NetworkSeam`); `opened` makes one, and ends all that it started.

    `counted`, given a fault and a port, counts for as long as it is open the refused connections to that port of which
    the kernel does not tell (`harness.network.refusals`); a target of whose process the harness has the inside sets it.
    """

    counted: Callable[[str, int], AbstractAsyncContextManager[None]] | None = None

    def __init__(
        self, server: Server, links: Sequence[str], *, fired: Callable[[str, str], None], seed: str
    ) -> None:
        if unknown := set(links) - set(LINKS):
            raise UsageError(f"link {', '.join(sorted(unknown))}: there is {' and '.join(LINKS)}")
        self._server = server
        self._links = frozenset(links)
        self._fired = fired
        self._seed = seed
        self._life = AsyncExitStack()
        self._proxies: dict[str, Proxy] = {}

    @classmethod
    @asynccontextmanager
    async def opened(
        cls, server: Server, links: Sequence[str], *, fired: Callable[[str, str], None], seed: str = ""
    ) -> AsyncIterator["LiveNetwork"]:
        """Put a proxy on each of `links`; there is `provider`.

        Raises:
            UsageError: there is no such link.
        """
        network = cls(server, links, fired=fired, seed=seed)
        async with network._life:
            if "provider" in network._links:
                await network._proxied("provider", server.port)
            yield network

    @property
    def provider_url(self) -> str:
        """The base URL that the target is given: the proxy's where there is one, else the provider's own."""
        base_url = self._server.base_url
        proxy = self._proxies.get("provider")
        return base_url if proxy is None else base_url.replace(f":{self._server.port}/", f":{proxy.port}/", 1)

    @asynccontextmanager
    async def refused(self, fault: str) -> AsyncIterator[None]:
        """While open, nothing listens where the provider was: a connection is refused by the wire itself."""
        proxy = self._proxies.get("provider")
        if proxy is None:
            async with self._server.refused(fault):
                yield
            return
        counting = self.counted(fault, proxy.port) if self.counted is not None else nullcontext()
        async with counting, proxy.refused(fault):
            yield

    def shaped(
        self, fault: str, toxic: Toxic, window: Window, *, link: str = "provider"
    ) -> AbstractAsyncContextManager[None]:
        """While open, the link's proxy does what `toxic` says to the connections that `window` lets through.

        Raises:
            UsageError: no proxy stands on that link.
        """
        return self._proxy(link).shaped(fault, toxic, window)

    def _proxy(self, link: str) -> Proxy:
        if link not in self._proxies:
            raise UsageError(
                f"no proxy stands on the {link} link; say link = {link!r} in the class of the fault"
            )
        return self._proxies[link]

    async def _proxied(self, link: str, port: int) -> Proxy:
        """Put a proxy on a link."""
        made = Proxy(
            link,
            upstream=port,
            fired=self._fired,
            passage=self._server.passage,
            seed=f"network-{link}-{self._seed}",
        )
        self._proxies[link] = await self._life.enter_async_context(made)
        return made
