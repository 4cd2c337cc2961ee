"""Every tool, every option of it, every kind of wrong value: one sentence and status 2.

A row names calls of ``RIGHT``, words that take the place of theirs or follow them, with the
alternatives of a shell's braces, and what the answer holds: the thing and the mend, with " ... "
between parts, # for the name of the last word and @ for its value.
"""

import argparse
import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from toy_task import TOY_CONFIG

from epropnp_det.datasets import create_nuscenes_infos
from epropnp_det.synthetic import Settings, generate

RIGHT = {
    "train": "train config=toy.py",
    "test": "test config=demo.py checkpoint=weights.pth",
    "submit": "make_submission config=demo.py checkpoint=weights.pth --root=data"
    " --version=v1.0-mini --out=out.zip",
    "infer": "infer config=demo.py checkpoint=weights.pth inputs=street.jpg"
    " --cam2img=street.json --out=out",
    "listed": "infer config=demo.py checkpoint=weights.pth inputs=data/nuscenes_infos_val.pkl"
    " --out=out",
    "objects": "infer config=pose.py checkpoint=weights.pth inputs=folder --scene=1 --out=out",
    "calibrate": "calibrate config=demo.py checkpoint=weights.pth --out=out",
    "nuscenes": "create_data nuscenes --root=data --version=v1.0-mini --workers=1",
    "name": "create_split --root=data --version=v1.0-mini --name=mine --scenes=scene-0103",
    "kitti": "create_data kitti --root=folder",
    "simulate": "create_synthetic_nuscenes --out=out",
    "pose": "create_synthetic_bop --out=out",
    "browse": "browse_dataset info_file=data/nuscenes_infos_val.pkl --out=out",
    "split": "browse_dataset --root=data --out=out",
    "look": "check_data data=data --out=out --workers=1",
    "film": "visualize_sequence --root=data --version=v1.0-mini --scene=scene-0103 --out=out.mp4",
    "convert": "convert_checkpoint source=weights.pth target=out.pth",
    "publish": "publish_checkpoint source=weights.pth target=out.pth",
    "download": "download_checkpoint name=v2",
    "export": "export config=demo.py checkpoint=weights.pth out=out.onnx --image-size=400x224",
    "layer": "export_layer out=out.onnx --dof=6 --points=20",
    "demo": "demo",
    "create": "create_data dataset=nuscenes",
}

EVERY = " ".join(RIGHT).removesuffix(" create")
CONFIGS = "train test submit infer listed objects calibrate export"
TRAINED = "test submit infer listed objects calibrate export"
RUNS = "train test submit"
INFERS = "infer objects calibrate"
FOLDERS = "infer objects calibrate simulate pose browse split look film"
ABSENT = "@ does not exist: correct the path"
FOLDER = "folder is a folder: give the path of a file"
EMPTY = "#: the word is empty: give a value, or leave it out"
WHOLE = "#: '@' is no whole number of at least 1"
SCORE = "#: '@' is no number from 0 to 1"
CHOICE = "#: invalid choice: '@' (choose from "
FLAG = "#: ignored explicit argument '@'"
BELOW = "@ cannot be written to (file is no folder) ... another place with #"
BROKEN = "@ is broken ... copy or download it anew"

