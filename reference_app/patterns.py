"""The pattern level (signatures; bodies follow)."""
