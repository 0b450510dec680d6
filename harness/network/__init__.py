"""The network plane of a live run: proxies of the loopback that shape what goes through them."""

from harness.network.live import LiveNetwork
from harness.network.proxy import Proxy

__all__ = ["LiveNetwork", "Proxy"]
