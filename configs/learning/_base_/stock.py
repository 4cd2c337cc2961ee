# What a stock detector of mmdet3d adds to the recipe: the widths of its head, and suppression of
# boxes across the cameras as in the stock metric.
_base_ = "./recipe.py"

channels = _base_.size.channels
stock = dict(
    data_preprocessor=_base_.data_preprocessor,
    backbone=_base_.backbone,
    neck=_base_.neck,
    bbox_head=dict(
        in_channels=channels,
        feat_channels=channels,
        cls_branch=(channels,),
        reg_branch=((channels,), (channels,), (channels,), (channels,), ()),
        dir_branch=(channels,),
        attr_branch=(channels,),
        regress_ranges=_base_.regress_ranges,
        dcn_on_last_conv=_base_.size.deformable,
    ),
)

# The stock heads know no unknown velocity, and ask for a scale factor.
train_dataloader = dict(
    dataset=dict(
        pipeline=[
            _base_.load_image,
            _base_.load_annotations,
            dict(type="ZeroUnknownVelocity"),
            _base_.crop,
            _base_.flip,
            dict(
                type="Pack3DDetInputs",
                keys=[key for key in _base_.pack_train["keys"] if key != "points"],
            ),
        ]
    )
)
val_dataloader = dict(
    dataset=dict(
        pipeline=[
            _base_.load_image,
            dict(type="ResizeMono3D", factor=1.0),
            _base_.crop,
            _base_.pack_test,
        ]
    )
)
test_dataloader = val_dataloader
val_evaluator = dict(nms_thr=0.05, score_thr=0.01)
test_evaluator = val_evaluator
