"""The commands of `shakeout`, one a module; `harness.cli` puts them together."""
