"""From a model's name to a network with weights drawn from a named seed."""

from collections.abc import Callable, Mapping

import torch
from torch import nn

from ttq_bench.errors import unknown_name
from ttq_bench.models.alexnet import AlexNet
from ttq_bench.models.catalog import MODELS
from ttq_bench.models.cifar_resnet import CifarResNet
from ttq_bench.models.imagenet_resnet import WIDTH, WIDTH_B, ImageNetResNet
from ttq_bench.models.lenet import LeNet5
from ttq_bench.models.preact_resnet import PreActivationResNet
from ttq_bench.models.vgg import Vgg7
from ttq_bench.models.vit import VisionTransformer

# Each takes the depth on the model's card and the number of classes.
FAMILIES: Mapping[str, Callable[[int, int], nn.Module]] = {
    "alexnet": lambda _depth, classes: AlexNet(classes),
    "cifar_resnet": CifarResNet,
    "imagenet_resnet": lambda _depth, classes: ImageNetResNet(WIDTH, classes),
    "imagenet_resnet_b": lambda _depth, classes: ImageNetResNet(WIDTH_B, classes),
    "lenet": lambda _depth, classes: LeNet5(classes),
    "preact_resnet": PreActivationResNet,
    "vgg": lambda _depth, classes: Vgg7(classes),
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
