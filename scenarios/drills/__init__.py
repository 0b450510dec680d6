"""Drills: conversations that fit any service, on which a sweep plays every fault."""
