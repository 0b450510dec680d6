"""The historical mistakes that the app can be built with, by name; the good code knows nothing of them."""

from collections.abc import Mapping
from types import MappingProxyType

from reference_app.defects import (
    bridge,
    cancel,
    classifier,
    history,
    log,
    loops,
    middleware,
    outcome,
    pools,
    provider,
    records,
    sessions,
    store,
)
from reference_app.defects.catalog import Defect

DEFECTS: Mapping[str, Defect] = MappingProxyType(
    {
        defect.name: defect
        for area in (
            bridge,
            cancel,
            classifier,
            history,
            log,
            loops,
            middleware,
            outcome,
            pools,
            provider,
            records,
            sessions,
            store,
        )
        for defect in area.DEFECTS
    }
)
"""Every defect by its name."""
