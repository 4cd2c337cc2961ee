# LineMOD in BOP's format, 13 of its 15 objects, one item a crop of an object. The environment
# variable LM_ROOT names another folder: `test` with the real images, `train` with the rendered
# ones, `models`, and in `image_set` which real images are for training (ape_train.txt and so on,
# a number a line). BACKGROUND_ROOT names a folder of photographs, such as VOC's JPEGImages.
data_root = "{{$LM_ROOT:data/lm}}"
backgrounds = "{{$BACKGROUND_ROOT:data/VOC2012/JPEGImages}}"

# Without bowl and cup, which the protocol leaves out.
objects = (1, 2, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15)
names = (
    "ape",
    "benchvise",
    "camera",
    "can",
    "cat",
    "driller",
    "duck",
    "eggbox",
    "glue",
    "holepuncher",
    "iron",
    "lamp",
    "phone",
)
# Scene i shows object i. The real images that are not for training are for the test.
training_images = {
    f"{number:06d}": f"image_set/{name}_train.txt"
    for number, name in zip(objects, names, strict=True)
}

# Sides of the network's input, pixels, and of its maps, cells.
input_size = 256
map_size = 64

load_image = dict(type="LoadImageFromFile")
load_masks = dict(type="LoadObjectMasks")
jitter = dict(type="JitterObjectBox", shift=0.25, scale=0.25)
crop = dict(type="CropObject", size=input_size)
render = dict(type="RenderObjectCoords", cells=map_size)
pack = dict(type="PackObjectPose")

# Half of the real images get another background, and all rendered ones, which are on black.
real_background = dict(type="ReplaceBackground", folder=backgrounds, prob=0.5)
rendered_background = dict(type="ReplaceBackground", folder=backgrounds, prob=1.0)
real_pipeline = [load_image, load_masks, jitter, crop, real_background, render, pack]
rendered_pipeline = [load_image, load_masks, jitter, crop, rendered_background, render, pack]
test_pipeline = [load_image, crop, pack]

dataset = dict(
    type="BOPDataset",
    data_root=data_root,
    split="test",
    objects=objects,
    scenes=objects,
    metainfo=dict(classes=names),
)
train_dataloader = dict(
    batch_size=32,
    num_workers=8,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type="DefaultSampler", shuffle=True),
    dataset=dict(
        type="ConcatDataset",
        datasets=[
            dict(dataset, images=training_images, pipeline=real_pipeline),
            dict(dataset, split="train", pipeline=rendered_pipeline),
        ],
    ),
)
val_dataloader = dict(
    batch_size=32,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(dataset, exclude_images=training_images, pipeline=test_pipeline, test_mode=True),
)
test_dataloader = val_dataloader

# ADD-S for eggbox and glue.
val_evaluator = dict(
    type="BOPMetric",
    data_root=data_root,
    split="test",
    exclude_images=training_images,
    symmetric=(10, 11),
)
test_evaluator = val_evaluator
