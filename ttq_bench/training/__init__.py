"""Training of any network: schedules, optimiser, the epoch loop, evaluation, checkpoints.

Knows nothing of ternary weights: what is special about a parameter comes in as a function.
"""
