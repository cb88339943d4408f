"""Building a backbone with its preprocessing inside and its weights in it.

A backbone takes RGB `(n, s, s, 3)` in 0–255, whatever its authors chose, and returns its last feature map. It consists
of Keras's own layers only, so models saved with it load anywhere.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from toolkit.errors import ConfigError, MissingFileError, ToolkitError, WeightsError
from toolkit.nn.choices import choose
from toolkit.nn.efficientnet_lite import assign_torch_weights
from toolkit.nn.registry import BACKBONES, Backbone
from toolkit.nn.saving import load_model
from toolkit.nn.torch_file import read_torch_file
from toolkit.nn.weights import no_packaged_weights, provide_imagenet, read_packaged, unavailable

__all__ = ["BACKBONES", "Backbone", "build_backbone"]

_TORCH_MEAN = (123.675, 116.28, 103.53)
_TORCH_VARIANCE = (58.395**2, 57.12**2, 57.375**2)
_CAFFE_MEAN_RGB = (123.68, 116.779, 103.939)


def build_backbone(
    name: str,
    image_size: int,
    weights: str | Path = "packaged",
    options: Mapping[str, Any] | None = None,
) -> Any:
    """Build a backbone with its preprocessing inside.

    Args:
        name: One of `BACKBONES`.
        image_size: Height and width of the pictures in pixels.
        weights: `packaged` (inside an installed package), `imagenet` (keras.applications' file, downloaded once),
            `none` (random), or a file: `.keras` or `.weights.h5` saved from this backbone, `.h5` of
            keras.applications, `.pth` for EfficientNet-Lite.
        options: What some networks let one choose, such as the depth of a vision transformer: see the row's `options`.

    Returns:
        A `keras.Model` from RGB `(n, image_size, image_size, 3)` in 0–255, uint8 or float, to a feature map
        `(n, h, w, c)` float32.

    Raises:
        ConfigError: Unknown name or option, or pictures that are too small for it.
        WeightsError: The weights are absent, damaged or of another network.
        MissingFileError: The weights file does not exist.
    """
    row = choose(BACKBONES, name, "model.backbone")
    if image_size < row.min_size:
        raise ConfigError(
            f"{name} needs pictures of at least {row.min_size} pixels, but `data.image_size` is {image_size}. Raise it "
            "or choose another `model.backbone`."
        )
    chosen = _check_options(row, options or {})
    source = str(weights)
    if source == "none":
        return _construct(row, image_size, None, chosen)
    if source == "packaged":
        if "packaged" not in row.sources:
            raise no_packaged_weights(name, row.sources)
        model = _construct(row, image_size, None, chosen)
        assign_torch_weights(model, read_packaged(name))
        return model
    if source == "imagenet":
        if "imagenet" not in row.sources:
            usable = "packaged" if "packaged" in row.sources else "none"
            raise WeightsError(f"{name} has no keras.applications weights; set `model.weights` to {usable}.")
        return _imagenet(row, image_size, None, chosen)
    path = _existing(source)
    if path.name == row.imagenet_file(image_size) and not row.reads_files:
        return _imagenet(row, image_size, path, chosen)
    if row.reads_files and path.suffix == ".h5" and not path.name.endswith(".weights.h5"):
        try:
            return _construct(row, image_size, path, chosen)
        except Exception as error:  # Keras and h5py raise many kinds
            raise _misfit(row, path, error) from error
    model = _construct(row, image_size, None, chosen)
    _load_file(model, row, path)
    return model


def _check_options(row: Backbone, options: Mapping[str, Any]) -> dict[str, Any]:
    if options and not row.options:
        raise ConfigError(
            f"`model.backbone_options` has {', '.join(options)}, but {row.name} has no options. Remove them, or choose "
            f"one of {', '.join(name for name, other in BACKBONES.items() if other.options)}."
        )
    for option in options:
        choose(dict.fromkeys(row.options), option, "model.backbone_options")
    return dict(options)


def _imagenet(row: Backbone, image_size: int, source: Path | None, options: dict[str, Any]) -> Any:
    file = row.imagenet_file(image_size)
    provide_imagenet(file, source)
    try:
        model = _construct(row, image_size, "imagenet", options)
    except ToolkitError:
        raise
    except Exception as error:  # Keras raises plain exceptions for failed downloads
        raise unavailable(row.name, file, error) from error
    _accept_rgb(model, row)
    return model


def _construct(row: Backbone, image_size: int, weights: str | Path | None, options: dict[str, Any]) -> Any:
    try:
        return _build(row, image_size, weights, options)
    except TypeError as error:  # a text where a number belongs
        if not options:
            raise
        raise ConfigError(f"`model.backbone_options` {options} do not suit {row.name}: {error}.") from error


def _build(row: Backbone, image_size: int, weights: str | Path | None, options: dict[str, Any]) -> Any:
    if row.own:
        return row.constructor(image_size, **options)
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
            include_top=False, weights=weights, input_tensor=x, input_shape=(image_size, image_size, 3), **options
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
        raise _misfit(row, path, error) from error


def _misfit(row: Backbone, path: Path, error: Exception) -> WeightsError:
    return WeightsError(
        f"{path} does not fit {row.name}: {error}. Expected .keras or .weights.h5 saved from this backbone, or its "
        f".h5 file of keras.applications ({row.imagenet or 'it has none'})."
    )


def _existing(source: str) -> Path:
    path = Path(source)
    if not path.is_file():
        raise MissingFileError(
            f"There is no weights file {path}. Set `model.weights` to packaged, imagenet, none, or an existing file."
        )
    return path
