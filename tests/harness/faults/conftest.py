"""The provider behind each of its doors, for the faults that bend its answers."""

from provider_bench import bench

__all__ = ["bench"]
