"""Tables of report E."""

from __future__ import annotations

from itertools import combinations, product
from typing import Any

import numpy as np

from toolkit.config.paper_schema import TinyVgg
from toolkit.proportions import Counted, z_test
from toolkit.report import Line, Lines
from toolkit.steps.papers.tables import Part, cell_text, mean_sd, percent, published, table
from toolkit.steps.project import Project

SETUPS = ("Grid Search", "Grid Search + Aug", "Random Search", "Random Search + Aug")
SETTINGS = ("train.learning_rate", "train.batch_size", "train.epochs", "train.optimizer", "model.head.feature_dropout")
PAIRS = (
    ("Grid Search", "Grid Search + Aug"),
    ("Grid Search", "Random Search"),
    ("Grid Search + Aug", "Random Search"),
)


def p_values(accuracies: dict[str, float], n: int) -> dict[tuple[str, str], float]:
    """The report's z-tests from accuracies and the number of test pictures."""
    counted = {name: Counted(accuracy * n, n) for name, accuracy in accuracies.items()}
    return {(one, other): z_test(counted[one], counted[other]).p for one, other in combinations(counted, 2)}


def scaled(project: Project, settings: TinyVgg, pictures: int) -> Part:
    """What was scaled down."""
    config = project.config
    grid = len(list(product(*settings.grid.values())))
    rows = [
        [
            "data",
            "Animals-10, 5 classes, 6,827 pictures",
            f"{len(project.manifest.classes)} classes, {pictures:,} pictures",
        ],
        ["picture", "64 × 64", f"{config.data.image_size} × {config.data.image_size}"],
        [
            "pictures that a search trains on",
            "all of 4 folds",
            cell_text(config.tune.subset or "all of the other folds"),
        ],
        ["folds", "5", str(config.tune.folds)],
        ["grid", "81 sets × 20 epochs", f"{grid} sets × {config.tune.trial_epochs} epochs"],
        ["random search", "100 sets × 15–30 epochs", f"{settings.random_trials} sets × {_epochs(config)} epochs"],
        ["final trainings", "5 seeds × 100 epochs", f"{settings.seeds} seeds × {settings.final_epochs} epochs"],
        ["median stopping", "threshold not given", "median over finished trials at that epoch, from the fifth on"],
    ]
    return Part(title="Scaled down", tables=(table("", ["", "report", "here"], rows),))


def _epochs(config: Any) -> str:
    dimension = config.tune.space.get("train.epochs")
    return (
        f"{dimension.int_range[0]}–{dimension.int_range[1]}" if dimension and dimension.int_range else "as the grid's"
    )


def network(project: Project, parameters: dict[str, int]) -> Part:
    """Its parameters."""
    size = project.config.data.image_size
    rows = [
        [
            "trained parameters",
            "under 15,000 (12,605 by its description, valid convolutions)",
            f"{parameters['trained']:,} ({len(project.manifest.classes)} classes at {size} pixels)",
        ]
    ]
    note = (
        "Same padding would have 15,965 parameters, above the report's limit, but is nearer to its 5.47 million "
        "multiply-adds; the two cannot both hold. The valid one is built."
    )
    return Part(title="The network", tables=(table("", ["", "report", "ours"], rows, note),))


def table_1(searches: dict[str, Any]) -> Part:
    """Winners of the searches, as Table 1."""
    theirs = {row[0]: row for row in published("tinyvgg").tables["winners"].rows}
    rows: list[list[object]] = []
    for name in SETUPS:
        rows.append([name, "report", *theirs[name][1:]])
        values = searches[name]["settings"]
        best = percent(searches[name]["best"])
        rows.append([name, "ours", *(cell_text(values[path]) for path in SETTINGS), best])
    columns = ["algorithm", "", "learning rate", "batch", "epochs", "optimiser", "dropout", "mean k-fold accuracy, %"]
    note = "The accuracy is the best of its search on the folds that chose it: it flatters."
    return Part(title="Winners of the searches", text="The report's Table 1.", tables=(table("", columns, rows, note),))