# Answered before anything heavy is imported.
AT_ONCE = [
    (EVERY, "--hlep", "there is no option --hlep: did you mean --help?"),
    # Configs, checkpoints and runs
    (CONFIGS, "config=absent.py", f"the config {ABSENT}"),
    (CONFIGS, "config=folder", f"the config {FOLDER}"),
    (CONFIGS, "config=", EMPTY),
    (CONFIGS, "config=epropnp_det::mine.py", "no config mine.py comes with epropnp_det: they are "),
    (CONFIGS, "--cfg-options", "--cfg-options: expected at least one argument"),
    (CONFIGS, "--cfg-options={word,}", "--cfg-options: '@' is not of the form key=value"),
    (TRAINED, "checkpoint=absent.pth", f"the checkpoint {ABSENT}"),
    (TRAINED, "checkpoint=folder", f"the checkpoint {FOLDER}"),
    (TRAINED, "checkpoint=", EMPTY),
    (RUNS, "--work-dir", "--work-dir: expected one argument"),
    (RUNS, "--work-dir=", EMPTY),
    (RUNS, "--launcher={abacus,}", f"{CHOICE}'none', 'pytorch'"),
    (RUNS, "--local{_,-}rank={first,-1,nan}", "-rank: '@' is no whole number of at least 0"),
    ("train", "--{amp,auto-scale-lr}=2", FLAG),
    ("train", "--resume=absent.pth", f"the checkpoint {ABSENT}"),
    ("train", "--resume=folder", f"the checkpoint {FOLDER}"),
    ("train", "--resume=", EMPTY),
    ("train", "--resume=a.pth --cfg-options load_from=b.pth", "--resume a.pth ... leave out one"),
    ("test", "--{show,tta}=2", FLAG),
    ("test", "--{show-dir,score-thr,wait-time}", "#: expected one argument"),
    ("test", "--show-dir=", EMPTY),
    ("test", "--show-dir={file,file/below}", BELOW),
    ("test", "--show-dir=/dev/null/a", "/dev/null is no folder ... another place with --show-dir"),
    ("test", "--score-thr=0.5", "--score-thr is for painted images: say --show-dir too"),
    ("test", "--wait-time={soon,-1,nan,}", "--wait-time: '@' is no number from 0"),
    ("test", "--wait-time=1 --show-dir=out", "--wait-time is for images in a window: say --show"),
    ("test infer calibrate film", "--score-thr={high,-0.1,2,nan,}", SCORE),
    # Splits
    ("name", "--{root,name}=", EMPTY),
    ("name", "--root=absent", "the nuScenes folder absent does not exist: name the folder"),
    ("name", "--version=v1.0-test", "the folder of tables data/v1.0-test does not exist"),
    ("name", "--info-file=absent.pkl", "--info-file: not allowed with argument --scenes"),
    ("name", "--scenes", "--scenes: expected at least one argument"),
    ("name", "--overwrite=2", FLAG),
    ("nuscenes", "--level=2", FLAG),
    ("nuscenes", "--rig=absent.py", f"the config {ABSENT}"),
    ("nuscenes", "--rig=folder", f"the config {FOLDER}"),
    ("nuscenes", "--rig=", EMPTY),
    ("nuscenes", "--categories={forklift,=car,forklift=,}", "'@' is not of the form forklift=car"),
    # Submissions
    ("submit", "--{root,out,info-dir}=", EMPTY),
    ("submit", "--tta=2", FLAG),
    ("submit", "--split={vall,}", f"{CHOICE}'train', 'val', 'test')"),
    ("submit", "--out=out.json", "takes a .zip file: give one as --out, not out.json"),
    ("submit", "--out=folder.zip", "folder.zip is a folder: name a file with --out"),
    ("submit", "--out=file/out.zip", "file is no folder ... another place with --out"),
    # Inference and calibration
    ("infer listed", "inputs=", EMPTY),
    ("infer", "inputs=absent.jpg", f"the image {ABSENT}"),
    ("listed", "inputs=absent.pkl", f"the info file {ABSENT}"),
    ("listed", "inputs=street.jpg", "camera matrix of street.jpg is missing ... with --cam2img"),
    ("infer", "--tilt", "--tilt: expected 2 arguments"),
    ("infer", "--tilt=12", "--tilt: expected 2 arguments"),
    ("listed", "--tilt=2", "--tilt: expected 2 arguments"),
    ("listed", "--cam2img=street.json", "camera matrices of its own: leave --cam2img out"),
    ("infer", "--cam2img=absent.csv", f"the camera matrix {ABSENT}"),
    ("infer", "--cam2img=folder", f"the camera matrix {FOLDER}"),
    ("infer", "--{data-root,camera,sample}=data", "# is for an info file ... or name a .pkl file"),
    ("listed", "--data-root=absent", "the data root absent does not exist: name the folder"),
    ("listed", "--data-root=file", "the data root file is a file: name the folder"),
    ("listed", "--{camera,sample}", "#: expected at least one argument"),
    ("infer listed", "--{cam2img,data-root,camera,sample,device}=", EMPTY),
    ("infer", "--{overwrite,no-pictures,fit}=2", FLAG),
    ("infer", "--batch-size={0,-1,1.5,nan,two,}", WHOLE),
    # Poses of known objects
    ("infer", "--object={first,-1,nan,}", "#: '@' is no whole number of at least 0"),
    ("infer", "--box", "--box: expected 4 arguments"),
    ("infer", "--box 1 2 3", "--box: expected 4 arguments"),
    ("infer", "--box 1 2 3 {wide,nan,inf}", "argument --box: '#' is no number from "),
    (
        "infer",
        "--object=5",
        "--object is given 1 times and --box 0 times: give both, once for each",
    ),
    ("infer", "--models=folder", "--object is given 0 times and --box 0 times: give both"),
    ("infer", "--object=5 --cam2img=absent.json", f"the camera matrix {ABSENT}"),
    ("infer", "--object=5 inputs=absent.jpg", f"the image {ABSENT}"),
    (
        "infer",
        "--object=5 --fit",
        "--fit is for a detector, and --object for poses of known objects",
    ),
    (
        "infer",
        "--{split,scene,image,boxes}=1",
        "# is for the folder of a data set ... name a folder",
    ),
    ("objects", "--{object,scene}={first,-1,nan,}", "#: '@' is no whole number of at least 0"),
    ("objects", "--object=5", "--object is for an image, and folder is a folder: leave it out"),
    ("objects", "--box 1 2 3 4", "--box is for an image, and folder is a folder: leave it out"),
    ("objects", "--cam2img=street.json", "camera matrices of its own: leave --cam2img out"),
    ("objects", "--{camera,sample,data-root,score-thr}=1", "# is for a detector, and --scene for"),
    ("objects", "--fit", "--fit is for a detector, and --scene for poses of known objects: leave"),
    ("objects", "--image", "--image: expected at least one argument"),
    ("objects", "--image={first,-1,nan,}", "#: '@' is no whole number of at least 0"),
    ("objects", "--{split,boxes,models}=", EMPTY),
    ("objects", "--models=absent", "the folder of models absent does not exist: name the folder"),
    ("objects", "--models=file", "the folder of models file is a file: name the folder"),
    ("calibrate", "--mc-samples={0,-1,1.5,nan,two,}", WHOLE),
    ("calibrate", "--device=", EMPTY),
    (FOLDERS, "--out=", EMPTY),
    (FOLDERS, "--out={file,file/below}", BELOW),
    (FOLDERS, "--out=/dev/null/a", "/dev/null is no folder ... another place with --out"),
    # Datasets
    ("create", "dataset=nuscene", "dataset: invalid choice: 'nuscene' (choose from 'nuscenes', "),
    ("submit nuscenes kitti split film", "--root=absent", "@ does not exist: name the folder"),
    ("submit nuscenes kitti split film", "--root=file", "@ is a file: name the folder"),
    ("submit nuscenes simulate", "--version={v9,}", f"{CHOICE}'v1.0-mini', "),
    ("nuscenes kitti", "--{root,out-dir,info-prefix}=", EMPTY),
    ("nuscenes kitti", "--out-dir={file,file/below}", BELOW),
    ("nuscenes kitti", "--info-prefix={a/b,/dev/null/a}", "'@' is no file name ... --out-dir"),
    ("nuscenes", "--{workers,max-sweeps}={0,-1,1.5,nan,two,}", WHOLE),
    ("nuscenes", "--max-sweep-count=1", "no option --max-sweep-count: did you mean --max-sweeps?"),
    ("simulate", "--{scenes,samples-per-scene,val-samples-per-scene,workers}={0,-1,two,}", WHOLE),
    ("simulate", "--val-samples-per-scene=2 --{scenes=1,version=v1.0-test}", "none: leave it out"),
    ("simulate", "--dataset={trucks,}", f"{CHOICE}'nuscenes', 'truckscenes')"),
    ("simulate", "--seed={lucky,0.5,nan,}", "--seed: invalid int value: '@'"),
    ("simulate", "--{raise,pitch}-cameras={high,}", "#: invalid float value: '@'"),
    ("simulate", "--image-size={400,x,-4x-4,}", "--image-size: '@' is not of the form 640x480"),
    ("pose", "--{scenes,test-scenes,images-per-scene,workers}={0,-1,two,}", WHOLE),
    ("pose", "--seed={lucky,0.5,nan,}", "--seed: invalid int value: '@'"),
    ("pose", "--image-size={400,x,-4x-4,}", "--image-size: '@' is not of the form 640x480"),
    ("pose", "--clean=2", FLAG),
    ("pose", "--upright=2", FLAG),
    # Pictures and videos
    ("browse", "info_file=absent.pkl", f"the info file {ABSENT}"),
    ("browse", "info_file=folder", f"the info file {FOLDER}"),
    ("browse", "info_file=", EMPTY),
    ("browse", "--split=train", "--split is for --root alone ... leave out one of them"),
    ("split", "--{root,split}=", EMPTY),
    ("browse", "--start={first,0.5,}", "--start: invalid int value: '@'"),
    ("browse", "--num={0,-1,1.5,nan,two,}", WHOLE),
    ("browse", "--{overwrite,all-boxes}=2", FLAG),
    ("look", "data=absent.pkl", f"the info file or dataroot {ABSENT}"),
    ("look", "data=folder", "folder has no info file: make it with `python tools/create_data.py"),
    ("look", "data=", "argument ROOT|INFO: the word is empty"),
    ("look", "--root=", EMPTY),
    ("look", "--root=absent", "the data root absent does not exist: name the folder"),
    ("look", "--root=file", "the data root file is a file: name the folder"),
    ("look", "--workers={0,-1,1.5,nan,two,}", WHOLE),
    ("film", "--{root,version,scene,results}=", EMPTY),
    ("film", "--version=v9", "data has no folder v9: name ... one of its versions with --version"),
    ("film", "--results=absent.json", f"the result file {ABSENT}"),
    ("film", "--results=folder", f"the result file {FOLDER}"),
    ("film", "--out=folder.mp4", "folder.mp4 is a folder: name a file with --out"),
    ("film", "--out={file/out,taken}.mp4", "is no folder ... another place with --out"),
    ("film", "--out=out.{avi,MP4}", "@ is no .mp4 file: name one, or a folder, with --out"),
    ("film", "--score-thr=0.5", "--score-thr is for predictions: name them with --results"),
    ("film", "--rate={0,-1,nan,inf,fast,}", "--rate: '@' is no number from 0.1 to 240"),
    ("film", "--width={0,-1,100,nan,wide,}", "--width: '@' is no whole number of at least 160"),
    ("film", "--{rate=5,keep-frames} --out=out", "a video, and out is a folder: leave it out"),
    ("film", "--keep-frames=2", FLAG),
    # Checkpoints to hand out, and the demo
    ("convert publish", "source=absent.pth", f"the checkpoint {ABSENT}"),
    ("convert publish", "source=folder", f"the checkpoint {FOLDER}"),
    ("convert publish", "{source,target}=", ": the word is empty: give a value"),
    ("convert publish", "target=folder", "folder is a folder: name a file with DST"),
    ("convert publish", "target=file/below", "file is no folder ... another place with DST"),
    ("convert publish", "target=/dev/null", "/dev/null is no ordinary file: name a file with DST"),
    ("convert publish", "target=./weights.pth", "is what is read: name another file with DST"),
    ("convert", "--model={v9,}", f"{CHOICE}'basic', "),
    ("download", "name={v9,}", "NAME: invalid choice: '@' (choose from 'basic', "),
    ("download", "name=v2", "by hand ... tools/convert_checkpoint.py FILE checkpoints/v2.pth"),
    ("download", "--out=", EMPTY),
    ("download", "--out={file,file/below}", BELOW),
    # Exported files
    ("export layer", "out=", ": the word is empty: give a value"),
    ("export layer", "out=folder", "folder is a folder: name a file with OUT"),
    ("export layer", "out=file/below", "file is no folder ... another place with OUT"),
    ("export", "--image-size={400,x,-4x-4,}", "--image-size: '@' is not of the form 640x480"),
    ("export", "--max-objects={0,-1,1.5,nan,two,}", WHOLE),
    ("layer", "--dof={5,six,}", "--dof: invalid "),
    ("layer", "--points={2,-1,nan,many,}", "--points: '@' is no whole number of at least 3"),
    ("demo", "--quick=2", FLAG),
]

