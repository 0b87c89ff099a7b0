"""Names of kernels as they are shown: one word that says what the kernel does."""

import pytest

from ttq_bench.speed.peak import short

MANGLED = "_ZN17cutlass__5x_cudnn6KernelINS_4conv6kernel23ImplicitGemmConvolutionINS1_11threadblock"


@pytest.mark.parametrize(
    ("kernel", "shown"),
    [
        ("aten::convolution_backward", "convolution_backward"),
        (
            "void at::native::batch_norm_kernel<at::native::Var<float>, int>(float*)",
            "batch_norm_kernel",
        ),
        ("sm80_xmma_wgrad_gemm_bf16_f32_nhwckrsc_nhwc_tilesize64x64", "sm80_xmma_wgrad_gemm_bf16"),
        (
            "void cutlass__5x_cudnn::Kernel<cutlass_tensorop_bf16_s16816fprop_optimized_256x64>(x)",
            "cutlass_tensorop_bf16_s16816fprop",
        ),
        ("void (anonymous namespace)::copy_kernel(int)", "copy_kernel"),
        ("void cutlass::Kernel2<cutlass_80_wmma_gemm>(x)", "cutlass_80_wmma_gemm"),
        ("void cudnn::Kernel<cutlass::conv::ImplicitGemm<int> >(x)", "ImplicitGemm"),
        ("_ZN2at6native13reduce_kernelILi512ELi1ENS0_8ReduceOpIfNS0_7MeanOps", "reduce_kernel"),
        ("void at::reduce_kernel<512, at::Kernel<float> >(x)", "reduce_kernel"),
        (MANGLED, "ImplicitGemmConvolution"),
        ("_Z", "_Z"),
    ],
)
def test_a_kernel_is_named_without_types_arguments_and_tiles(kernel, shown):
    assert short(kernel) == shown
