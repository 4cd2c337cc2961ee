"""Measure how honest a detector's pose posterior is: table, curves and numbers.

Over the config's validation split, the share of true poses inside the regions that hold 50, 80 and
95 % of the posterior. Writes calibration.png and calibration.json.

    python tools/calibrate.py CONFIG CHECKPOINT --out work_dirs/calibration
"""

import argparse
import json
from pathlib import Path

from epropnp_det.command_line import (
    ToolParser,
    add_cfg_options,
    answering,
    check_file,
    check_output_folder,
    positive,
    score,
)
from epropnp_det.errors import UserError


def parse_args() -> argparse.Namespace:
    parser = ToolParser(__doc__)
    parser.add_argument("config", help="config file")
    parser.add_argument("checkpoint", help="checkpoint file")
    parser.add_argument(
        "--out", default="work_dirs/calibration", metavar="DIR", help="default: %(default)s"
    )
    parser.add_argument("--mc-samples", type=positive, help="pose samples (default: the config's)")
    parser.add_argument("--score-thr", type=score, default=0.0, help="lowest score of a detection")
    parser.add_argument("--device", help="such as cpu or cuda (default: a GPU where there is one)")
    add_cfg_options(parser)
    return parser.parse_args()


def calibrate(args: argparse.Namespace) -> str:
    """Write the results and return the table."""
    check_file(args.config, "config")
    check_file(args.checkpoint, "checkpoint")
    check_output_folder(args.out, "--out")
    from tqdm import tqdm

    from epropnp_det.apis import EProPnPDet3DInferencer
    from epropnp_det.engine import EProPnPRunner
    from epropnp_det.engine.config import load_config
    from epropnp_det.engine.config_checks import check_config, check_detector
    from epropnp_det.evaluation.calibration import Coverage
    from epropnp_det.evaluation.detection_calibration import (
        coverage_table,
        detection_levels,
        predictions,
    )
    from epropnp_det.evaluation.reliability_plot import save_reliability_curves
    from epropnp_det.whole_file import whole_file

    cfg = load_config(args.config, args.cfg_options)
    if cfg.get("val_dataloader") is None:
        raise UserError(f"{args.config} has no val_dataloader: name a config with validation.")
    check_detector(cfg)
    options = dict(return_posterior=True, return_correspondences=True)
    if args.mc_samples is not None:
        options["mc_samples"] = args.mc_samples
    cfg.merge_from_dict({f"model.test_cfg.{key}": value for key, value in options.items()})
    check_config(cfg, ["val_dataloader"])
    model = EProPnPDet3DInferencer(cfg, args.checkpoint, args.device).model
    loader = EProPnPRunner.build_dataloader(cfg.val_dataloader, seed=0)
    with tqdm(loader, unit="batch") as batches:
        found = predictions(model, batches)
        levels, num_objects = detection_levels(model.bbox_head, found, args.score_thr)
    if not len(levels.pose):
        raise UserError(
            f"none of the {num_objects} objects was found with a score of {args.score_thr:g} or "
            "more, so nothing can be said of its pose: lower --score-thr, or name a checkpoint of "
            "a trained network."
        )
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
    with answering("nothing was written; run the same command again"):
        table = calibrate(args)
        print(f"{table}\n{args.out}: calibration.png, calibration.json")


if __name__ == "__main__":
    main()