# Answered before a training, a test or a picture begins.
LATER = [
    (CONFIGS, "config={file,street.jpg}", "config @ cannot be read ... Only py/yml/yaml/json"),
    (CONFIGS, "--cfg-options modle.x=1", "has no key 'modle' there (did you mean 'model'?)"),
    (CONFIGS, "--cfg-options model=3", "3 is a single value ... name one of its keys"),
    ("train test infer listed objects export", "config=empty.py", "the config has no model"),
    ("submit", "config={empty,toy}.py", "a test_dataloader of one dataset ... see configs/_base_"),
    ("calibrate", "config=empty.py", "empty.py has no val_dataloader: name a config with "),
    (TRAINED, "checkpoint={empty.pth,street.jpg}", BROKEN),
    (TRAINED, "checkpoint=https://host/a.pth", "@ is not on this machine ... download it first"),
    (RUNS, "--work-dir={file,file/below}", BELOW),
    (RUNS, "--launcher=pytorch", "--launcher pytorch needs processes ... say `torchrun"),
    (RUNS, "--launcher=slurm", "--launcher slurm needs a GPU: use --launcher pytorch"),
    ("train", "--amp", "--amp needs a GPU ... leave --amp out"),
    ("train", "--auto-scale-lr", "needs auto_scale_lr.base_batch_size in the config"),
    ("train", "--resume=empty.pth", BROKEN),
    (
        "train",
        "--resume=weights.pth",
        "start from its weights with `--cfg-options load_from=weights.pth`",
    ),
    ("test", "--show", "--show needs a window ... --show-dir in its place"),
    ("test", "config=toy.py --show-dir=out", "need default_hooks.visualization= ... in the config"),
    ("test", "config=toy.py --tta", "--tta needs tta_model and tta_pipeline in the config"),
    ("submit", "config=plain.py --tta", "--tta needs tta_model and tta_pipeline in the config"),
    ("submit", "--root=folder", "No nuScenes tables at folder/v1.0-mini: set data_root"),
    ("submit", "--version=v1.0-test", "No nuScenes tables at data/v1.0-test ... or version"),
    ("submit", "--split=test", "v1.0-mini has no split test: name train or val with --split"),
    ("submit", "--info-dir={absent,file}", "make it with ... or name its folder with --info-dir"),
    ("infer", "inputs={empty.jpg,file}", "@ is not an image that can be read: convert it to .png"),
    ("infer", "inputs=folder", "the folder folder holds no image: give one of .bmp"),
    ("infer", "inputs=empty.mp4", "empty.mp4 cannot be read by OpenCV: convert it to .mp4"),
    ("listed", "inputs=empty.pkl", "empty.pkl is not readable ... make it with tools/create_data"),
    ("infer", "--cam2img={empty.json,street.jpg}", "@ is neither JSON ... rewrite it so"),
    ("infer", "--cam2img=empty.csv", "empty.csv has the shape 0 x 1: give one of 3 x 3"),
    ("infer", "--cam2img=data/nuscenes_infos_val.pkl", "does not list street.jpg: give the one"),
    ("listed", "--data-root=folder", "does not exist: correct the path or the data root"),
    ("listed", "--camera CAM_TOP", "has no camera CAM_TOP: it has CAM_BACK, "),
    ("listed", "--sample 000001", "has no sample token 000001: it has "),
    (
        "infer",
        "--fit",
        "weights.pth does not tell its training's cameras: leave --fit (fit=True) out",
    ),
    ("infer", "--out=taken", "predictions of other images: ... replace them with --overwrite"),
    ("infer objects calibrate", "--device=abacus", "there is no device 'abacus': give cpu or cuda"),
    (
        "infer objects calibrate",
        "--device=meta",
        "the device meta computes no values: give cpu or cuda",
    ),
    ("infer objects calibrate", "--device=cuda:99", "so no cuda:99: give another device, or none"),
    ("objects", "--split=train", "weights.pth does not fit the model of this config"),
    ("objects", "config=demo.py", "finds objects by itself ... those in configs/epropnp_6dof"),
    (
        "infer",
        "--object=5 --box 1 2 3 4",
        "finds objects by itself ... those in configs/epropnp_6dof",
    ),
    ("calibrate", "--mc-samples=63", "mc_samples is 63: give a positive multiple of mc_rounds"),
    (
        "export",
        "--image-size=400x20",
        "does not see the first 56 rows, and images of 400 x 20 pixels",
    ),
    (
        "export",
        "--cfg-options model.test_cfg.mc_scoring_ratio=0.5",
        "asks for samples of the posterior, which no file draws",
    ),
    ("nuscenes", "--categories=car=lorry", "--categories car=lorry: there is no class lorry"),
    ("nuscenes", "--categories=crane=car", "--categories crane=car: the tables have no category"),
    ("name", "--name=mini_val", "the devkit has a split mini_val already: name yours"),
    ("name", "--scenes=scene-9", "have no scene scene-9: name some of "),
    ("nuscenes", "--rig=demo.py", "config demo.py describes no rig: name one like"),
    ("nuscenes", "--rig=file", "config file is not readable"),
    ("nuscenes", "--root=folder", "folder/v1.0-mini does not exist ... --version or --root"),
    ("nuscenes", "--version=v1.0-test", "under data: v1.0-mini): name another --version or --root"),
    ("kitti", "--root=folder", "folder/ImageSets lists no image: put there train.txt, "),
    ("simulate", "--out=taken", "taken is not empty and holds no synthetic dataset: name another"),
    ("simulate", "--out=data", "data holds a dataset of other settings: remove it or name another"),
    (
        "simulate",
        "--scenes=11",
        "v1.0-mini can hold 1 to 10: ask for so many, or for another version",
    ),
    ("simulate", "--dataset=truckscenes --version=v1.0-mini", "choose one of v1.2-mini, v1.2-tr"),
    ("simulate", "--seed=-1", "seed -1: give a number from 0 on"),
    ("simulate", "--image-size=8x8", "image size 8x8: 32x32 is the least"),
    ("simulate", "--raise-cameras={-2,nan,6}", "cameras raised by @ m: give -1 to 5"),
    ("simulate", "--pitch-cameras={90,nan}", "cameras turned down by @ degrees: give -45 to 45"),
    ("pose", "--out=taken", "taken is not empty and holds no synthetic dataset: name another"),
    ("pose", "--out=data", "data holds a dataset of other settings: remove it or name another"),
    ("pose", "--seed=-1", "seed -1: give a number from 0 on"),
    ("pose", "--image-size=8x8", "image size 8x8: 32x32 is the least"),
    ("pose", "--scenes=1000001", "names have six digits: ask for at most 1000000 scenes"),
    ("browse", "info_file={empty.pkl,file}", "@ is not readable ... with tools/create_data.py"),
    ("split", "--split=vall", "no info file of split vall (it has: train, val): name another"),
    ("look", "data={empty.pkl,file}", "@ is not readable ... with tools/create_data.py"),
    ("browse", "--num=2 --start={-1,9}", "has keyframes 0 to 0, not --start @"),
    ("film", "--scene=scene-9", "v1.0-mini has no scene scene-9: it has scene-0061, scene-0103"),
    ("browse", "--root=folder", "is missing: unpack it there or name another --root"),
    ("film", "--results=street.jpg", "street.jpg is no results_nusc.json (UnicodeDecodeError): "),
    ("film", "--results={empty,street}.json", "@ is no results_nusc.json ... of a test run"),
    ("film", "--results=results.json", "have none of the 1 samples of scene-0103: name results"),
    ("convert publish", "source={empty.pth,file}", BROKEN),
    ("convert publish", "source=https://host/a.pth", "@ is not on this machine ... download it"),
    ("convert", "--model=v2", "weights.pth cannot be converted: its parameter names are those of"),
]

