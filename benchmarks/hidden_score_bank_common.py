"""Models and their probabilities on all corrupted sets: trained and predicted once, kept in a folder."""

import json
import time
from functools import cached_property

import numpy as np
from hidden_score_cases_common import HIDDEN_CELLS, LOCAL_CELLS, MODELS, TUNED, Frozen, parts

from toolkit.evaluation.corruptions import corrupt
from toolkit.steps.networks import augmentation, mixing, new_model, start, training_settings
from toolkit.steps.project import Project

SIZE = 64
LEARNERS, CANDIDATES, JUDGES, LOCAL_PICTURES = 3000, 4000, 600, 1100
EPOCHS = 4
# The judges and the candidates for training, then the pictures of the local tests.
SPLIT = (JUDGES, JUDGES + CANDIDATES, JUDGES + CANDIDATES + LOCAL_PICTURES)


class Bank:
    """Everything that is kept.

    Args:
        config: The data set's config.
        practice: Labelled pictures that stand for the hidden test.
        folder: Where all of it lies.
        manifest: CSV of the cleaned training pictures; None: `clean` finds them.
    """

    def __init__(self, config, practice, folder, manifest=None):
        self.folder, self._config_file, self._practice, self._manifest = folder, config, practice, manifest
        for name in ("cells", "predictions", "features", "models"):
            (folder / name).mkdir(parents=True, exist_ok=True)

    def project(self, *settings):
        """The contest at the size of the bank."""
        own = [f"runs_dir={self.folder / 'runs'}", f"data.image_size={SIZE}", *settings]
        return Project(self._config_file, assignments=own)

    @cached_property
    def _base(self):
        project = self.project()
        start(project.config)
        return project

    @cached_property
    def _rows(self):
        """Manifests of the judges, the candidates for training, the local tests and the hidden tests."""
        if self._manifest:
            lines = self._manifest.read_text(encoding="utf-8").splitlines()[1:]
            data = self._base.manifest.select([line.split(",")[0] for line in lines])
        else:
            from toolkit.steps.clean import cleaned_data

            data = cleaned_data(self._base).manifest
        order = np.random.default_rng(0).permutation(data.image_ids)
        split = [data.select(part) for part in np.split(order, SPLIT)[:3]]
        return (*split, self._base.read(self._practice, labelled=True))

    def _pictures(self, manifest):
        if manifest is self._rows[3]:
            store = self._base.pixels(manifest)
        else:
            store = self._base.pixels(self._base.manifest, self._base.hashes)
        return store.read(manifest.image_ids.tolist())

    def labels(self):
        """Write down the labels of both kinds of tests."""
        _, _, local, hidden = self._rows
        np.savez(self.folder / "labels.npz", local=local.labels, hidden=hidden.labels)

    def cell(self, kind, cell):
        """`(n, h, w, 3)` uint8 pictures of a local or hidden test."""
        path = self.folder / "cells" / f"{kind}-{cell}.npy"
        if not path.exists():
            manifest = self._rows[2 if kind == "local" else 3]
            images, ids = self._pictures(manifest), manifest.image_ids.tolist()
            for name, severity in parts(cell):
                images = corrupt(images, ids, name, severity, seed=1)
            np.save(path, images)
        return np.load(path, mmap_mode="r")

    def _run(self, model, images):
        from toolkit.nn.prediction import predict

        def read(rows):
            return np.ascontiguousarray(images[int(rows[0]) : int(rows[-1]) + 1])

        return predict(model, read, [str(row) for row in range(len(images))])

    def _cells(self):
        yield from (("local", cell) for cell in LOCAL_CELLS)
        yield from (("hidden", cell) for cell in HIDDEN_CELLS)

    def features(self, backbone):
        """Frozen features of every test, `(n, d)` float16, and of the views of the training pictures."""
        from toolkit.nn.features import feature_model

        path = self.folder / "features" / f"{backbone}.npz"
        if not path.exists():
            model = feature_model(backbone, SIZE)
            found = {f"{kind}-{cell}": self._run(model, self.cell(kind, cell)) for kind, cell in self._cells()}
            learners = self._rows[1]
            images, ids = self._pictures(learners), learners.image_ids.tolist()
            for view, (policy, epoch) in {"none": ("none", 0), "basic": ("basic", 0), "some_of-0": ("some_of", 0),
                                          "some_of-1": ("some_of", 1)}.items():  # fmt: skip
                vary = augmentation(self.project(f"augment.policy.name={policy}").config)
                found[f"view-{view}"] = self._run(model, images if vary is None else vary(images, ids, epoch))
            np.savez(path, **{name: values.astype(np.float16) for name, values in found.items()})
        return np.load(path)

    def predictions(self, name):
        """Probabilities of a model on every test, `(n, k)` float16 by `kind-cell`; made where they are missing."""
        path = self.folder / "predictions" / f"{name}.npz"
        if not path.exists():
            begin = time.perf_counter()
            row = MODELS[name]
            found = self._frozen(row) if isinstance(row, Frozen) else self._tuned(name, row)
            np.savez(path, **{cell: values.astype(np.float16) for cell, values in found.items()})
            print(f"{name}: {(time.perf_counter() - begin) / 60:.1f} min", flush=True)
        return np.load(path)

    def _frozen(self, row):
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        features, labels = self.features(row.backbone), self._rows[1].labels
        chosen = np.random.default_rng(row.seed).permutation(len(labels))[:LEARNERS]
        counts = dict.fromkeys(row.views, 0)
        inputs = []
        for view in row.views:
            key = f"view-{view}-{counts[view]}" if view == "some_of" else f"view-{view}"
            counts[view] += 1
            inputs.append(features[key][chosen].astype(np.float32))
        head = make_pipeline(StandardScaler(), LogisticRegression(C=row.inverse_penalty, max_iter=200))
        head.fit(np.concatenate(inputs), np.tile(labels[chosen], len(inputs)))
        cells = (f"{kind}-{cell}" for kind, cell in self._cells())
        return {cell: head.predict_proba(features[cell].astype(np.float32)) for cell in cells}

    def _tuned(self, name, row):
        from toolkit.nn.feeding import Feeder
        from toolkit.nn.saving import load_model, save_model
        from toolkit.nn.training import Validation, train

        path = self.folder / "models" / f"{name}.keras"
        if path.exists():
            return self._probabilities(load_model(path))
        project = self.project(*TUNED, *row.settings, f"seed={row.seed}")
        config = project.config
        start(config)
        judges, candidates, _, _ = self._rows
        chosen = np.random.default_rng(row.seed).permutation(candidates.image_ids)[:LEARNERS]
        learners = candidates.select(chosen)
        read = self._base.pixels(self._base.manifest, self._base.hashes).read
        model = new_model(config, len(learners.classes), row.seed)
        feeder = Feeder.of_images(
            read, learners.image_ids.tolist(), learners.labels, n_classes=len(learners.classes),
            batch_size=config.train.batch_size, seed=row.seed, augment=augmentation(config), mix=mixing(config),
        )  # fmt: skip
        begin, cpu = time.perf_counter(), time.process_time()
        history = train(
            model, feeder, Validation(read, judges.image_ids.tolist(), judges.labels), epochs=EPOCHS,
            on_epoch=lambda record: print(name, record, flush=True),
            **training_settings(config, learners.class_counts()),
        )  # fmt: skip
        seconds, spent = time.perf_counter() - begin, time.process_time() - cpu
        save_model(model, path)
        figures = {"seconds": seconds, "cpu_seconds": spent, "best_epoch": history.best_epoch}
        path.with_suffix(".json").write_text(json.dumps(figures), encoding="utf-8")
        return self._probabilities(model)

    def _probabilities(self, model):
        return {f"{kind}-{cell}": self._run(model, self.cell(kind, cell)) for kind, cell in self._cells()}
