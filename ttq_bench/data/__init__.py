"""Images: found, verified, decoded once a machine, and served as augmented batches.

``catalog``, ``sources`` and ``identity`` need no torch, so that a plan is made without it.
"""