HEAVY = ("mmcv", "mmdet3d", "mmengine", "numpy", "torch")

# Run in an interpreter of its own: which of those each command imports.
ASK = f"""
import json, runpy, sys
answers = []
for sys.argv in json.loads(sys.argv[1]):
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as end:
        answers.append([sys.argv, end.code, sorted(set({HEAVY}) & set(sys.modules))])
print(json.dumps(answers))
"""


def words(call: str, change: str = "") -> list[str]:
    """The tool and its arguments; a word replaces the one with the same beginning."""
    tool, *right = RIGHT[call].split()
    found = {word.split("=")[0]: word for word in right}
    places = [name for name in found if not name.startswith("-")]
    for word in change.split():
        found[word.split("=")[0]] = word
    return [tool, *(w.split("=", 1)[-1] if n in places else w for n, w in found.items())]


def expanded(change: str) -> Iterator[str]:
    """What a shell makes of braces."""
    braces = re.search(r"\{(.*?)\}", change)
    if braces is None:
        yield change
        return
    for choice in braces[1].split(","):
        yield from expanded(change[: braces.start()] + choice + change[braces.end() :])


def rows(table: list[tuple[str, str, str]]) -> Iterator[tuple[str, str, str]]:
    """(call, words, what the answer holds)"""
    for calls, changes, said in table:
        for change in expanded(changes):
            name, _, value = change.split()[-1].partition("=")
            for call in calls.split():
                yield call, change, said.replace("#", name).replace("@", value)


