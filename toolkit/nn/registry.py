"""Every backbone by name: one row each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from keras import applications

from toolkit.nn.convnext import convnext
from toolkit.nn.efficientnet import efficientnet
from toolkit.nn.efficientnet_lite import efficientnet_lite
from toolkit.nn.tiny_vgg import tiny_vgg
from toolkit.nn.vision_transformer import vision_transformer
from toolkit.nn.weights import PACKAGED

# inside: the network's own first layers; tf: −1…1; torch: ImageNet mean and deviation; caffe: BGR minus the mean.
Preprocessing = Literal["inside", "tf", "torch", "caffe"]
LayerGroups = Literal["resolution", "encoder"]


@dataclass(frozen=True)
class Backbone:
    """One row of the registry.

    Attributes:
        name: What configs call it.
        constructor: Of keras.applications' kind; `(image_size, **options) -> Model` where `own`.
        preprocessing: What its pretrained weights expect.
        default_size: Picture size it was published for, pixels.
        min_size: Smallest picture it can take, pixels.
        imagenet: File name of its keras.applications weights without classifier; empty: it has none there.
        imagenet_sizes: Picture sizes with a weights file of their own, whose name has `{size}`; others use 224.
        own: Whether the network is this package's, with no counterpart in keras.applications.
        reads_files: Whether the constructor takes a file of keras.applications as weights and converts it.
        options: Names that `model.backbone_options` may have.
        layer_groups: What counts as a stage in `unfreeze: stage:n`: layers at one resolution, or transformer blocks.
    """

    name: str
    constructor: Callable[..., Any]
    preprocessing: Preprocessing
    default_size: int
    min_size: int = 32
    imagenet: str = ""
    imagenet_sizes: tuple[int, ...] = ()
    own: bool = False
    reads_files: bool = False
    options: tuple[str, ...] = ()
    layer_groups: LayerGroups = "resolution"

    @property
    def sources(self) -> tuple[str, ...]:
        """What `model.weights` may be."""
        named = ("packaged",) * (self.name in PACKAGED) + ("imagenet",) * bool(self.imagenet)
        return (*named, "path", "none")

    def imagenet_file(self, image_size: int) -> str:
        """Name of the weights file that keras.applications loads for a picture size."""
        return self.imagenet.format(size=image_size if image_size in self.imagenet_sizes else 224)


_NOTOP = "_weights_tf_dim_ordering_tf_kernels_notop.h5"
_MOBILENET_V2 = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_{size}_no_top.h5"
_ROWS = (
    *(Backbone(f"efficientnet_lite{n}", partial(efficientnet_lite, n), "inside", size, own=True)
      for n, size in enumerate((224, 240, 260))),
    *(Backbone(f"convnext_{size.lower()}", partial(convnext, size), "inside", 224,
               imagenet=f"convnext_{size.lower()}_notop.h5", reads_files=True, options=("drop_path_rate",))
      for size in ("Tiny", "Small", "Base", "Large", "XLarge")),
    *(Backbone(f"efficientnet_b{n}", partial(efficientnet, f"B{n}"), "inside", size,
               imagenet=f"efficientnetb{n}_notop.h5", reads_files=True)
      for n, size in enumerate((224, 240, 260, 300, 380, 456, 528, 600))),
    *(Backbone(f"efficientnetv2_{part.lower()}", getattr(applications, f"EfficientNetV2{part}"), "inside", size,
               imagenet=f"efficientnetv2-{part.lower()}_notop.h5")
      for part, size in (("B0", 224), ("B1", 240), ("B2", 260), ("B3", 300), ("S", 384), ("M", 480), ("L", 480))),
    Backbone("vgg16", applications.VGG16, "caffe", 224, imagenet=f"vgg16{_NOTOP}"),
    Backbone("vgg19", applications.VGG19, "caffe", 224, imagenet=f"vgg19{_NOTOP}"),
    Backbone("resnet50", applications.ResNet50, "caffe", 224, imagenet=f"resnet50{_NOTOP}"),
    Backbone("resnet101", applications.ResNet101, "caffe", 224, imagenet=f"resnet101{_NOTOP}"),
    Backbone("resnet50v2", applications.ResNet50V2, "tf", 224, imagenet=f"resnet50v2{_NOTOP}"),
    Backbone("inception_v3", applications.InceptionV3, "tf", 299, 75, f"inception_v3{_NOTOP}"),
    Backbone("xception", applications.Xception, "tf", 299, 71, f"xception{_NOTOP}"),
    Backbone("mobilenet", applications.MobileNet, "tf", 224,
             imagenet="mobilenet_1_0_{size}_tf_no_top.h5", imagenet_sizes=(128, 160, 192, 224)),
    Backbone("mobilenet_v2", applications.MobileNetV2, "tf", 224,
             imagenet=_MOBILENET_V2, imagenet_sizes=(96, 128, 160, 192, 224)),
    *(Backbone(f"mobilenet_v3_{size.lower()}", getattr(applications, f"MobileNetV3{size}"), "inside", 224,
               imagenet=f"weights_mobilenet_v3_{size.lower()}_224_1.0_float_no_top_v2.h5")
      for size in ("Small", "Large")),
    Backbone("densenet121", applications.DenseNet121, "torch", 224, imagenet=f"densenet121{_NOTOP}"),
    Backbone("tiny_vgg", tiny_vgg, "inside", 64, 22, own=True, options=("dropblock_rate", "dropblock_size")),
    Backbone("vit", vision_transformer, "inside", 64, 16, own=True, layer_groups="encoder",
             options=("patch_size", "width", "heads", "blocks", "mlp_units", "dropout")),
)  # fmt: skip
BACKBONES = {row.name: row for row in _ROWS}
