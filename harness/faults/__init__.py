"""Faults: what can go wrong, one class each, found by name through `harness.registry.FAULTS`.

A fault's knobs are its fields, with units in their names; a knob that is out of range is refused when it is made.
"""

from harness.faults.completions import (
    ProviderBadScore,
    ProviderContentFilter,
    ProviderFinishLength,
    ProviderLowScore,
    ProviderMalformedJson,
    ProviderRefusal,
    ProviderSchemaMisfit,
)
from harness.faults.network import NetworkRefused
from harness.faults.provider import (
    ProviderClientError,
    ProviderHugeBody,
    ProviderNoReply,
    ProviderRateLimited,
    ProviderServerError,
    ProviderTruncatedBody,
)

__all__ = [
    "NetworkRefused",
    "ProviderBadScore",
    "ProviderClientError",
    "ProviderContentFilter",
    "ProviderFinishLength",
    "ProviderHugeBody",
    "ProviderLowScore",
    "ProviderMalformedJson",
    "ProviderNoReply",
    "ProviderRateLimited",
    "ProviderRefusal",
    "ProviderSchemaMisfit",
    "ProviderServerError",
    "ProviderTruncatedBody",
]
