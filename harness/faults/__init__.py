"""Faults: what can go wrong, one class each, found by name through `harness.registry.FAULTS`.

A fault's knobs are its fields, with units in their names; a knob that is out of range is refused when it is made.
"""

from harness.faults.completions import (
    BadScore,
    ContentFilter,
    FinishLength,
    LowScore,
    MalformedJson,
    Refusal,
    SchemaMisfit,
)
from harness.faults.network import Refused
from harness.faults.provider import (
    ClientError,
    HugeBody,
    NoReply,
    RateLimited,
    ServerError,
    TruncatedBody,
)

__all__ = [
    "BadScore",
    "ClientError",
    "ContentFilter",
    "FinishLength",
    "HugeBody",
    "LowScore",
    "MalformedJson",
    "NoReply",
    "RateLimited",
    "Refusal",
    "Refused",
    "SchemaMisfit",
    "ServerError",
    "TruncatedBody",
]
