"""The simulated provider: an OpenAI-compatible endpoint with honest answers, a script of faults and a witness.

One `Script` and one `Witness` stand behind three doors: `SimulatedTransport` (in process), `ProviderServer` (TCP) and
`install` (respx, for a foreign app whose client cannot be given a transport).
"""

from harness.provider.link import Link
from harness.provider.respx_route import install
from harness.provider.script import Script
from harness.provider.server import ProviderServer
from harness.provider.transport import SimulatedTransport
from harness.provider.witness import Witness

__all__ = ["Link", "ProviderServer", "Script", "SimulatedTransport", "Witness", "install"]
