"""Initial weights by the number of a layer's inputs or outputs (He et al. 2015, normal)."""

from typing import Literal

from torch import nn

WEIGHTED = (nn.Conv2d, nn.Linear)


def draw_weights_(
    model: nn.Module,
    kinds: type[nn.Module] | tuple[type[nn.Module], ...] = WEIGHTED,
    mode: Literal["fan_in", "fan_out"] = "fan_in",
) -> None:
    """Draw the weights of all layers of ``kinds`` in the order of registration, in place."""
    for module in model.modules():
        if isinstance(module, kinds):
            nn.init.kaiming_normal_(module.get_parameter("weight"), mode=mode)
