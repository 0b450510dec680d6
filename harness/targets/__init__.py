"""Targets: what is driven, how it is started, and how it proves that it is the one that was started."""
