"""Table ``METHODS``: what a suite may name as a method. Needs no torch.

To add one: add a line here, and a quantizer for its ``scales`` in ``quantizers.py`` if none fits.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Scales = Literal["none", "learned_pair"]


@dataclass(frozen=True, slots=True)
class Method:
    """How the weights of a converted layer are made from its latent weights.

    ``scales`` is ``none`` where weights stay as they are, or ``learned_pair`` for two learned
    scales a layer (W_p and W_n). ``source`` says where the method is published.
    """

    scales: Scales
    source: str

    @property
    def is_ternary(self) -> bool:
        """Whether layers are converted at all (and a delta strategy is needed)."""
        return self.scales != "none"


METHODS: Mapping[str, Method] = MappingProxyType(
    {
        "full_precision": Method("none", "the unquantized network"),
        "ttq": Method("learned_pair", "Zhu et al. 2017, Eqs. 6-8, true gradient of W_n"),
    }
)
