"""From the log of an incident to what it says: requests, traits, a signature, and how far a run is from it."""

from harness.incidents.distance import Candidate, Distance, Ranked, distance, rank, rarity
from harness.incidents.signature import Example, Odd, Signature, odd, signature_of
from harness.incidents.threads import Thread, Threads
from harness.incidents.traits import traits_of

__all__ = [
    "Candidate",
    "Distance",
    "Example",
    "Odd",
    "Ranked",
    "Signature",
    "Thread",
    "Threads",
    "distance",
    "odd",
    "rank",
    "rarity",
    "signature_of",
    "traits_of",
]
