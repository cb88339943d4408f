"""Tables of report A."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from toolkit.config.paper_schema import An2dl
from toolkit.steps.papers.tables import Part, cell_text, mean_sd, percent, published, table
from toolkit.steps.project import Project

LOCAL, CLEAN, HIDDEN = "local", "local clean", "hidden"


def scaled(project: Project, settings: An2dl, kept: Mapping[str, int]) -> Part:
    """What was scaled down."""
    config = project.config
    policy = config.augment.policy
    rows = [
        ["data", "13,759 pictures", f"{kept['listed']:,} of a replica, {kept['kept']:,} after cleaning"],
        [
            "networks",
            "EfficientNetV2B0, ConvNeXtTiny, VGG19, ConvNeXtBase",
            f"{', '.join(settings.backbones)}: their ImageNet weights come as packages, others need a download",
        ],
        [
            "local test",
            "white noise, strength not stated",
            f"{config.data.holdout:.0%} of the cleaned pictures, white noise of severity {config.evaluate.severity}",
        ],
        [
            "hidden test",
            "Codabench",
            "other pictures of the source, as they are and under " + ", ".join(config.evaluate.corruptions),
        ],
        [
            "epochs",
            "not stated, early stopping",
            f"at most {settings.epochs}; {config.tune.views} cached varied views of each picture",
        ],
        [
            "RandAugment",
            "keras-cv's layer, 5 operations, magnitude 0.32",
            f"the toolkit's own, {policy.operations} operations, magnitude {policy.magnitude}",
        ],
        ["search", "Optuna, trials not stated", f"{config.tune.trials} trials of {config.tune.trial_epochs} epochs"],
        ["± of single models", "not stated", f"sd over {settings.folds} models, each trained without one fold"],
        ["± of a vote", "not stated", "sd over redrawn test pictures (there is one vote)"],
    ]
    return Part(title="Scaled down", tables=(table("", ["", "report", "here"], rows),))


def networks_part(networks: Mapping[str, Any]) -> Part:
    """Networks and votes on the local test, as Table 1."""
    rows: list[list[object]] = [["report", *row, None, None] for row in published("an2dl").tables["experiments"].rows]
    for name, found in networks.items():
        single, vote = found["single"][LOCAL], found["vote"][LOCAL]
        rows.append(
            [
                "ours",
                name,
                *(
                    mean_sd([one[figure] for one in single], 2)
                    for figure in (
                        "accuracy",
                        "macro_precision",
                        "macro_recall",
                        "macro_f1",
                        "weighted_precision",
                        "weighted_f1",
                    )
                ),
            ]
        )
        rows.append(
            [
                "ours",
                f"{name} ({len(single)}-fold vote)",
                f"{percent(vote['accuracy'], 2)} ± {percent(vote['sd'], 2)}",
                *(
                    percent(vote[figure], 2)
                    for figure in ("macro_precision", "macro_recall", "macro_f1", "weighted_precision", "weighted_f1")
                ),
            ]
        )
    columns = [
        "",
        "network",
        "accuracy, %",
        "precision, %",
        "recall, %",
        "F1, %",
        "weighted precision, %",
        "weighted F1, %",
    ]
    note = (
        "Local test with white noise. Ours: macro averages, then weighted ones, whose recall is accuracy. The report's "
        "recall equals its accuracy in its last three rows and not in its first two; it seems to mix both averages."
    )
    return Part(title="Networks and votes", text="The report's Table 1.", tables=(table("", columns, rows, note),))


def hidden_part(networks: Mapping[str, Any], variants: Mapping[str, Any], tested: bool) -> Part:
    """The local score beside the hidden one."""
    rows: list[list[object]] = [
        ["report", name, local, None, hidden, None, None]
        for name, local, hidden in published("an2dl").tables["hidden"].rows
    ]
    entries = {
        f"{name}, vote": {test: [figures] for test, figures in found["vote"].items()}
        for name, found in networks.items()
    }
    entries |= {f"{name}, single": found["single"] for name, found in networks.items()}
    entries |= {name: found for name, found in variants.items() if name.startswith(("no ", "augmentation 2b"))}
    for name, found in entries.items():
        rows.append(["ours", name, _accuracy(found[LOCAL]), _accuracy(found[CLEAN]), *_hidden_columns(found, tested)])
    columns = [
        "",
        "model",
        "local with white noise, %",
        "local clean, %",
        "hidden, %",
        "hidden under shifts, mean, %",
        "hidden under shifts, worst",
    ]
    note = (
        "The report's hidden test was Codabench's. Ours are other pictures of the source; they are not shifted in "
        "themselves, so shifts are added whose families neither training nor choice saw."
    )
    return Part(
        title="Local and hidden",
        text="The report's sections 5 and 7: 93 % became 71 %, over 90 % became 31 %.",
        tables=(table("", columns, rows, note),),
    )


def _accuracy(scores: Sequence[Mapping[str, float]]) -> str:
    return mean_sd([one["accuracy"] for one in scores])


def _hidden_columns(found: Mapping[str, Any], tested: bool) -> list[object]:
    """Accuracy on the hidden pictures, mean over the shifts, the worst shift."""
    if not tested:
        return [None, None, None]
    shifted = {
        name: float(np.mean([one["accuracy"] for one in scores]))
        for name, scores in found.items()
        if name.startswith(f"{HIDDEN} ")
    }
    if not shifted:
        return [_accuracy(found[HIDDEN]), None, None]
    worst = min(shifted, key=lambda name: shifted[name])
    words = worst.removeprefix(f"{HIDDEN} ").replace("_", " ")
    return [
        _accuracy(found[HIDDEN]),
        percent(float(np.mean(list(shifted.values())))),
        f"{percent(shifted[worst])} ({words})",
    ]


def variants_part(variants: Mapping[str, Any]) -> Part:
    """What each part of the recipe does."""
    tested = HIDDEN in next(iter(variants.values()))
    rows: list[list[object]] = [
        [
            name,
            _accuracy(found[LOCAL]),
            mean_sd([one["macro_f1"] for one in found[LOCAL]]),
            _accuracy(found[CLEAN]),
            *_hidden_columns(found, tested),
        ]
        for name, found in variants.items()
    ]
    columns = [
        "recipe",
        "local with white noise, %",
        "its macro F1, %",
        "local clean, %",
        "hidden, %",
        "hidden under shifts, mean, %",
        "hidden under shifts, worst",
    ]
    text = "Single models, mean ± sd over the same folds. The report names these parts and gives no figures of each."
    return Part(title="Parts of the recipe", text=text, tables=(table("", columns, rows),))


def search_part(searched: Mapping[str, Any], tuned: Mapping[str, Any]) -> Part:
    """By hand against Optuna, with the score that chose and one that did not."""
    theirs = {row[0]: row[1] for row in published("an2dl").tables["tuning"].rows}
    tested = HIDDEN in searched["by hand"]
    rows: list[list[object]] = []
    for name, found in searched.items():
        chosen = percent(tuned["best"]) if name == "Optuna" else None
        rows.append([name, theirs[name], chosen, _accuracy(found[LOCAL]), *_hidden_columns(found, tested)])
    columns = [
        "settings",
        "report, on the pictures that chose, %",
        "ours, on the pictures that chose, %",
        "ours, local test that chose nothing, %",
        "hidden, %",
        "hidden under shifts, mean, %",
        "hidden under shifts, worst",
    ]
    words = ", ".join(
        f"{path.removeprefix('model.').removeprefix('train.')} {cell_text(value)}"
        for path, value in tuned["params"].items()
    )
    note = (
        f"Found in {tuned['trials']} trials: {words}. The report searched on the local test that it then reports; here "
        "white noise over selection pictures chose, and the local test is of others."
    )
    return Part(
        title="Search of the head",
        text="The report's 90 % by hand and 93.27 % by Optuna.",
        tables=(table("", columns, rows, note),),
    )
