import io
import pickle
import struct
import sys
import types
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

from toolkit.errors import WeightsError
from toolkit.nn.torch_file import read_torch_file

EXPECTED = {
    "conv.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2),
    "transposed": np.arange(6, dtype=np.float32).reshape(2, 3).T,
    "steps": np.array(7),
}


class FakeStorage:
    def __init__(self, kind: str, values: np.ndarray) -> None:
        self.kind, self.values = kind, values


@pytest.fixture
def torch_names(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """Modules with PyTorch's names, so that files like PyTorch's can be written without it."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    for name in ("FloatStorage", "LongStorage"):
        setattr(torch, name, type(name, (), {"__module__": "torch", "__qualname__": name}))

    def _rebuild_tensor_v2(*parts: object) -> None: ...

    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)
    return torch


class Tensor:
    def __init__(self, storage: FakeStorage, shape: tuple[int, ...], strides: tuple[int, ...], offset: int = 0) -> None:
        self.parts = (storage, offset, shape, strides, False, OrderedDict())

    def __reduce__(self) -> tuple[object, ...]:
        return sys.modules["torch._utils"]._rebuild_tensor_v2, self.parts


class Pickler(pickle.Pickler):
    def __init__(self, stream: io.BufferedIOBase, view_field: bool) -> None:
        super().__init__(stream, 2)
        self.view_field, self.storages = view_field, {}

    def persistent_id(self, value: object) -> object:
        if not isinstance(value, FakeStorage):
            return None
        key = str(id(value))
        self.storages[key] = value.values
        kind = getattr(sys.modules["torch"], value.kind)
        return ("storage", kind, key, "cpu", len(value.values), *([None] if self.view_field else []))


def state_dict(**extra: Tensor) -> OrderedDict:
    shared = FakeStorage("FloatStorage", np.arange(24, dtype="<f4"))
    return OrderedDict(
        {
            "conv.weight": Tensor(shared, (2, 3, 2, 2), (12, 4, 2, 1)),
            "transposed": Tensor(shared, (3, 2), (1, 3)),
            "steps": Tensor(FakeStorage("LongStorage", np.array([7], "<i8")), (), ()),
            **extra,
        }
    )


def write_legacy(path: Path, content: object) -> Path:
    with path.open("wb") as stream:
        for head in (0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True}):
            pickle.dump(head, stream, 2)
        pickler = Pickler(stream, view_field=True)
        pickler.dump(content)
        pickle.dump(list(pickler.storages), stream, 2)
        for values in pickler.storages.values():
            stream.write(struct.pack("<q", len(values)) + values.tobytes())
    return path


def write_zip(path: Path, content: object) -> Path:
    stream = io.BytesIO()
    pickler = Pickler(stream, view_field=False)
    pickler.dump(content)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", stream.getvalue())
        for key, values in pickler.storages.items():
            archive.writestr(f"archive/data/{key}", values.tobytes())
    return path


WRITERS = [pytest.param(write_legacy, id="legacy"), pytest.param(write_zip, id="zip")]


@pytest.mark.parametrize("write", WRITERS)
def test_both_layouts_give_the_tensors_with_their_strides(tmp_path, torch_names, write):
    found = read_torch_file(write(tmp_path / "w.pth", state_dict()))
    assert list(found) == list(EXPECTED)
    for name, expected in EXPECTED.items():
        np.testing.assert_array_equal(found[name], expected)


@pytest.mark.parametrize("write", WRITERS)
def test_a_state_dict_inside_a_training_checkpoint_is_found(tmp_path, torch_names, write):
    found = read_torch_file(write(tmp_path / "w.pth", {"epoch": 3, "state_dict": state_dict()}))
    np.testing.assert_array_equal(found["transposed"], EXPECTED["transposed"])


class Hostile:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("write", WRITERS)
def test_a_pickle_that_runs_code_is_refused_and_runs_nothing(tmp_path, torch_names, write):
    mark = tmp_path / "was here"
    path = write(tmp_path / "evil.pth", OrderedDict(weight=Hostile(mark)))
    with pytest.raises(WeightsError, match=r"evil\.pth.*asks for"):
        read_torch_file(path)
    assert not mark.exists()


def test_code_hidden_in_the_header_of_the_legacy_layout_is_refused(tmp_path):
    mark = tmp_path / "was here"
    path = tmp_path / "evil.pth"
    path.write_bytes(pickle.dumps(Hostile(mark)))
    with pytest.raises(WeightsError, match="asks for"):
        read_torch_file(path)
    assert not mark.exists()


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize(
    ("shape", "strides", "offset"),
    [((5, 5), (5, 1), 0), ((4,), (1,), 21), ((2,), (-1,), 3), ((100000, 100000), (0, 0), 0)],
    ids=["past the end", "offset", "backwards", "repeated"],
)
def test_tensors_that_reach_outside_their_storage_are_refused(tmp_path, torch_names, write, shape, strides, offset):
    storage = FakeStorage("FloatStorage", np.zeros(24, "<f4"))
    content = state_dict(bad=Tensor(storage, shape, strides, offset))
    with pytest.raises(WeightsError, match="storage"):
        read_torch_file(write(tmp_path / "w.pth", content))


@pytest.mark.parametrize("write", WRITERS)
def test_a_file_cut_short_is_an_error_that_names_it(tmp_path, torch_names, write):
    whole = write(tmp_path / "w.pth", state_dict()).read_bytes()
    for share in (0.0, 0.3, 0.9):
        cut = tmp_path / "cut.pth"
        cut.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(WeightsError, match=r"cut\.pth"):
            read_torch_file(cut)
