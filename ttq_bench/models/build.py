"""From a model's name to a network with weights drawn from a named seed."""

from collections.abc import Callable, Mapping

import torch
from torch import nn

from ttq_bench.errors import unknown_name
from ttq_bench.models.alexnet import alexnet
from ttq_bench.models.catalog import MODELS
from ttq_bench.models.cifar_resnet import cifar_resnet
from ttq_bench.models.imagenet_resnet import imagenet_resnet, imagenet_resnet_b
from ttq_bench.models.lenet import lenet
from ttq_bench.models.preact_resnet import preact_resnet
from ttq_bench.models.vgg import vgg
from ttq_bench.models.vit import VisionTransformer

FAMILIES: Mapping[str, Callable[[int, int], nn.Module]] = {
    "alexnet": alexnet,
    "cifar_resnet": cifar_resnet,
    "imagenet_resnet": imagenet_resnet,
    "imagenet_resnet_b": imagenet_resnet_b,
    "lenet": lenet,
    "preact_resnet": preact_resnet,
    "vgg": vgg,
    "vit": lambda _depth, classes: VisionTransformer(classes),
}


def build_model(name: str, *, classes: int, seed: int) -> nn.Module:
    """Return the network ``name`` as initialised; the global random state is untouched."""
    if name not in MODELS:
        raise unknown_name("build_model", "model", name, MODELS)
    card = MODELS[name]
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # manual_seed would reseed GPUs as well
        return FAMILIES[card.family](card.depth, classes)
