"""PyTorch weight files read without PyTorch: a pickle that may build tensors and dictionaries and nothing else.

Two layouts exist: since PyTorch 1.6 a zip archive (`*/data.pkl` and one file a storage), before it a row of pickles
followed by the raw storages. In both, only the names listed in `_ALLOWED` can be called, so a hostile file cannot run
code.
"""

from __future__ import annotations

import math
import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

import numpy as np

from toolkit.errors import WeightsError

_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_PROTOCOL = 1001


@dataclass(frozen=True)
class _Storage:
    """A flat buffer that tensors are views of."""

    key: str
    dtype: np.dtype[Any]
    items: int


@dataclass(frozen=True)
class _Tensor:
    """A view of a storage; offset and strides count items."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def read(self, buffers: Mapping[str, np.ndarray]) -> np.ndarray:
        """Copy the view out of its buffer, after checking that it lies inside."""
        buffer = buffers[self.storage.key]
        last = self.offset + sum((size - 1) * step for size, step in zip(self.shape, self.strides, strict=True))
        if min(self.shape, default=1) == 0:
            return np.empty(self.shape, self.storage.dtype)
        if self.offset < 0 or min(self.strides, default=0) < 0 or last >= len(buffer):
            raise ValueError(f"a tensor of shape {self.shape} reaches outside its storage")
        if math.prod(self.shape) > len(buffer):
            raise ValueError(f"a tensor of shape {self.shape} repeats its storage")
        bytes_apart = [step * buffer.itemsize for step in self.strides]
        return np.lib.stride_tricks.as_strided(buffer[self.offset :], self.shape, bytes_apart).copy()


def _rebuild_tensor(storage: _Storage, offset: int, shape: Any, strides: Any, *_: Any) -> _Tensor:
    if not isinstance(storage, _Storage):
        raise pickle.UnpicklingError("a tensor without a storage")
    return _Tensor(storage, int(offset), tuple(map(int, shape)), tuple(map(int, strides)))


def _rebuild_parameter(tensor: _Tensor, *_: Any) -> _Tensor:
    return tensor


_ALLOWED: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
    ("torch", "DoubleStorage"): np.dtype("<f8"),
    ("torch", "FloatStorage"): np.dtype("<f4"),
    ("torch", "HalfStorage"): np.dtype("<f2"),
    ("torch", "LongStorage"): np.dtype("<i8"),
    ("torch", "IntStorage"): np.dtype("<i4"),
}


class _TensorUnpickler(pickle.Unpickler):
    """Refuses every name that is not needed to describe tensors."""

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which weights do not need") from None

    def persistent_load(self, identity: Any) -> _Storage:
        kind, dtype, key, _, items, *view = identity
        if kind != "storage" or not isinstance(dtype, np.dtype) or (view and view[0] is not None):
            raise pickle.UnpicklingError(f"it refers to an unknown object {identity!r}")
        return _Storage(str(key), dtype, int(items))


class _PlainUnpickler(pickle.Unpickler):
    """Numbers, strings and containers only."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, which weights do not need")


# What the standard library raises on files that are not what they claim to be.
_DAMAGED = (
    pickle.UnpicklingError,
    zipfile.BadZipFile,
    struct.error,
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)


def read_torch_file(path: Path) -> dict[str, np.ndarray]:
    """Read the state dict of a `.pth` or `.pt` file without importing PyTorch.

    Args:
        path: File written by `torch.save(model.state_dict())`, zip or legacy layout; a dictionary with the state dict
            under `state_dict` is accepted too.

    Returns:
        Tensor name → array, in the order of the file, with the stored dtype.

    Raises:
        WeightsError: The file is damaged, of another kind, or a pickle that asks for anything but tensors.
    """
    try:
        with path.open("rb") as stream:
            if zipfile.is_zipfile(stream):
                described, buffers = _read_zip(stream)
            else:
                stream.seek(0)
                described, buffers = _read_legacy(stream)
        state = described.get("state_dict", described)
        return {str(name): value.read(buffers) for name, value in state.items() if isinstance(value, _Tensor)}
    except _DAMAGED as error:
        raise WeightsError(
            f"{path} is not a PyTorch weights file that can be trusted: {error}. Expected a state dict saved with "
            "torch.save; get the file again from its publisher, or save only `model.state_dict()`."
        ) from error


def _read_zip(stream: BinaryIO) -> tuple[Mapping[str, Any], dict[str, np.ndarray]]:
    with zipfile.ZipFile(stream) as archive:
        names = [name for name in archive.namelist() if PurePosixPath(name).name == "data.pkl"]
        if len(names) != 1:
            raise ValueError("the archive holds no data.pkl")
        folder = PurePosixPath(names[0]).parent
        with archive.open(names[0]) as pickled:
            described = _TensorUnpickler(pickled).load()
        buffers = {}
        for storage in _storages(described):
            raw = archive.read(str(folder / "data" / storage.key))
            buffers[storage.key] = _buffer(raw, storage)
    return described, buffers


def _read_legacy(stream: BinaryIO) -> tuple[Mapping[str, Any], dict[str, np.ndarray]]:
    if _PlainUnpickler(stream).load() != _LEGACY_MAGIC or _PlainUnpickler(stream).load() != _LEGACY_PROTOCOL:
        raise ValueError("it does not start like a PyTorch file")
    if not _PlainUnpickler(stream).load()["little_endian"]:
        raise ValueError("it was written on a big-endian machine")
    described = _TensorUnpickler(stream).load()
    keys = _PlainUnpickler(stream).load()
    storages = {storage.key: storage for storage in _storages(described)}
    buffers = {}
    for key in map(str, keys):
        (items,) = struct.unpack("<q", stream.read(8))
        storage = storages[key]
        if items != storage.items:
            raise ValueError(f"storage {key} holds {items} items instead of {storage.items}")
        buffers[key] = _buffer(stream.read(items * storage.dtype.itemsize), storage)
    return described, buffers


def _storages(described: Any) -> list[_Storage]:
    if not isinstance(described, Mapping):
        raise ValueError("it holds no dictionary of tensors")
    state = described.get("state_dict", described)
    return list(dict.fromkeys(value.storage for value in state.values() if isinstance(value, _Tensor)))


def _buffer(raw: bytes, storage: _Storage) -> np.ndarray:
    if len(raw) != storage.items * storage.dtype.itemsize:
        raise ValueError(f"storage {storage.key} is cut short")
    return np.frombuffer(raw, storage.dtype)
