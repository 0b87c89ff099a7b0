"""Table ``MODELS``: what a suite may name as a model, with sizes that a plan needs. Needs no torch.

To add one: add a card; for a new family write its file and add it to ``FAMILIES`` in ``build.py``.
The counts are checked against the built networks in ``tests/models``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A network for images of ``image_shape`` (channels, height, width), counted for ``classes``.

    It can be built for any number of classes. ``multiply_adds`` counts one forward pass of one
    image; ``depth`` the weighted layers outside of shortcuts. ``is_normalised``: batch
    normalisation stands between every layer but the last and the output, so that a layer's first
    scales may be of any size.
    """

    family: str
    depth: int
    image_shape: tuple[int, int, int]
    parameters: int
    multiply_adds: int
    source: str
    classes: int = 10
    is_normalised: bool = True


HE_2015 = "He et al. 2015, section 4.2, option A"
RELEASED = "github.com/czhu95/ternarynet, after He et al. 2016"
# Both families by the prefix of their names; their networks of one depth have the same sizes.
RESIDUAL = (("resnet", "cifar_resnet", HE_2015), ("preact_resnet", "preact_resnet", RELEASED))
RESIDUAL_SIZES = (
    (20, 269_722, 40_551_040),
    (32, 464_154, 68_862_592),
    (44, 658_586, 97_174_144),
    (56, 853_018, 125_485_696),
    (110, 1_727_962, 252_887_680),
)
IMAGENET = (3, 224, 224)

MODELS: Mapping[str, ModelCard] = MappingProxyType(
    {
        "lenet5": ModelCard(
            "lenet", 5, (1, 28, 28), 61_706, 416_520, "LeCun et al. 1998",
            is_normalised=False,
        ),
        **{
            f"{prefix}{depth}": ModelCard(
                family, depth, (3, 32, 32), parameters, multiply_adds, source
            )
            for prefix, family, source in RESIDUAL
            for depth, parameters, multiply_adds in RESIDUAL_SIZES
        },
        "vgg_small": ModelCard(
            "vgg", 8, (3, 32, 32), 12_979_082, 615_917_568, "Li et al. 2016 (TWN), section 3.1"
        ),
        "vit_cifar": ModelCard(
            "vit", 38, (3, 32, 32), 1_205_642, 82_183_424,
            "Dosovitskiy et al. 2021, with patches of 4, six blocks and width 128",
            is_normalised=False,
        ),
        "alexnet": ModelCard(
            "alexnet", 8, IMAGENET, 60_981_224, 1_937_082_368,
            "github.com/czhu95/ternarynet, after Zhou et al. 2016", 1000,
        ),
        "resnet18": ModelCard(
            "imagenet_resnet", 18, IMAGENET, 11_689_512, 1_814_073_344,
            "He et al. 2015, section 4.1, option B", 1000,
        ),
        "resnet18b": ModelCard(
            "imagenet_resnet_b", 18, IMAGENET, 25_901_896, 3_992_770_560,
            "Li et al. 2016 (TWN), section 3.1: 1.5 times the filters", 1000,
        ),
    }
)  # fmt: skip
