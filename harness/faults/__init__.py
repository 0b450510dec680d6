"""Faults: what can go wrong, one class each, found by name through `harness.registry.FAULTS`.

A fault's knobs are its fields, with units in their names; a knob that is out of range is refused when it is made.
"""

from harness.faults.client import (
    ClientDuplicate,
    ClientFlood,
    ClientForeignSession,
    ClientKeyReuse,
    ClientParallelTurns,
)
from harness.faults.client_connections import (
    ClientBadFraming,
    ClientChunkedBody,
    ClientIdleConnections,
    ClientSlowloris,
    ClientSlowReader,
)
from harness.faults.client_leaving import ClientDisconnect, ClientDisconnectMidStream
from harness.faults.client_requests import ClientGarbageBody, ClientHeaderAbuse, ClientHugeBody, ClientPoison
from harness.faults.clock import ClockJump, ClockStrobe
from harness.faults.clock_unit import ClockUnit
from harness.faults.completions import (
    ProviderBadScore,
    ProviderContentFilter,
    ProviderFinishLength,
    ProviderLowScore,
    ProviderMalformedJson,
    ProviderRefusal,
    ProviderSchemaMisfit,
)
from harness.faults.logs import LogsFullPipe, LogsSlowSink
from harness.faults.logs_broken import LogsClosedPipe, LogsDiskFull, LogsSinkRaises
from harness.faults.logs_files import LogsRotation
from harness.faults.logs_long import LogsLongLines
from harness.faults.loop import LoopBlocked, LoopCancel, LoopReorder
from harness.faults.loop_entry import LoopSyncEntry
from harness.faults.loop_foreign import LoopForeign
from harness.faults.loop_threads import LoopGilBurn, LoopLimiterFull, LoopTaskCollected
from harness.faults.network import NetworkFlap, NetworkRefused
from harness.faults.network_bytes import NetworkBandwidth, NetworkLatency, NetworkSlicer
from harness.faults.network_connect import NetworkConnectHang, NetworkDnsFailure
from harness.faults.network_ends import (
    NetworkBlackHole,
    NetworkDropResponse,
    NetworkHalfClose,
    NetworkIdleClose,
    NetworkLimitData,
    NetworkReset,
    NetworkSlowClose,
)
from harness.faults.process import ProcessFdLimit, ProcessKill, ProcessPause, ProcessRestart, ProcessTerminate
from harness.faults.process_instances import ProcessSecondInstance, StoreConflict
from harness.faults.process_worker import ProcessWorkerDead
from harness.faults.provider import (
    ProviderClientError,
    ProviderHugeBody,
    ProviderNoReply,
    ProviderRateLimited,
    ProviderServerError,
    ProviderTruncatedBody,
)
from harness.faults.provider_clock import ClockSkew
from harness.faults.provider_semantics import ProviderEmptyAnswer, ProviderSecretEcho
from harness.faults.provider_streams import ProviderStreamCut, ProviderStreamError, ProviderStreamStall
from harness.faults.provider_timing import (
    ProviderHeadersOnly,
    ProviderLateReply,
    ProviderPoolHeld,
    ProviderSlowDrip,
    ProviderSlowFirstByte,
)
from harness.faults.provider_transport import ProviderExtraReply, ProviderResetMidBody
from harness.faults.store import StoreDiskFull, StoreDown, StoreLocked, StoreQueueFull, StoreSlow
from harness.faults.store_commits import StoreCommitFails, StoreCommitUncertain, StoreLostWrite
from harness.faults.store_pool import StorePoolExhausted
from harness.faults.store_reads import StoreStaleRead
from harness.faults.store_rows import StoreCorruptRow, StoreCrossedReply

__all__ = [
    "ClientBadFraming",
    "ClientChunkedBody",
    "ClientDisconnect",
    "ClientDisconnectMidStream",
    "ClientDuplicate",
    "ClientFlood",
    "ClientForeignSession",
    "ClientGarbageBody",
    "ClientHeaderAbuse",
    "ClientHugeBody",
    "ClientIdleConnections",
    "ClientKeyReuse",
    "ClientParallelTurns",
    "ClientPoison",
    "ClientSlowReader",
    "ClientSlowloris",
    "ClockJump",
    "ClockSkew",
    "ClockStrobe",
    "ClockUnit",
    "LogsClosedPipe",
    "LogsDiskFull",
    "LogsFullPipe",
    "LogsLongLines",
    "LogsRotation",
    "LogsSinkRaises",
    "LogsSlowSink",
    "LoopBlocked",
    "LoopCancel",
    "LoopForeign",
    "LoopGilBurn",
    "LoopLimiterFull",
    "LoopReorder",
    "LoopSyncEntry",
    "LoopTaskCollected",
    "NetworkBandwidth",
    "NetworkBlackHole",
    "NetworkConnectHang",
    "NetworkDnsFailure",
    "NetworkDropResponse",
    "NetworkFlap",
    "NetworkHalfClose",
    "NetworkIdleClose",
    "NetworkLatency",
    "NetworkLimitData",
    "NetworkRefused",
    "NetworkReset",
    "NetworkSlicer",
    "NetworkSlowClose",
    "ProcessFdLimit",
    "ProcessKill",
    "ProcessPause",
    "ProcessRestart",
    "ProcessSecondInstance",
    "ProcessTerminate",
    "ProcessWorkerDead",
    "ProviderBadScore",
    "ProviderClientError",
    "ProviderContentFilter",
    "ProviderEmptyAnswer",
    "ProviderExtraReply",
    "ProviderFinishLength",
    "ProviderHeadersOnly",
    "ProviderHugeBody",
    "ProviderLateReply",
    "ProviderLowScore",
    "ProviderMalformedJson",
    "ProviderNoReply",
    "ProviderPoolHeld",
    "ProviderRateLimited",
    "ProviderRefusal",
    "ProviderResetMidBody",
    "ProviderSchemaMisfit",
    "ProviderSecretEcho",
    "ProviderServerError",
    "ProviderSlowDrip",
    "ProviderSlowFirstByte",
    "ProviderStreamCut",
    "ProviderStreamError",
    "ProviderStreamStall",
    "ProviderTruncatedBody",
    "StoreCommitFails",
    "StoreCommitUncertain",
    "StoreConflict",
    "StoreCorruptRow",
    "StoreCrossedReply",
    "StoreDiskFull",
    "StoreDown",
    "StoreLocked",
    "StoreLostWrite",
    "StorePoolExhausted",
    "StoreQueueFull",
    "StoreSlow",
    "StoreStaleRead",
]
