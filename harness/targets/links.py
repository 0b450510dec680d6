"""The network seam of a run, which notes when the link to the provider refused."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from harness.history import LinkDown
from harness.rig import NetworkSeam, Window
from harness.targets.driven import Recorder
from harness.wire import Toxic


class NotedNetwork:
    """A network seam (`harness.rig.NetworkSeam`) whose refusals are on record: what mends in between can be judged."""

    def __init__(self, seam: NetworkSeam, recorder: Recorder) -> None:
        self._seam = seam
        self._recorder = recorder

    @asynccontextmanager
    async def refused(self, fault: str) -> AsyncIterator[None]:
        """Refuse, and note from when to when."""
        began_s = self._recorder.now()
        try:
            async with self._seam.refused(fault):
                yield
        finally:
            ended_s = self._recorder.now()
            self._recorder.records.append(LinkDown(at_s=began_s, ended_s=ended_s, fault=fault))

    def shaped(
        self, fault: str, toxic: Toxic, window: Window, *, link: str = "provider"
    ) -> AbstractAsyncContextManager[None]:
        """Shape it; nothing of that is a refusal."""
        return self._seam.shaped(fault, toxic, window, link=link)
