"""The provider behind each of its doors."""

from provider_bench import bench, parts, still_clock

__all__ = ["bench", "parts", "still_clock"]
