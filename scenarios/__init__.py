"""Scenarios that come with Shakeout: production incidents, one a file."""
