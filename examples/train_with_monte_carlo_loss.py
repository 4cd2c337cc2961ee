"""Train a small network end to end with the Monte Carlo pose loss, from poses alone.

The network sees 16 keypoints of an object in an image, every fifth of them wrong. It has to learn
where the keypoints are on the object (x3d) and which detections to trust (w2d). Nobody tells it
either: the only supervision is the pose of the object.

    python examples/train_with_monte_carlo_loss.py --out training.png
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import Tensor, nn
from tqdm import trange

from epropnp_det.pnp import EProPnP, HuberCost, PerspectiveCamera, PnPProblem, monte_carlo_pose_loss
from epropnp_det.pnp.pose import rotate

NUM_POINTS = 16
FOCAL = 1260.0  # pixels
SIZE = torch.tensor([4.0, 1.6, 1.8])  # of the object, metres
SHARE_WRONG = 0.2


class CorrespondenceNet(nn.Module):
    """From detected keypoints to 2D-3D correspondences."""

    def __init__(self, hidden: int = 256) -> None:
        super().__init__()
        self.x3d = nn.Parameter(0.5 * torch.randn(NUM_POINTS, 3))
        self.log_scale = nn.Parameter(torch.zeros(()))
        first = (nn.Linear(2 * NUM_POINTS, hidden), nn.ReLU())
        last = (nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, NUM_POINTS), nn.Softmax(-1))
        self.weights = nn.Sequential(*first, *last)

    def forward(self, x2d: Tensor) -> PnPProblem:
        """Pixels (B, N, 2) -> B objects."""
        offset = x2d - x2d.mean(1, keepdim=True)
        features = offset / offset.std(dim=(1, 2), keepdim=True)
        w2d = self.weights(features.flatten(1)) * self.log_scale.exp()
        w2d = w2d[..., None].expand_as(x2d)
        x3d = self.x3d.expand(len(x2d), -1, -1)
        return PnPProblem(x3d, x2d, w2d, camera(len(x2d)), HuberCost.adaptive(x2d, w2d))


def camera(batch: int) -> PerspectiveCamera:
    """The same camera for every object; pixels count from the middle of the image."""
    return PerspectiveCamera(torch.diag(torch.tensor([FOCAL, FOCAL, 1.0])).repeat(batch, 1, 1))


def simulate(shape: Tensor, batch: int) -> tuple[Tensor, Tensor]:
    """Detected pixels (B, N, 2) and poses (B, 4) of objects of one shape (N, 3), metres."""
    depth, yaw = 8 + 12 * torch.rand(batch, 1), math.pi * (2 * torch.rand(batch, 1) - 1)
    lateral = torch.tensor([0.8, 0.2]) * (torch.rand(batch, 2) - 0.5) * depth
    pose = torch.cat((lateral, depth, yaw), dim=1)
    points = rotate(pose, shape.expand(batch, -1, -1)) + pose[:, None, :3]
    x2d = camera(batch).project(points) + torch.randn(batch, NUM_POINTS, 2)
    low, high = x2d.amin(1, keepdim=True), x2d.amax(1, keepdim=True)
    wrong = torch.rand(batch, NUM_POINTS, 1) < SHARE_WRONG
    return torch.where(wrong, low + (high - low) * torch.rand_like(x2d), x2d), pose


@torch.no_grad()
def errors(problem: PnPProblem, layer: EProPnP, pose: Tensor) -> tuple[float, float]:
    """Median errors of the solver's poses: position in metres, heading in degrees."""
    error = layer.solver(problem).pose - pose
    turned = torch.atan2(error[:, 3].sin(), error[:, 3].cos()).abs()
    return error[:, :3].norm(dim=-1).median().item(), turned.median().rad2deg().item()


def draw(losses: list[float], history: dict, densities: dict, truth: Tensor, out: Path) -> None:
    """Loss, errors by step, and posteriors of one object by step."""
    plt.rcParams.update({"font.size": 12, "axes.spines.top": False, "axes.spines.right": False})
    figure, axes = plt.subplots(1, 4, figsize=(15, 3.8), layout="constrained")
    smooth = torch.tensor(losses).unfold(0, min(9, len(losses)), 1).median(dim=1).values
    axes[0].plot(range(1, len(smooth) + 1), smooth, color="#2166ac")
    axes[0].set(title="Monte Carlo pose loss", xlabel="training step")
    position, heading = zip(*history.values(), strict=True)
    axes[1].plot(list(history), heading, label="heading (°)", color="#b2182b")
    axes[1].plot(list(history), position, label="position (m)", color="#2166ac")
    axes[1].set(title="Median error, unseen objects", xlabel="training step", yscale="log")
    axes[1].legend(frameon=False)

    bins = torch.linspace(-30, 30, 61)
    for (step, posterior), colour in zip(
        densities.items(), ("#f28e2b", "#9467bd", "#2166ac"), strict=False
    ):
        weights, samples = posterior.log_weights[:, 0].softmax(0), posterior.samples[:, 0]
        drawn = samples[weights.multinomial(1000, replacement=True)]
        axes[2].scatter(drawn[:, 0], drawn[:, 2], s=6, alpha=0.35, color=colour, linewidths=0)
        degrees = (samples[:, 3] - truth[3] + math.pi).remainder(2 * math.pi).rad2deg() - 180
        density = torch.histogram(degrees, bins, weight=weights)[0]
        axes[3].stairs(density, bins, fill=True, alpha=0.7, color=colour, label=f"step {step}")
    axes[2].plot(truth[0], truth[2], "k+", markersize=16, markeredgewidth=2, label="truth")
    axes[2].legend(frameon=False)
    axes[2].set(title="Position density, one object", xlabel="sideways (m)", ylabel="depth (m)")
    axes[3].axvline(0, color="k", linestyle=":")
    axes[3].set(
        title="Heading density, same object", xlabel="heading - truth (°)", ylabel="per degree"
    )
    axes[3].legend(frameon=False)
    figure.savefig(out, dpi=100)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--batch", type=int, default=32, help="objects per step")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("training.png"), help="figure to write")
    args = parser.parse_args(argv)
    torch.manual_seed(args.seed)

    shape = (torch.rand(NUM_POINTS, 3) - 0.5) * SIZE  # what the network has to find out
    x2d_unseen, pose_unseen = simulate(shape, 128)
    net, layer = CorrespondenceNet(), EProPnP(dof=4, mc_samples=128)
    direct = {"params": [net.x3d, net.log_scale], "lr": 3e-2}
    optimizer = torch.optim.Adam([direct, {"params": net.weights.parameters(), "lr": 3e-3}])
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, args.steps)

    losses, history, densities = [], {0: errors(net(x2d_unseen), layer, pose_unseen)}, {}
    for step in trange(1, args.steps + 1, desc="training"):
        x2d, pose = simulate(shape, args.batch)
        loss = monte_carlo_pose_loss(layer(net(x2d), pose)).mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        if step % 10 == 0 or step == args.steps:
            history[step] = errors(net(x2d_unseen), layer, pose_unseen)
        if step in (10, 30, args.steps):
            densities[step] = layer(net(x2d_unseen[:1]), mc_samples=4096).detach()

    for name, step in (("before", 0), ("after", args.steps)):
        print("{} training: median error {:.2f} m, {:.1f}°".format(name, *history[step]))
    draw(losses, history, densities, pose_unseen[0], args.out)
    print(f"Loss, errors and pose densities are drawn in {args.out}.")


if __name__ == "__main__":
    main()
