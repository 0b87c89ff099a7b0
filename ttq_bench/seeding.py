"""Randomness by name: one trial seed gives independent named streams.

Two trials of one seed see the same initial weights and the same order of batches whatever their
method is, so that their difference is paired. A stream depends only on its name and indices,
never on what ran before it: a resumed epoch draws exactly what the uninterrupted one drew.
"""

import hashlib


def stream_seed(seed: int, name: str, *indices: int) -> int:
    """Return the 63-bit seed of the stream ``name`` of a trial, for example of one epoch."""
    text = ":".join((str(seed), name, *map(str, indices)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