ROWS = [*rows(AT_ONCE), *rows(LATER)]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, repo_root: Path) -> Path:
    """A folder with what right calls name, and with what wrong ones do."""
    desk = tmp_path_factory.mktemp("desk")
    generate(Settings(2, 1, 1, image_size=(64, 36)), desk / "data")
    create_nuscenes_infos(desk / "data", "v1.0-mini")
    # Where the config below looks for data.
    (desk / "work_dirs/demo").mkdir(parents=True)
    (desk / "work_dirs/demo/data").symlink_to(desk / "data")
    base = repo_root / "configs/epropnp_det/epropnp-det_tiny_demo.py"
    shutil.copy(TOY_CONFIG, desk / "toy.py")
    shutil.copy(repo_root / "checkpoints/epropnp-det_r18_synthetic.pth", desk / "weights.pth")
    for name in ("street.jpg", "street.json"):
        shutil.copy(repo_root / "examples" / name, desk)
    pose = repo_root / "configs/epropnp_6dof/epropnp-6dof-v2_r18_small_synthetic.py"
    texts = {
        "pose.py": f"_base_ = {str(pose)!r}",
        "demo.py": f"_base_ = {str(base)!r}",
        "plain.py": "test_dataloader = dict(dataset=dict(ann_file=''))\n"
        "test_evaluator = dict(type='NuScenesMonoMetric')",
        "results.json": '{"results": {}}',
        "taken/predictions.json": '{"images": []}',
        "file": "text",
        "taken.mp4.frames": "",
    }
    for suffix in ("csv", "jpg", "json", "mp4", "pkl", "pth", "py"):
        texts[f"empty.{suffix}"] = ""
    for folder in ("folder", "folder.mp4", "folder.zip", "taken"):
        (desk / folder).mkdir()
    for name, text in texts.items():
        (desk / name).write_text(text)
    return desk


