"""The plain trainer of P1 learns: what the suite is compared with is no straw man."""

import torch
import torch.nn.functional as F

from ttq_bench.models.build import build_model
from ttq_bench.speed.plain_trainer import LOADER_WORKERS, PlainImages, PlainTrainer


def test_its_steps_train_the_network_on_augmented_pictures():
    torch.manual_seed(0)
    labels = torch.arange(64) % 2
    images = (labels * 255).to(torch.uint8)[:, None, None, None].expand(-1, 32, 32, 3).contiguous()
    pictures = PlainImages(images, labels)
    picture, label = pictures[1]
    assert (picture.shape, picture.dtype, label) == ((3, 32, 32), torch.float32, 1)

    model = build_model("resnet20", classes=10, seed=0)
    trainer = PlainTrainer(model, pictures, batch_size=16, device=torch.device("cpu"))
    assert trainer.ready_ahead >= LOADER_WORKERS
    for _ in range(6):  # more than an epoch
        trainer.step()

    batch = torch.stack([pictures[i][0] for i in range(8)])
    model.train()
    assert F.cross_entropy(model(batch), labels[:8]).item() < 1.5  # 2.3 before
