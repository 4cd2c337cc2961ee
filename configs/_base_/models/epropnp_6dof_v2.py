# EPro-PnP-6DoF v2 (arXiv 2303.12787): CDPN's rotation branch before the EPro-PnP layer.
model = dict(
    type="EProPnP6DoF",
    # BGR / 255.
    data_preprocessor=dict(
        type="mmdet.DetDataPreprocessor",
        mean=[0.0, 0.0, 0.0],
        std=[255.0, 255.0, 255.0],
        bgr_to_rgb=False,
    ),
    backbone=dict(
        type="mmdet.ResNet",
        depth=34,
        num_stages=4,
        out_indices=(3,),
        norm_cfg=dict(type="BN", requires_grad=True),
        norm_eval=False,
        style="pytorch",
        # What mmengine finds by torchvision://resnet34, but only where torchvision is installed.
        init_cfg=dict(
            type="Pretrained",
            checkpoint="https://download.pytorch.org/models/resnet34-b627a593.pth",
        ),
    ),
    coordinate_head=dict(type="CoordinateHead", in_channels=512, channels=256, num_stages=3),
    pose_head=dict(
        type="ObjectPoseHead",
        weighting="v2",
        relative_delta=0.1,
        z_min=0.01,
        border=30.0,
        loss_pose=dict(type="MonteCarloPoseLoss", loss_weight=0.2, momentum=0.01),
        loss_reg_pos=dict(type="mmdet.SmoothL1Loss", beta=0.05, loss_weight=1.0),
        loss_reg_orient=dict(type="QuaternionLoss", loss_weight=1.0),
        loss_coords=dict(type="mmdet.L1Loss", loss_weight=1.0),
    ),
    train_cfg=dict(num_points=512, num_proposals=4, solver_iters=5, mc_samples=512, mc_rounds=4),
    test_cfg=dict(num_proposals=64, solver_iters=30),
)
