"""A small vision transformer for 32x32 images (Dosovitskiy et al. 2021).

No layer feeds batch normalisation, so the common size of the two scales acts beside their ratio.
Each projection is a dense layer of its own. Weights are drawn as DeiT and timm do: truncated normal
with a deviation of 0.02, biases zero; the patches keep torch's own.
Shapes: N images, T patches (tokens), D width, H heads.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PATCH, SIDE = 4, 32
WIDTH, BLOCKS, HEADS = 128, 6, 4
HIDDEN = 4 * WIDTH
INITIAL_DEVIATION = 0.02


class Attention(nn.Module):
    """Multi-head attention of all patches to all patches."""

    def __init__(self) -> None:
        super().__init__()
        self.q_proj = nn.Linear(WIDTH, WIDTH)
        self.k_proj = nn.Linear(WIDTH, WIDTH)
        self.v_proj = nn.Linear(WIDTH, WIDTH)
        self.out_proj = nn.Linear(WIDTH, WIDTH)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map [N, T, D] to [N, T, D]."""
        queries, keys, values = (
            projected(tokens).unflatten(2, (HEADS, WIDTH // HEADS)).transpose(1, 2)
            for projected in (self.q_proj, self.k_proj, self.v_proj)
        )  # each [N, H, T, D/H]
        attended = F.scaled_dot_product_attention(queries, keys, values)
        mixed: Tensor = self.out_proj(attended.transpose(1, 2).flatten(2))
        return mixed


class Mlp(nn.Module):
    """Two dense layers with a GELU between."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(WIDTH, HIDDEN)
        self.act = nn.GELU()
        self.fc2 = nn.Linear(HIDDEN, WIDTH)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map [N, T, D] to [N, T, D]."""
        mapped: Tensor = self.fc2(self.act(self.fc1(tokens)))
        return mapped


class Block(nn.Module):
    """Attention, then two dense layers, each of normalised input and added to what came in."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(WIDTH)
        self.attn = Attention()
        self.norm2 = nn.LayerNorm(WIDTH)
        self.mlp = Mlp()

    def forward(self, tokens: Tensor) -> Tensor:
        """Map [N, T, D] to [N, T, D]."""
        tokens = tokens + self.attn(self.norm1(tokens))
        added: Tensor = tokens + self.mlp(self.norm2(tokens))
        return added


class VisionTransformer(nn.Module):
    """Six blocks over patches of 4x4 pixels; the mean over patches is classified."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.patch_embed = nn.Conv2d(3, WIDTH, PATCH, stride=PATCH)
        self.pos_embed = nn.Parameter(torch.empty(1, (SIDE // PATCH) ** 2, WIDTH))
        self.blocks = nn.Sequential(*(Block() for _ in range(BLOCKS)))
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, classes)
        self._draw_weights_()

    def _draw_weights_(self) -> None:
        nn.init.trunc_normal_(self.pos_embed, std=INITIAL_DEVIATION)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=INITIAL_DEVIATION)
                nn.init.zeros_(module.bias)

    def forward(self, images: Tensor) -> Tensor:
        """Map images [N, 3, 32, 32] to logits [N, classes]."""
        tokens = self.patch_embed(images).flatten(2).transpose(1, 2) + self.pos_embed
        logits: Tensor = self.head(self.norm(self.blocks(tokens)).mean(dim=1))
        return logits
