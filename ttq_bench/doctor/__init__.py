"""Checks of this machine, and of each node of a cluster, before a run."""
