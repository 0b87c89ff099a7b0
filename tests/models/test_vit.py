"""The vision transformer: a block is torch's own encoder layer; none feeds batch norm."""

import torch
from torch import nn

from ttq_bench.batch_norm import batch_norm_feeding
from ttq_bench.models.build import build_model
from ttq_bench.models.catalog import MODELS
from ttq_bench.models.vit import BLOCKS, HEADS, HIDDEN, PATCH, WIDTH, Block

LAYERS = {
    "linear1": "mlp.fc1", "linear2": "mlp.fc2", "norm1": "norm1", "norm2": "norm2",
    "self_attn.out_proj": "attn.out_proj",
}  # fmt: skip


def encoder_layer(block):
    """Return torch's own layer with the weights of a block."""
    layer = nn.TransformerEncoderLayer(
        WIDTH, HEADS, HIDDEN, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
    )
    for theirs, ours in LAYERS.items():
        layer.get_submodule(theirs).load_state_dict(block.get_submodule(ours).state_dict())
    projections = [block.attn.q_proj, block.attn.k_proj, block.attn.v_proj]
    with torch.no_grad():
        layer.self_attn.in_proj_weight.copy_(torch.cat([p.weight for p in projections]))
        layer.self_attn.in_proj_bias.copy_(torch.cat([p.bias for p in projections]))
    return layer


def test_a_block_computes_what_torch_s_encoder_layer_does():
    torch.manual_seed(0)
    block, tokens = Block(), torch.randn(2, 5, WIDTH)
    assert torch.allclose(block(tokens), encoder_layer(block)(tokens), atol=1e-5)


def test_the_parameters_are_those_counted_by_hand():
    patches = WIDTH * (3 * PATCH**2 + 1) + 64 * WIDTH
    attention, mlp = 4 * (WIDTH + 1) * WIDTH, (WIDTH + 1) * HIDDEN + (HIDDEN + 1) * WIDTH
    blocks = BLOCKS * (attention + mlp + 4 * WIDTH)
    assert MODELS["vit_cifar"].parameters == patches + blocks + 2 * WIDTH + (WIDTH + 1) * 10


def test_patches_lie_where_the_picture_has_them():
    model = build_model("vit_cifar", classes=10, seed=0)
    images = torch.zeros(1, 3, 32, 32)
    images[..., 4:8, 8:12] = 1.0  # second row, third column
    tokens = model.patch_embed(images).flatten(2).transpose(1, 2)
    changed = (tokens != model.patch_embed.bias).any(dim=2).nonzero()[:, 1]
    assert changed.tolist() == [1 * 8 + 2]


def test_no_layer_feeds_batch_normalisation():
    model = build_model("vit_cifar", classes=10, seed=0)
    answers = batch_norm_feeding(model)
    assert len(answers) == MODELS["vit_cifar"].depth
    assert set(answers.values()) == {"no"}
