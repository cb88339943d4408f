"""Every backbone by name: one row each, and one way to build them.

A backbone takes RGB `(n, s, s, 3)` in 0–255, whatever its authors chose, and returns its last feature map. It consists
of Keras's own layers only, so models saved with it load anywhere.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import keras
from keras import applications

from toolkit.errors import ConfigError, MissingFileError, WeightsError
from toolkit.nn.choices import choose
from toolkit.nn.efficientnet_lite import assign_torch_weights, efficientnet_lite
from toolkit.nn.saving import load_model
from toolkit.nn.torch_file import read_torch_file
from toolkit.nn.weights import provide_imagenet, read_packaged, unavailable

# inside: the network's own first layers; tf: −1…1; torch: ImageNet mean and deviation; caffe: BGR minus the mean.
Preprocessing = Literal["inside", "tf", "torch", "caffe"]
_TORCH_MEAN = (123.675, 116.28, 103.53)
_TORCH_VARIANCE = (58.395**2, 57.12**2, 57.375**2)
_CAFFE_MEAN_RGB = (123.68, 116.779, 103.939)


@dataclass(frozen=True)
class Backbone:
    """One row of the registry.

    Attributes:
        name: What configs call it.
        constructor: Of keras.applications' kind; for EfficientNet-Lite `image_size -> Model`.
        preprocessing: What its pretrained weights expect.
        default_size: Picture size it was published for, pixels.
        min_size: Smallest picture it can take, pixels.
        imagenet: File name of its keras.applications weights without classifier; empty: it has none there.
        imagenet_sizes: Picture sizes with a weights file of their own, whose name has `{size}`; others use 224.
    """

    name: str
    constructor: Callable[..., Any]
    preprocessing: Preprocessing
    default_size: int
    min_size: int = 32
    imagenet: str = ""
    imagenet_sizes: tuple[int, ...] = ()

    def imagenet_file(self, image_size: int) -> str:
        """Name of the weights file that keras.applications loads for a picture size."""
        return self.imagenet.format(size=image_size if image_size in self.imagenet_sizes else 224)


_NOTOP = "_weights_tf_dim_ordering_tf_kernels_notop.h5"
_MOBILENET_V2 = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_{size}_no_top.h5"
_ROWS = (
    *(Backbone(f"efficientnet_lite{n}", partial(efficientnet_lite, n), "inside", size)
      for n, size in enumerate((224, 240, 260))),
    *(Backbone(f"convnext_{size.lower()}", getattr(applications, f"ConvNeXt{size}"), "inside", 224,
               imagenet=f"convnext_{size.lower()}_notop.h5")
      for size in ("Tiny", "Small", "Base", "Large", "XLarge")),
    *(Backbone(f"efficientnet_b{n}", getattr(applications, f"EfficientNetB{n}"), "inside", size,
               imagenet=f"efficientnetb{n}_notop.h5")
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
)  # fmt: skip
BACKBONES = {row.name: row for row in _ROWS}


def build_backbone(name: str, image_size: int, weights: str | Path = "packaged") -> Any:
    """Build a backbone with its preprocessing inside.

    Args:
        name: One of `BACKBONES`.
        image_size: Height and width of the pictures in pixels.
        weights: `packaged` (inside an installed package), `imagenet` (keras.applications' file, downloaded once),
            `none` (random), or a file: `.keras` or `.weights.h5` saved from this backbone, `.h5` of
            keras.applications, `.pth` for EfficientNet-Lite.

    Returns:
        A `keras.Model` from RGB `(n, image_size, image_size, 3)` in 0–255, uint8 or float, to a feature map
        `(n, h, w, c)` float32.

    Raises:
        ConfigError: Unknown name, or pictures that are too small for it.
        WeightsError: The weights are absent, damaged or of another network.
        MissingFileError: The weights file does not exist.
    """
    row = choose(BACKBONES, name, "model.backbone")
    if image_size < row.min_size:
        raise ConfigError(
            f"{name} needs pictures of at least {row.min_size} pixels, but `data.image_size` is {image_size}. Raise it "
            "or choose another `model.backbone`."
        )
    source = str(weights)
    if row.name.startswith("efficientnet_lite"):
        model = row.constructor(image_size)
        if source == "packaged":
            assign_torch_weights(model, read_packaged(name))
        elif source == "imagenet":
            raise WeightsError(f"{name} has no keras.applications weights; set `model.weights` to packaged.")
    elif source == "packaged":
        read_packaged(name)  # raises: none of keras.applications' networks is packaged
    elif source == "imagenet" or Path(source).name == row.imagenet_file(image_size):
        model = _imagenet(row, image_size, None if source == "imagenet" else _existing(source))
        source = "imagenet"
    else:
        model = _construct(row, image_size, None)
    if source not in ("packaged", "imagenet", "none"):
        _load_file(model, row, _existing(source))
    return model


def _imagenet(row: Backbone, image_size: int, source: Path | None) -> Any:
    file = row.imagenet_file(image_size)
    provide_imagenet(file, source)
    try:
        model = _construct(row, image_size, "imagenet")
    except Exception as error:  # Keras raises plain exceptions for failed downloads
        raise unavailable(row.name, file, error) from error
    _accept_rgb(model, row)
    return model


def _construct(row: Backbone, image_size: int, weights: str | None) -> Any:
    inputs = keras.Input((image_size, image_size, 3), name="images")
    x = inputs
    if row.preprocessing == "tf":
        x = keras.layers.Rescaling(1 / 127.5, offset=-1.0, name="rescaling")(x)
    elif row.preprocessing == "torch":
        x = keras.layers.Normalization(mean=_TORCH_MEAN, variance=_TORCH_VARIANCE, name="normalization")(x)
    elif row.preprocessing == "caffe":
        x = keras.layers.Normalization(mean=_CAFFE_MEAN_RGB, variance=(1.0, 1.0, 1.0), name="normalization")(x)
    with warnings.catch_warnings():
        # MobileNets warn that weights for 224 px serve all sizes without their own.
        warnings.simplefilter("ignore")
        stock = row.constructor(
            include_top=False, weights=weights, input_tensor=x, input_shape=(image_size, image_size, 3)
        )
    # Its own model object would want its input in a list.
    return keras.Model(inputs, stock.output, name=row.name)


def _accept_rgb(model: Any, row: Backbone) -> None:
    """Turn a first layer trained on BGR into one for RGB, so that no layer need swap channels."""
    if row.preprocessing == "caffe":
        first = next(layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D))
        kernel, *rest = first.get_weights()
        first.set_weights([kernel[:, :, ::-1, :], *rest])


def _load_file(model: Any, row: Backbone, path: Path) -> None:
    if path.suffix == ".pth":
        if not row.name.startswith("efficientnet_lite"):
            raise WeightsError(f"{path}: .pth weights can be read for EfficientNet-Lite only, not for {row.name}.")
        assign_torch_weights(model, read_torch_file(path))
        return
    try:
        if path.suffix == ".keras":
            saved = load_model(path)
            inner = [layer for layer in saved.layers if isinstance(layer, keras.Model)]
            model.set_weights((inner[0] if inner else saved).get_weights())
        else:
            with warnings.catch_warnings():
                # Keras only warns of layers that the file does not have.
                warnings.filterwarnings("error", message=".*freshly-initialized")
                model.load_weights(path)
            if not path.name.endswith(".weights.h5"):
                _accept_rgb(model, row)
    except WeightsError:
        raise
    except Exception as error:  # Keras and h5py raise many kinds
        raise WeightsError(
            f"{path} does not fit {row.name}: {error}. Expected .keras or .weights.h5 saved from this backbone, or its "
            f".h5 file of keras.applications ({row.imagenet or 'it has none'})."
        ) from error


def _existing(source: str) -> Path:
    path = Path(source)
    if not path.is_file():
        raise MissingFileError(
            f"There is no weights file {path}. Set `model.weights` to packaged, imagenet, none, or an existing file."
        )
    return path
