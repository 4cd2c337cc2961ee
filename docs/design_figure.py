"""Draw the design: `python docs/design_figure.py docs/design.png`."""

import sys

from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

BLUE, ORANGE, GREY = "#dbe8f6", "#fde3c8", "#ececec"
# Title, what it is, colour, and what leaves it.
STEPS = [
    ("backbone, neck", "ResNet or Swin\nand FPN, from mmdet", GREY, "feature\nmaps"),
    ("FCOSEmbHead", "where objects are:\nclass, reference point,\nembedding", BLUE, "objects"),
    (
        "DeformPnPHead",
        "attention samples\n8 x 16 points\nof each object",
        BLUE,
        "x3d\nx2d\nw2d",
    ),
    ("epropnp_det.pnp", "Levenberg-Marquardt,\nthen Monte Carlo", ORANGE, "pose\nposterior"),
    ("EProPnPDecoder", "scores, NMS", BLUE, "boxes with\ncovariance"),
]
LOSSES = {
    1: "class, centerness,\nreference point, GIoU",
    2: "size, velocity, attribute;\nreprojection, coordinates, depth",
    3: "Monte Carlo pose loss,\nderivative regularisation",
}
WIDTH, GAP, HEIGHT = 2.0, 0.95, 1.3


def main() -> None:
    figure = Figure(figsize=(13.4, 2.8), dpi=130)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(-0.55, 15.0), ylim=(-1.35, 1.9), aspect="equal")
    axes.axis("off")
    axes.annotate("", (0, 0.65), (-0.5, 0.65), arrowprops={"arrowstyle": "->"})
    axes.text(-0.27, 0.83, "image", ha="center", fontsize=9)
    for i, (title, text, colour, leaving) in enumerate(STEPS):
        x = i * (WIDTH + GAP)
        box = FancyBboxPatch((x, 0), WIDTH, HEIGHT, "round,pad=0,rounding_size=0.1", fc=colour)
        axes.add_patch(box)
        middle = x + WIDTH / 2
        axes.text(middle, 1.03, title, ha="center", fontsize=10, weight="bold")
        axes.text(middle, 0.45, text, ha="center", va="center", fontsize=9)
        end = x + WIDTH + GAP
        axes.annotate("", (end, 0.65), (x + WIDTH, 0.65), arrowprops={"arrowstyle": "->"})
        axes.text(end - GAP / 2, 0.73, leaving, ha="center", va="bottom", fontsize=9)
        if i in LOSSES:
            style = {"arrowstyle": "->", "color": "#b03030", "linestyle": "--"}
            axes.annotate("", (middle, -0.01), (middle, -0.6), arrowprops=style)
            axes.text(middle, -0.66, LOSSES[i], ha="center", va="top", fontsize=9, color="#b03030")
    axes.text(-0.4, -0.66, "losses, in\ntraining", va="top", fontsize=9, color="#b03030")
    axes.text(
        3 * (WIDTH + GAP) + WIDTH / 2,
        1.5,
        "pure PyTorch, usable alone",
        ha="center",
        fontsize=9,
        style="italic",
    )
    figure.savefig(sys.argv[1])


if __name__ == "__main__":
    main()
