"""Shakeout's harness: drives an async service through faults and judges what was answered and what was logged."""