@pytest.fixture
def answer(desk: Path, import_tool: Callable, monkeypatch, capsys) -> Callable[[str, str], str]:
    """Give a tool wrong words on that desk and return its sentence; it leaves the desk as it is."""
    monkeypatch.chdir(desk)
    # The answers of a machine without GPU, display, launcher and settings.
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("epropnp_det.engine.launch.get_device", lambda: "cpu")
    monkeypatch.setattr("matplotlib.pyplot.get_backend", lambda: "agg")
    monkeypatch.delenv("NUSCENES_INFOS", raising=False)
    monkeypatch.delenv("RANK", raising=False)
    monkeypatch.setenv("LOCAL_RANK", "0")

    def ask(call: str, change: str) -> str:
        tool, *arguments = words(call, change)
        monkeypatch.setattr("sys.argv", [f"{tool}.py", *arguments])
        before = content(desk)
        with pytest.raises(SystemExit) as stop:
            import_tool(tool).main()
        lines = capsys.readouterr().err.splitlines()
        assert stop.value.code == 2
        assert content(desk) == before
        found = [line for line in lines if re.match(rf"({tool}\.py( \w+)?: )?error: ", line)]
        assert found == lines[-1:] and "Traceback" not in "".join(lines)
        return found[0]

    return ask


def content(folder: Path) -> dict[Path, int | None]:
    """Every folder, and every file with the time of its last change."""
    return {p: None if p.is_dir() else p.stat().st_mtime_ns for p in folder.rglob("*")}


