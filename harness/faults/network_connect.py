"""The provider cannot be reached: its name is not found, or it does not answer."""

from dataclasses import dataclass
from typing import ClassVar

from harness.faults.base import check_whole
from harness.faults.network_holds import told_once
from harness.faults.network_link import LinkFault
from harness.registry import Invariant, fault
from harness.wire import Toxic


@fault(
    "network.dns_failure",
    stages=("simulated",),
    because="a real resolver is the machine's, and no fault may touch it",
)
@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkDnsFailure(LinkFault):
    """The provider's name is not found. It is played where there is no real resolver, which no fault may touch."""

    holds: ClassVar[tuple[Invariant, ...]] = (told_once,)

    def _toxic(self) -> Toxic:
        return Toxic(connect="unresolved")


@fault("network.connect_hang")
@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkConnectHang(LinkFault):
    """A connection to the provider is never accepted, and those that are open end; only a connect timeout helps.

    Over TCP it is the kernel that leaves a SYN unanswered, each a firing: a client that waits longer than a second
    sends its own again. Of `window` only the times count (pytest_httpx#131: a mocked client has no such timeout).
    """

    holds: ClassVar[tuple[Invariant, ...]] = (told_once,)

    def __post_init__(self) -> None:
        check_whole(self.name, self.window)

    def _toxic(self) -> Toxic:
        return Toxic(connect="hang")
