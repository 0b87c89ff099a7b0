"""``fully_shard`` over a converted network: two processes train it as one would."""

import pytest
import torch
import torch.distributed as dist
from torch import multiprocessing, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

from ttq_bench.ternary.conversion import quantize_
from ttq_bench.ternary.fused.rows import fuse_

INPUTS = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))


def network(method):
    torch.manual_seed(0)
    model = nn.Sequential(*(nn.Linear(4, 4) for _ in range(4)))
    return fuse_(quantize_(model, method, initial_scales="least_squares"))


def losses(model):
    optimizer, found = torch.optim.SGD(model.parameters(), lr=0.1), []
    for _ in range(3):
        loss = model(INPUTS).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    return found


def one_of_two(rank, place, methods):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{place}", rank=rank, world_size=2)
    mesh = init_device_mesh("cpu", (2,))
    for method in methods:
        model = network(method)
        for layer in model:
            fully_shard(layer, mesh=mesh)
        fully_shard(model, mesh=mesh)
        found = torch.tensor(losses(model))
        torch.testing.assert_close(found, torch.tensor(losses(network(method))))
    dist.destroy_process_group()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_two_processes_that_share_a_network_train_it_as_one_would(tmp_path):
    methods = ["ttq", "ttq-tied", "twn"]

    multiprocessing.spawn(one_of_two, (str(tmp_path / "store"), methods), nprocs=2)
