"""Imported once by the process that all children of ``broken_files.py`` are forked from."""

import pyarrow.parquet  # noqa: F401
import torch  # noqa: F401
import torchvision  # noqa: F401

import tests.record_builders  # noqa: F401
from ttq_bench.provenance import processor_name, source_commit

source_commit()  # asks git: once, not in every child
processor_name()
