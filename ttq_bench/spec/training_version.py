"""The training version: it stands for one arithmetic, and is part of every spec."""

# Raised by hand when the same spec gives other numbers than before; tests/trial/test_golden.py
# says when. Records of older versions keep their ids. It stands for a CPU's bits: on a GPU two runs
# of one code differ in rounding, and so may two codes of one version.
TRAINING_VERSION = 1
