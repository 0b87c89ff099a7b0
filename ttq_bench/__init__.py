"""Reproduction and benchmarking suite for *Trained Ternary Quantization* (Zhu et al., ICLR 2017).

A suite file becomes a grid of trials, trials become records, records become verdicts.
Nothing heavy is imported here, so that ``ttq-bench --help`` answers at once.
"""

from typing import Final

__version__: Final = "0.1.0"
