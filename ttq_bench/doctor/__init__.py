"""What may keep a run from going well, looked at before it starts, here and on each node."""
