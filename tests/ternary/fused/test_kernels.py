"""Kernels compile for a GPU; none is needed for that. What they compute: test_gpu.py."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("triton", reason="torch brings Triton on Linux x86-64 alone")

# In a process of its own: in this one Triton interprets kernels (conftest.py).
SCRIPT = """
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from ttq_bench.ternary.fused import kernels

INTEGERS = {"chunks", "segments", "ranks", "counts", "states"}
NUMBERS = {"fraction": "fp32", "sign": "fp32", "number": "i32", "pairs": "i32"}


def compiled(kernel, *, low=(), **constants):
    names = kernel.arg_names
    kinds = {name: "*i32" if name in INTEGERS else NUMBERS.get(name, "*fp32") for name in names}
    kinds |= dict.fromkeys(low, "*bf16")
    source = ASTSource(
        kernel,
        {name: "constexpr" if name in constants else kind for name, kind in kinds.items()},
        {(names.index(name),): value for name, value in constants.items()},
    )
    target = GPUTarget("cuda", 80, 32)
    return triton.compile(source, target=target, options={"enable_fp_fusion": False}).asm["ptx"]


part, parts = {"CHUNK": kernels.CHUNK}, {"PARTS": kernels.PARTS}
digits = {"DIGITS": kernels.DIGITS}
found = [
    compiled(kernels.measure_chunks, bounds=None, BOUNDED=False, **part),
    compiled(kernels.measure_chunks, BOUNDED=True, **part),
    compiled(kernels.count_digits, PASS=0, **part, **digits),
    compiled(kernels.count_digits, PASS=2, **part, **digits),
    compiled(kernels.settle_segments, counts=None, states=None, RULE="max_fraction",
             MEASURED=True, NORMALISED=True, **parts, **digits),
    compiled(kernels.settle_segments, RULE="constant_sparsity", MEASURED=True, NORMALISED=True,
             **parts, **digits),
    compiled(kernels.settle_segments, RULE="constant_sparsity", MEASURED=False, NORMALISED=False,
             **parts, **digits),
    compiled(kernels.quantize_chunks, BINARY=False, NORMALISED=True, **part),
    compiled(kernels.quantize_chunks, low=["weights"], BINARY=False, NORMALISED=True, **part),
    compiled(kernels.differentiate_chunks, RULE="scaled", BINARY=False, NORMALISED=True, **part),
    compiled(kernels.differentiate_chunks, low=["gradient"], RULE="clipped_sign", BINARY=True,
             NORMALISED=False, **part),
    compiled(kernels.gather_segments, MEAN=True, **parts),
    compiled(kernels.watch_pairs, BLOCK=256),
]
fused = [text for text in found if "fma.rn.f32" in text]
print(len(found), len(fused))
"""


@pytest.mark.slow
def test_every_kernel_compiles_and_rounds_each_product_and_sum(tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    environment |= {"TRITON_CACHE_DIR": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    script = tmp_path / "compile.py"
    script.write_text(SCRIPT)

    done = subprocess.run(
        [sys.executable, str(script)], env=environment, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["13", "0"]
