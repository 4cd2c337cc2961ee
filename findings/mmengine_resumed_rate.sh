#!/usr/bin/env bash
# mmengine 0.10.7 (PyTorch 2.13.0): a resumed training keeps the old learning rate and schedule.
#
# Behaviour: `Runner.from_cfg(dict(..., resume=True, load_from=CHECKPOINT)).train()` loads the
# optimizer's and the schedulers' whole state over what the config has just built. A learning rate
# that was changed in the config is ignored, and so are other milestones: the training goes on by the
# old schedule, which is at its end. No message says so; only the logged rate tells.
#
# Why it surprises: the config that is given, logged and written into the work folder names a rate
# that is not used. Whoever lengthens a training in the obvious way (more epochs, a schedule to
# match, --resume) trains the added epochs at the last and lowest rate of the old schedule.
#
# What follows: to lengthen a training by the config, step newly built schedulers as often as the
# training has come, and take only the optimizer's moments from the checkpoint.
#
# The script trains a line for two epochs with a milestone after the first, goes on to four with the
# milestone after the third, and prints the rate of each step beside that of a training in one go. It
# fails where they agree.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet torch==2.13.0 'numpy<2'
"$folder/env/bin/pip" install --quiet mmengine==0.10.7
cd "$folder"
cat > line.py <<'PYTHON'
import logging

import torch
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch.utils.data import DataLoader, default_collate


class Line(BaseModel):
    def __init__(self):
        super().__init__()
        self.slope = torch.nn.Parameter(torch.zeros(1))

    def forward(self, x, mode="loss"):
        return {"loss": (self.slope * x - 2 * x).square().mean()}


class Rates(Hook):
    def __init__(self):
        self.rates = []

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self.rates.append(runner.optim_wrapper.get_lr()["lr"][0])


def train(folder, epochs, rate, milestone, **settings):
    hook = Rates()
    data = [{"x": torch.tensor([float(i)])} for i in range(4)]
    runner = Runner(
        model=Line(),
        work_dir=folder,
        experiment_name=f"{folder}_{epochs}_{rate}",
        train_dataloader=DataLoader(data, batch_size=2, collate_fn=default_collate),
        train_cfg=dict(by_epoch=True, max_epochs=epochs),
        optim_wrapper=dict(optimizer=dict(type="SGD", lr=rate)),
        param_scheduler=dict(type="MultiStepLR", milestones=[milestone], by_epoch=True),
        custom_hooks=[hook],
        log_level="ERROR",
        **settings,
    )
    runner.train()
    return [round(value, 6) for value in hook.rates]


logging.disable(logging.WARNING)
torch.manual_seed(0)
whole = train("whole", 4, 0.01, milestone=3)
train("parts", 2, 0.01, milestone=1)
go_on = dict(resume=True, load_from="parts/epoch_2.pth")
resumed = train("parts", 4, 0.01, milestone=3, **go_on)
other = train("parts", 4, 0.5, milestone=3, **go_on)
print(f"four epochs in one go, rates of the last two: {whole[4:]}")
print(f"two epochs, then resumed for four:            {resumed}")
print(f"the same with a rate of 0.5 in the config:    {other}")
assert resumed != whole[4:] and other == resumed, "mmengine follows the config now"
PYTHON
# mmengine's own checkpoints are refused by torch.load's default; that is another matter.
TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD=1 "$folder/env/bin/python" line.py
