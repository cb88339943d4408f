"""Tables of report B."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from toolkit.config.paper_schema import Kasuri
from toolkit.report import Bars
from toolkit.steps.papers.tables import Part, cell_text, mean_sd, percent, published, table
from toolkit.steps.project import Project
from toolkit.steps.splits import Split

DROPOUT, BATCH, EPOCHS = "model.head.feature_dropout", "train.batch_size", "train.transfer.epochs"
MODES = {"transfer": "Transfer learning", "fine_tuning": "Transfer learning, then fine-tuning"}
COLUMNS = ("manual", "tuned", "modified")


def scaled(project: Project, settings: Kasuri, tuned: Mapping[str, Any], split: Split) -> Part:
    """What was scaled down and changed."""
    selected = round(project.config.tune.selection * len(split.larger))
    transfer = project.config.train.transfer
    rows = [
        [
            "patterns",
            "70 of Kurume Kasuri, good or bad",
            f"{settings.patterns}, {settings.classes[0]} or {settings.classes[1]}",
        ],
        [
            "pictures with copies",
            "210, augmented before the split",
            f"{len(split.larger) + len(split.smaller)}, the same",
        ],
        [
            "test",
            "30 pictures that also chose the settings",
            f"{len(split.smaller)} that chose nothing, {selected} others chose",
        ],
        ["copies of one pattern", "on both sides of the split", "on one side, except where the leak is shown"],
        ["network", "EfficientNetV2", f"{project.config.model.backbone}, {project.config.data.image_size} pixels"],
        [
            "fine-tuning",
            "layers not stated",
            f"last {settings.fine_tuned} layers, {project.config.tune.trial_epochs} epochs",
        ],
        [
            "learning rate",
            "one for both phases",
            f"searched for fine-tuning, {transfer.learning_rate if transfer else '–'} in transfer",
        ],
        [
            "trials",
            "not stated",
            ", ".join(f"{found['trials']} ({MODES[name].lower()})" for name, found in tuned.items()),
        ],
        ["sweeps", "each value once, on the 30 pictures", f"each value on {settings.folds} folds"],
    ]
    return Part(title="Scaled down and changed", tables=(table("", ["", "report", "here"], rows),))


def leak_part(leaks: Mapping[str, Any], copies: Mapping[str, int], settings: Kasuri) -> Part:
    """Accuracy with copies on both sides, and without."""
    rows = []
    for name, title in MODES.items():
        grouped, leaking = leaks[name]["grouped"], leaks[name]["leaking"]
        gain = float(np.mean(leaking)) - float(np.mean(grouped))
        rows.append([title, mean_sd(leaking), mean_sd(grouped), f"{100 * gain:+z.1f}"])
    mixed = "1 group holds" if copies["mixed"] == 1 else f"{copies['mixed']} groups hold"
    note = (
        f"Manual settings, {settings.folds} folds, accuracy after the last epoch, mean ± sd over the folds. Leaking: "
        "each picture is drawn by itself, so that most test pictures have a copy of their pattern in training, as in "
        f"the report. Where nobody tells it, `toolkit clean` finds a twin for {copies['grouped']} of the "
        f"{copies['pictures']} pictures by itself and puts them into common groups ({mixed} more than one "
        "pattern)."
    )
    columns = ["mode", "leaking, %", "copies share a group, %", "difference, points"]
    text = "The copies were made before the split. The report's tables do not say that they were kept together."
    return Part(title="The leak", text=text, tables=(table("", columns, rows, note),))


def mode_part(
    name: str,
    title: str,
    project: Project,
    tuned: Mapping[str, Any],
    swept: Mapping[str, Any],
    tested: Mapping[str, Any],
) -> Part:
    """Settings, accuracies and sweeps of a mode, as Tables I and II."""
    report = published("kasuri").tables[name]
    paths = list(tuned["params"])
    names = _names(name)
    rows: list[list[object]] = []
    for path in paths:
        theirs = next((row[1:] for row in report.rows if row[0] == names[path]), ("–",) * 3)
        rows.append([names[path], *theirs, *(cell_text(swept[column]["parameters"].get(path)) for column in COLUMNS)])
    rows.append(["accuracy on the pictures that chose, %", *report.rows[-1][1:], None, percent(tuned["best"]), None])
    folds = len(swept["tuned"]["scores"])
    rows.append([f"{folds} folds, %", None, None, None, *(mean_sd(swept[column]["scores"]) for column in COLUMNS)])
    rows.append(["other patterns, %", None, None, None, *(mean_sd(tested[column]) for column in COLUMNS)])
    columns = [
        "setting",
        *(f"{column}, report" for column in ("manual", "Optuna", "modified")),
        *(f"{column}, ours" for column in COLUMNS),
    ]
    first = table(
        "Settings and accuracy",
        columns,
        rows,
        "Other patterns: mean ± sd over seeds, 30 pictures are 10 patterns, so one pattern is up to 10 points.",
    )
    tables = [first]
    for path, steps in swept["swept"].items():
        tuned_row: list[object] = [
            f"{cell_text(tuned['params'][path])} (tuned)",
            mean_sd(swept["tuned"]["scores"]),
            None,
            None,
            None,
        ]
        lines = [
            [
                step["value"],
                mean_sd(step["scores"]),
                f"{100 * step['gain']:+z.1f}",
                f"{100 * step['low']:+z.1f}",
                "yes" if step["accepted"] else "no",
            ]
            for step in steps
        ]
        tables.append(
            table(
                f"Sweep of the {steps[0]['role']} setting, {names[path]} ({path})",
                [names[path], "accuracy, %", "gain, points", "lower end", "accepted"],
                [tuned_row, *lines],
                f"Gain over the tuned set, paired by fold; accepted where its one-sided interval at level "
                f"{swept['level']:.2g} lies above 0.",
            )
        )
    return Part(title=title, text=f"The report's {report.title}.", tables=tuple(tables))


def _names(mode: str) -> dict[str, str]:
    batch = "batch size" if mode == "transfer" else "batch size of fine-tuning"
    return {
        DROPOUT: "dropout",
        "train.learning_rate": "learning rate",
        EPOCHS: "epochs of transfer learning",
        "train.transfer.batch_size": "batch size of transfer learning",
        BATCH: batch,
    }


def importances(tuned: Mapping[str, Any]) -> Part:
    """Importances in both modes, as Figures 5 and 7."""
    theirs = {row[0]: row for row in published("kasuri").tables["importances"].rows}
    rows: list[list[object]] = []
    for name, title in MODES.items():
        row = theirs["transfer learning" if name == "transfer" else "with fine-tuning"]
        printed = {DROPOUT: row[1], (BATCH if name == "transfer" else "train.transfer.batch_size"): row[2]}
        for path, share in sorted(tuned[name]["importances"].items(), key=lambda item: -item[1]):
            rows.append([title, _names(name)[path], printed.get(path), f"{share:.2f}"])
    note = "The report's are Optuna's; ours are fANOVA's shares of single settings, the rest is in their pairs."
    return Part(title="Importances", tables=(table("", ["mode", "setting", "report", "ours"], rows, note),))


def bars(path: str, tuned: Mapping[str, Any], swept: Mapping[str, Any]) -> Bars:
    """A sweep, as Figures 6 and 8."""
    entries = [(f"tuned: {cell_text(tuned['params'][path])}", swept["tuned"]["scores"])]
    entries += [(cell_text(step["value"]), step["scores"]) for step in swept["swept"][path]]
    means = [float(np.mean(scores)) for _, scores in entries]
    sds = [float(np.std(scores, ddof=1)) for _, scores in entries]
    low = [mean - sd for mean, sd in zip(means, sds, strict=True)]
    high = [mean + sd for mean, sd in zip(means, sds, strict=True)]
    return Bars(
        [label for label, _ in entries], means, low, high, caption=f"{path}: accuracy, mean ± sd over the folds"
    )
