"""Lay pictures out on one sheet, two in a row, with a caption each.

How docs/pictures.png was made, after `make demo`:

    python tools/test.py configs/epropnp_det/epropnp-det_tiny_demo.py \
        checkpoints/epropnp-det_r18_synthetic.pth --show-dir work_dirs/painted --score-thr 0.3
    python docs/contact_sheet.py --out docs/pictures.png "CAPTION=work_dirs/painted/NAME.png" ...
"""

import argparse
from pathlib import Path

import mmcv
from matplotlib.figure import Figure

from epropnp_det.visualization import save_figure

WIDTH = 16.0  # inches
COLUMNS = 2
CAPTION = 0.35  # inches
DPI = 100


def captioned(text: str) -> tuple[str, Path]:
    caption, _, path = text.rpartition("=")
    if not Path(path).is_file():
        raise argparse.ArgumentTypeError(f"{path} does not exist: give CAPTION=PICTURE")
    return caption, Path(path)


def contact_sheet(pictures: list[tuple[str, Path]]) -> Figure:
    """Figure of captions and pictures, rows as high as their highest picture."""
    images = [mmcv.imread(path, channel_order="rgb") for _, path in pictures]
    cell = WIDTH / COLUMNS
    heights = [cell * image.shape[0] / image.shape[1] + CAPTION for image in images]
    rows = [max(heights[i : i + COLUMNS]) for i in range(0, len(images), COLUMNS)]
    figure = Figure(figsize=(WIDTH, sum(rows)), dpi=DPI, facecolor="white")
    for i, ((caption, _), image) in enumerate(zip(pictures, images, strict=True)):
        row, column = divmod(i, COLUMNS)
        top = 1 - sum(rows[:row]) / sum(rows)
        high = (heights[i] - CAPTION) / sum(rows)
        caption_high = CAPTION / sum(rows)
        left, wide = column / COLUMNS + 0.004, 1 / COLUMNS - 0.008
        axes = figure.add_axes((left, top - caption_high - high, wide, high))
        axes.imshow(image, interpolation="antialiased")
        axes.set_axis_off()
        figure.text(left, top - 0.7 * caption_high, caption, fontsize=13)
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pictures", nargs="+", type=captioned, metavar="CAPTION=PICTURE")
    parser.add_argument("--out", type=Path, required=True, metavar="PNG")
    args = parser.parse_args()
    save_figure(contact_sheet(args.pictures), args.out)


if __name__ == "__main__":
    main()
