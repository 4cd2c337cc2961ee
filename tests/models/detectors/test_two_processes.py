"""Running means of the losses, synchronised between processes."""

from multiprocessing import get_context
from pathlib import Path

import pytest
import torch
from torch import distributed, nn

CAR = [2.0, 0.8, 14.0, 4.5, 1.6, 1.9, 0.4, 3.0, -1.0]
PEDESTRIAN = [-3.0, 0.6, 12.0, 0.7, 1.8, 0.6, -1.0, 0.5, 0.5]
RUNNING_MEANS = ("norm_factor", "mean_inv_std")


def running_means(model: nn.Module) -> dict[str, torch.Tensor]:
    return {
        name: value.clone() for name, value in model.named_buffers() if name.endswith(RUNNING_MEANS)
    }


def train_step(model: nn.Module, batch: tuple, rank: int) -> dict[str, torch.Tensor]:
    torch.manual_seed(rank)
    model.train().loss(*batch)
    return running_means(model)


def join_and_train(folder: Path, model: nn.Module, batch: tuple, rank: int) -> None:
    torch.set_num_threads(1)  # the parent's threads do not survive the fork
    distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2
    )
    torch.save(train_step(model, batch, rank), folder / f"{rank}.pth")
    distributed.destroy_process_group()


@pytest.mark.skipif(torch.cuda.is_available(), reason="a process with a GPU cannot be forked")
def test_processes_agree(build, make_sample, tmp_path):
    model = build()
    before = running_means(model)
    points = [torch.randn(200, 3) + torch.tensor(each[:3]) for each in (CAR, PEDESTRIAN)]
    batches = [
        (dict(imgs=torch.randn(1, 3, 128, 256), points=points[:1]), [make_sample([CAR], [0])]),
        (
            dict(imgs=torch.randn(1, 3, 128, 256), points=points[1:]),
            [make_sample([PEDESTRIAN], [7])],
        ),
    ]
    processes = [
        get_context("fork").Process(target=join_and_train, args=(tmp_path, model, batch, rank))
        for rank, batch in enumerate(batches)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    first, second = (torch.load(tmp_path / f"{rank}.pth", weights_only=True) for rank in (0, 1))
    alone = train_step(model, batches[0], 0)
    assert before
    for name, value in first.items():
        assert value == second[name], name
        assert value != before[name], name
    assert any(value != alone[name] for name, value in first.items())
