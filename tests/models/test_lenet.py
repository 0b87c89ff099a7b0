import torch

from ttq_bench.models.lenet import LeNet5


def test_layers_have_the_sizes_of_lecun_et_al():
    shapes = {key: tuple(value.shape) for key, value in LeNet5(10).named_parameters()}

    assert {key: shape for key, shape in shapes.items() if key.endswith("weight")} == {
        "conv1.weight": (6, 1, 5, 5),
        "conv2.weight": (16, 6, 5, 5),
        "fc1.weight": (120, 400),
        "fc2.weight": (84, 120),
        "linear.weight": (10, 84),
    }


def test_logits_are_not_rectified():
    torch.manual_seed(0)

    assert bool((LeNet5(10)(torch.randn(20, 1, 28, 28)) < 0).any())


def test_each_image_is_answered_by_itself():
    torch.manual_seed(0)
    model, images = LeNet5(10), torch.randn(3, 1, 28, 28)

    torch.testing.assert_close(model(images)[1:2], model(images[1:2]))
