"""Bridges of others, as rows to compare with: each in the file that its import string names.

Nothing here is imported before its row is asked for, so that a package that is not installed costs its own row and no
other. Packages that would bring hundreds more along are described again in their style, which the name says.
"""

from collections.abc import Mapping
from types import MappingProxyType

PEERS: Mapping[str, str] = MappingProxyType(
    {
        "fix1": "harness.bridges.peers.styles:Fix1",
        "asyncio-run": "harness.bridges.peers.standard:AsyncioRun",
        "runner-per-thread": "harness.bridges.peers.standard:RunnerPerThread",
        "threadsafe": "harness.bridges.peers.standard:Threadsafe",
        "asgiref": "harness.bridges.peers.asgiref_sync:AsyncToSync",
        "anyio-portal": "harness.bridges.peers.anyio_portals:EnteredPortal",
        "anyio-provider": "harness.bridges.peers.anyio_portals:PortalProvider",
        "anyio-from-thread": "harness.bridges.peers.anyio_portals:FromThread",
        "nest-asyncio": "harness.bridges.peers.nested_loops:NestAsyncio",
        "nest-asyncio2": "harness.bridges.peers.nested_loops:NestAsyncio2",
        "fsspec": "harness.bridges.peers.fsspec_sync:FsspecSync",
        "distributed": "harness.bridges.peers.distributed_sync:DistributedSync",
        "llama-index-style": "harness.bridges.peers.styles:LlamaIndexStyle",
        "prefect-style": "harness.bridges.peers.styles:PrefectStyle",
        "synchronicity": "harness.bridges.peers.synchronicity_blocking:Blocking",
        "syncer": "harness.bridges.peers.current_loops:Syncer",
        "universalasync": "harness.bridges.peers.current_loops:Universalasync",
        "greenback": "harness.bridges.peers.greenlets:Greenback",
        "sqlalchemy": "harness.bridges.peers.greenlets:Sqlalchemy",
    }
)
"""Row to import string, in the order of the matrix. Loading one whose package is missing raises ImportError."""