def table_2(finals: dict[str, Any]) -> Part:
    """Accuracy of the winners with intervals, as Table 2."""
    theirs = {row[0]: row for row in published("tinyvgg").tables["final"].rows}
    rows = []
    for name in SETUPS:
        last = [curve[-1] for curve in finals[name]["accuracy"]]
        counted = Counted(sum(last) / len(last) * finals[name]["n"], finals[name]["n"])
        wald, wilson = counted.wald, counted.wilson
        rows.append(
            [
                name,
                *theirs[name][1:],
                mean_sd(last),
                f"[{percent(wald[0])}; {percent(wald[1])}]",
                f"[{percent(wilson[0])}; {percent(wilson[1])}]",
            ]
        )
    columns = ["setup", "report", "its 95 % interval", "ours, % (mean ± sd over seeds)", "same interval", "Wilson's"]
    note = (
        f"Ours after the last epoch on {finals[SETUPS[0]]['n']} pictures that took no part in the searches; the "
        "report's n is 1,365. The interval is p ± 1.96·√(p(1−p)/n), as the report's; it knows nothing of the spread "
        "over seeds."
    )
    return Part(
        title="Accuracy of the winners",
        text="The report's Table 2 and Figure 8.",
        tables=(table("", columns, rows, note),),
    )


def tests(finals: dict[str, Any]) -> Part:
    """z-tests between all setups."""
    report = published("tinyvgg")
    n = int(report.figures["n"])
    printed = {
        name: report.figures[key]
        for name, key in zip(SETUPS, ("grid", "grid_aug", "random", "random_aug"), strict=True)
    }
    again = p_values(printed, n)
    ours = p_values(
        {name: float(np.mean([c[-1] for c in finals[name]["accuracy"]])) for name in SETUPS}, finals[SETUPS[0]]["n"]
    )
    theirs = dict(
        zip(PAIRS, (report.figures[key] for key in ("p_grid_aug", "p_grid_random", "p_aug_random")), strict=True)
    )
    rows = [
        [f"{one} – {other}", theirs.get((one, other)), f"{again[one, other]:.4f}", f"{ours[one, other]:.4f}"]
        for one, other in combinations(SETUPS, 2)
    ]
    columns = ["pair", "p, report", "p from its accuracies of two decimals", "p, ours"]
    note = (
        "Two-sample proportion z-tests, not corrected for their number. Accuracies that round to the printed ones give "
        "all three of the report's p values to within 0.0003. The test takes the samples as independent, though all "
        "setups are tested on the same pictures."
    )
    return Part(title="Are they different?", tables=(table("", columns, rows, note),))


def pruning(searches: dict[str, Any]) -> Part:
    """What median stopping saved."""
    total, pruned = (sum(found[key] for found in searches.values()) for key in ("trials", "pruned"))
    rows = [
        [
            "trials pruned",
            "44 of 362 (12 %): 38 of random search, 6 of grid search",
            f"{pruned} of {total} ({percent(pruned / total, 0)} %): "
            + ", ".join(f"{found['pruned']} of {name}" for name, found in searches.items()),
        ],
        ["epochs trained", "–", f"{sum(found['epochs'] for found in searches.values()):,}"],
    ]
    return Part(title="Median stopping", tables=(table("", ["", "report", "ours"], rows),))


def curves(finals: dict[str, Any]) -> Lines:
    """Mean accuracy with sd over the epochs, as Figure 8."""
    series = []
    for name in SETUPS:
        values = np.asarray(finals[name]["accuracy"])
        sd = values.std(axis=0, ddof=1) if len(values) > 1 else np.zeros(values.shape[1])
        mean = values.mean(axis=0)
        epochs = list(range(1, values.shape[1] + 1))
        series.append(Line(name, epochs, mean.tolist(), low=(mean - sd).tolist(), high=(mean + sd).tolist()))
    return Lines(series, x_label="epoch", y_label="test accuracy, mean and sd over seeds")
