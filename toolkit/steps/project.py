"""One contest being worked on: its settings, pictures and folders, shared by all steps."""

from __future__ import annotations

import contextlib
import logging
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from toolkit.artifacts import ContentHashes, RunDir
from toolkit.config import Config, load_config
from toolkit.console import Console
from toolkit.errors import DataError
from toolkit.manifest import Manifest
from toolkit.steps.results import StepResult
from toolkit.steps.runs_index import write_runs_index

if TYPE_CHECKING:
    from toolkit.pixelstore import PixelStore

ConfigLike = Config | Mapping[str, Any] | str | Path
Split = Literal["train", "val", "test"]
R = TypeVar("R", bound=StepResult)


class Project:
    """Settings, pictures and folders of one contest.

    Args:
        config: A config, a mapping, or the path of a YAML file.
        console: What the person sees; a quiet one by default.
        assignments: `section.key=value` texts over the config.
    """

    def __init__(self, config: ConfigLike, console: Console | None = None, assignments: Sequence[str] = ()) -> None:
        self.config = load_config(config, assignments)
        self.console = console or Console()
        self._stores: dict[tuple[int, int, str], PixelStore] = {}
        self._manifests: list[Manifest] = []

    @property
    def folder(self) -> Path:
        """`runs/<name>`."""
        return self.config.runs_dir / self.config.name

    @cached_property
    def manifest(self) -> Manifest:
        """The training pictures as the source lists them."""
        return self.read(self.config.data.source, labelled=True, native=True)

    def read(self, source: Path, *, labelled: bool, native: bool = False, split: Split = "train") -> Manifest:
        """Read a source of pictures.

        Args:
            source: Folder, CSV or `.npz`.
            labelled: Whether every picture must have a label.
            native: Whether it is the config's own source, to which `data.format` and the columns apply; other
                sources are recognised by themselves, with the class names of the training data.
            split: Which part of another source that has several, such as a Kaggle folder.
        """
        from toolkit.sources import read_source

        data = self.config.data
        if native:
            return read_source(
                source,
                format=data.format,
                images=data.images,
                id_column=data.id_column,
                path_column=data.path_column,
                label_column=data.label_column,
                group_column=data.group,
                fold_column=data.fold,
                holdout_column=data.holdout_column,
                classes=data.classes,
                labelled=labelled,
            )
        label_column = _present_column(source, data.label_column)
        return read_source(
            source, label_column=label_column, classes=self.manifest.classes, split=split, labelled=labelled
        )

    def read_hidden(self, source: Path) -> Manifest:
        """Pictures of a test, their labels not looked at: the test part of a source that has parts, else all of it.

        Training pictures are never passed off as a test: of `data.source` itself only a test part is taken.
        """
        try:
            return self.read(source, labelled=False, split="test")
        except DataError:
            if source.resolve() == self.config.data.source.resolve():
                raise
            return self.read(source, labelled=False)

    def content_hashes(self, manifest: Manifest) -> list[str]:
        """SHA-256 of the file behind each row, in row order; unchanged files are not read again."""
        files = [place.file for place in manifest.locations()]
        unique = list(dict.fromkeys(files))
        hashes = dict(zip(unique, ContentHashes(self.folder / ".cache" / "content.json").of(unique), strict=True))
        return [hashes[file] for file in files]

    @cached_property
    def hashes(self) -> list[str]:
        """Content hashes of the training pictures."""
        return self.content_hashes(self.manifest)

    @cached_property
    def fingerprint(self) -> str:
        """What the training pictures and labels are, by content."""
        return self.manifest.fingerprint(self.hashes)

    def pixels(self, manifest: Manifest, hashes: Sequence[str] | None = None) -> PixelStore:
        """Decoded pictures at the training size, decoded now where that has not been done."""
        from toolkit.pixelstore import PixelStore

        data = self.config.data
        known = (id(manifest), data.image_size, data.resize)
        if known in self._stores:
            return self._stores[known]
        with self.console.progress("Decoding pictures") as on_progress:
            store = PixelStore.build(
                self.folder / ".cache" / "pixels",
                manifest,
                self.content_hashes(manifest) if hashes is None else hashes,
                data.image_size,
                data.resize,
                on_progress=on_progress,
                cache_bytes=None if data.cache_gb is None else int(data.cache_gb * 1e9),
            )
        self._stores[known] = store
        self._manifests.append(manifest)  # keeps its id from being given to another
        return store

    @property
    def config_name(self) -> str:
        """The config as a command would name it: relative to the working directory where that is shorter."""
        file = self.config.file
        if file is None:
            return "CONFIG"
        try:
            return str(file.relative_to(Path.cwd()))
        except ValueError:
            return str(file)

    def run(self, step: str, key: str) -> RunDir:
        """The run directory of a step."""
        return RunDir(self.folder / step / key)

    def perform(
        self,
        run: RunDir,
        step: str,
        compute: Callable[[RunDir], dict[str, Any]],
        result: Callable[..., R],
        *,
        shared: bool = False,
    ) -> R:
        """Compute a step unless it is already done; keep a log; mark it done last.

        Args:
            run: Where the result lies.
            step: Name of the step.
            compute: Writes the result and returns its figures for `DONE`.
            result: Makes the step's result of keyword arguments: `step, run_dir, reused, seconds` and the figures.
            shared: Whether several processes may compute it together; `compute` then sees to their peace.
        """
        if run.done:
            run.make_latest()
            return self._result(run, step, result, reused=True)
        with contextlib.nullcontext() if shared else run.locked():
            if run.done:  # another process finished it while this one waited
                return self._result(run, step, result, reused=True)
            self.console.heading(step)
            run.start(self.config.model_dump(mode="json", by_alias=True))
            begin = time.monotonic()
            with _log_to(run.path / "log.txt"):
                figures = compute(run)
            run.finish({**figures, "seconds": round(time.monotonic() - begin, 2)})
        write_runs_index(self.folder, self.config_name)
        return self._result(run, step, result, reused=False)

    @staticmethod
    def _result(run: RunDir, step: str, result: Callable[..., R], *, reused: bool) -> R:
        return result(step=step, run_dir=run.path, reused=reused, **run.summary())


@contextmanager
def _log_to(path: Path) -> Iterator[None]:
    logger = logging.getLogger("toolkit")
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.info("started: %s", " ".join(sys.argv))
    try:
        yield
        logger.info("finished")
    except BaseException:
        logger.exception("stopped")
        raise
    finally:
        logger.removeHandler(handler)
        handler.close()


def _present_column(source: Path, column: str | None) -> str | None:
    """The training data's label column, where another CSV has it too."""
    if column is None or source.suffix.lower() not in {".csv", ".tsv"}:
        return None
    with contextlib.suppress(OSError, UnicodeDecodeError), source.open(encoding="utf-8-sig") as stream:
        header = stream.readline().strip()
        separator = max(",;\t", key=header.count)
        if column in [name.strip().strip('"') for name in header.split(separator)]:
            return column
    return None
