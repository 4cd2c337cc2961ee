"""Measure how honest a detector's pose posterior is: table, curves and numbers.

Over the config's validation split, the share of true poses inside the regions that hold 50, 80 and
95 % of the posterior. Writes calibration.png and calibration.json.

    python tools/calibrate.py CONFIG CHECKPOINT --out work_dirs/calibration
"""

import argparse
import json
from pathlib import Path

from mmengine.config import DictAction
from mmengine.runner import Runner
from tqdm import tqdm

from epropnp_det.apis import EProPnPDet3DInferencer
from epropnp_det.engine.cli import user_errors
from epropnp_det.engine.config import check_data, load_config
from epropnp_det.errors import UserError
from epropnp_det.evaluation.calibration import Coverage
from epropnp_det.evaluation.detection_calibration import (
    coverage_table,
    detection_levels,
    predictions,
)
from epropnp_det.evaluation.reliability_plot import save_reliability_curves
from epropnp_det.whole_file import whole_file


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config", help="config file")
    parser.add_argument("checkpoint", help="checkpoint file")
    parser.add_argument(
        "--out", default="work_dirs/calibration", metavar="DIR", help="default: %(default)s"
    )
    parser.add_argument("--mc-samples", type=int, help="pose samples (default: the config's)")
    parser.add_argument("--score-thr", type=float, default=0.0, help="lowest score of a detection")
    parser.add_argument("--device", help="such as cpu or cuda (default: a GPU where there is one)")
    parser.add_argument(
        "--cfg-options", nargs="+", action=DictAction, help="overrides of the config as key=value"
    )
    return parser.parse_args()


def calibrate(args: argparse.Namespace) -> str:
    """Write the results and return the table."""
    cfg = load_config(args.config, args.cfg_options)
    if cfg.get("val_dataloader") is None:
        raise UserError(f"{args.config} has no val_dataloader: name a config with validation.")
    options = dict(return_posterior=True, return_correspondences=True)
    if args.mc_samples is not None:
        options["mc_samples"] = args.mc_samples
    cfg.merge_from_dict({f"model.test_cfg.{key}": value for key, value in options.items()})
    check_data(cfg, ["val_dataloader"])
    model = EProPnPDet3DInferencer(cfg, args.checkpoint, args.device).model
    loader = Runner.build_dataloader(cfg.val_dataloader, seed=0)
    with tqdm(loader, unit="batch") as batches:
        found = predictions(model, batches)
        levels, num_objects = detection_levels(model.bbox_head, found, args.score_thr)
    content = dict(
        config=args.config,
        checkpoint=args.checkpoint,
        mc_samples=model.bbox_head.pose_predictor.settings.mc_samples,
        score_thr=args.score_thr,
        num_objects=num_objects,
        coverage={name: Coverage.of(x).as_dict() for name, x in levels._asdict().items()},
        levels={name: x.tolist() for name, x in levels._asdict().items()},
    )
    save_reliability_curves(Path(args.out, "calibration.png"), levels)
    with whole_file(Path(args.out, "calibration.json")) as draft:
        draft.write_text(json.dumps(content, indent=1), encoding="utf-8")
    return coverage_table(levels, num_objects)


def main() -> None:
    args = parse_args()
    with user_errors():
        table = calibrate(args)
    print(f"{table}\n{args.out}: calibration.png, calibration.json")


if __name__ == "__main__":
    main()