@pytest.mark.parametrize(("call", "change", "said"), ROWS)
def test_answer(answer, call, change, said):
    sentence = answer(call, change)
    assert all(part in sentence for part in said.split(" ... ")), sentence


def test_demo_where_nothing_can_be_written(import_tool, tmp_path, monkeypatch, capsys):
    (tmp_path / "work_dirs").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["demo.py"])
    with pytest.raises(SystemExit, match="2"):
        import_tool("demo").main()
    assert "work_dirs is no folder" in capsys.readouterr().err


def test_at_once_is_before_heavy_imports(desk, run_fresh, repo_root):
    wrong = [(words(call, change), 2) for call, change, _ in rows(AT_ONCE)]
    right = [([*words(call), "--help"], 0) for call in RIGHT]
    wanted = [
        [[f"{repo_root}/tools/{tool}.py", *arguments], status, []]
        for (tool, *arguments), status in wrong + right
    ]
    done = run_fresh(desk, "-c", ASK, json.dumps([command for command, *_ in wanted]))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == wanted


class Asked(Exception):
    """A tool's parser is there: the tool need not go on."""


def parsers(tool: str, import_tool: Callable, monkeypatch) -> Iterator[argparse.ArgumentParser]:
    """The parser of a tool, and those of its subcommands."""

    def stop(parser: argparse.ArgumentParser, *args) -> None:
        raise Asked(parser)

    monkeypatch.setattr("sys.argv", [tool])
    monkeypatch.setattr("argparse.ArgumentParser.parse_args", stop)
    with pytest.raises(Asked) as asked:
        import_tool(tool).main()
    parser = asked.value.args[0]
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.values()


def test_every_option_has_a_row(repo_root, import_tool, monkeypatch):
    tried = set()
    for call, change, _ in ROWS:
        name = " ".join(word for word in RIGHT[call].split() if not re.search("^-|=", word))
        tried |= {(name, word.split("=")[0]) for word in change.split()}
    # tools/install.py makes the environment that the others need, and answers by argparse alone.
    tools = {path.stem for path in repo_root.glob("tools/*.py")} - {"install"}
    for parser in (p for tool in tools for p in parsers(tool, import_tool, monkeypatch)):
        for action in parser._actions[1:]:  # after --help
            for name in action.option_strings or [action.dest]:
                assert (parser.prog, name) in tried
