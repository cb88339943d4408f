"""Tables of report C."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from toolkit.config.paper_schema import FourMethods
from toolkit.proportions import Counted, z_test
from toolkit.report import Bars, Block, Line, Lines
from toolkit.steps.papers.tables import Part, cell_text, percent, published, table
from toolkit.steps.project import Project
from toolkit.tuning.fanova import Fanova, pooled
from toolkit.tuning.space import Searched

METHODS = {"grid": "grid", "random": "random", "asha": "ASHA", "tpe": "Bayesian"}
NAMES = {
    "train.learning_rate": "learning rate",
    "data.image_size": "image size",
    "model.head.feature_dropout": "dropout",
    "model.unfreeze": "fine-tuned layers",
    "train.batch_size": "batch size",
    "train.optimizer": "optimiser",
}


def importances(trained: Mapping[str, list[dict[str, Any]]], space: Mapping[str, Searched]) -> tuple[Part, Bars]:
    """Study I: single settings and pairs, as Tables 4 and 5, and a chart."""
    usable = {name: [one for one in rows if math.isfinite(one["score"])] for name, rows in trained.items()}
    sets = {
        name: ([one["parameters"] for one in rows], [one["score"] for one in rows]) for name, rows in usable.items()
    }
    fitted = {name: Fanova(rows, scores, space) for name, (rows, scores) in sets.items()}
    together = pooled({name: one[0] for name, one in sets.items()}, {name: one[1] for name, one in sets.items()}, space)
    printed = {row[0]: row[1] for row in published("four_methods").tables["importances"].rows}
    singles = {name: one.single() for name, one in fitted.items()}
    shared = together.single()
    order = sorted(space, key=lambda path: -(shared[path].mean if path in shared else 0.0))
    rows: list[list[object]] = [
        [
            NAMES.get(path, path),
            printed.get(NAMES.get(path, path)),
            _share(shared, path),
            *(_share(singles[name], path) for name in fitted),
        ]
        for path in order
    ]
    pair_rows: list[list[object]] = [["report", *row] for row in published("four_methods").tables["pairs"].rows]
    for name, one in {**fitted, "all": together}.items():
        best = list(one.pairs().items())[:2]
        words = [f"{NAMES.get(a, a)} & {NAMES.get(b, b)} ({share.mean:.2f})" for (a, b), share in best]
        pair_rows.append(["ours", name, *[*words, "–", "–"][:2]])
    count = sum(map(len, usable.values()))
    tables = (
        table(
            "fANOVA, single settings (Table 4)",
            ["setting", "report, pooled", "ours, pooled", *(f"ours, {name}" for name in fitted)],
            rows,
            f"Ours: {count} random trainings in all; shares of the "
            "variance of the forest's prediction. The rest is in pairs and beyond.",
        ),
        table(
            "Most important pairs (Table 5)",
            ["", "data set", "first", "second"],
            pair_rows,
            "Ours with the share that the pair explains beyond its single settings.",
        ),
    )
    values = [shared[path].mean if path in shared else 0.0 for path in order]
    bars = Bars([NAMES.get(path, path) for path in order], values, caption="Pooled over the data sets")
    return Part(title="Study I: importances", tables=tables), bars


def _share(shares: Mapping[str, Any], path: str) -> str | None:
    return f"{shares[path].mean:.3f}" if path in shares else None


def scaled(project: Project, settings: FourMethods, counts: Mapping[str, int], first: str) -> Part:
    """What was scaled down."""
    report, here = published("four_methods").figures, settings
    rows = [
        [
            "data",
            "CIFAR-100, MIO-TCD, Stanford Dogs; 20,580 to 519,164 pictures",
            ", ".join(f"{name} ({count:,} pictures)" for name, count in counts.items()),
        ],
        [
            "network",
            "Xception, picture 71, 128 or 256",
            f"{project.config.model.backbone}, picture {_values(project, 'data.image_size')}",
        ],
        ["fine-tuned layers", "0, 9, 14, 18, 132 (all)", _values(project, "model.unfreeze")],
        [
            "random trainings behind the importances",
            "20 a data set",
            f"{here.trainings} a data set, {here.importance_epochs} epochs",
        ],
        [
            "budget of each method",
            f"{report['epochs']:.0f} epochs: 16 sets × 25",
            f"{here.sets * here.epochs} epochs: {here.sets} sets × {here.epochs}",
        ],
        ["Bayesian", "4 random sets, then 12 of its own", f"4 random sets, then {max(0, here.sets - 4)} of its own"],
        [
            "ASHA",
            "r 1, R 16, η 4, s 0, N_m 4 (2 on subsets)",
            f"r 1, R {here.longest}, η {here.reduction}, s 0, the whole budget (N_m {here.fully_trained} on subsets)",
        ],
        ["accuracy", "validation, which also chose", "the same, and that of other pictures beside it"],
        [
            "subsets",
            "19,250 of 519,164 pictures of MIO-TCD",
            f"{here.subset} pictures of {first}; imbalanced: most common to rarest about 12 to 1",
        ],
        [
            "augmentation of subsets",
            "×4: rotation 0–10°, zoom ±10 %, vertical flip",
            "four varied views, the same operations",
        ],
        ["class weights", "ln(n / n_k), most common 1, others above 1", "max(1, ln(n / n_k)), most common 1"],
    ]
    return Part(title="Scaled down", tables=(table("", ["", "report", "here"], rows),))


def _values(project: Project, path: str) -> str:
    dimension = project.config.tune.space.get(path)
    return ", ".join(map(str, dimension.choice)) if dimension and dimension.choice else "as in the config"


def methods_part(compared: Mapping[str, Any], settings: FourMethods) -> Part:
    """Winners by method and data set, as Table 6."""
    rows: list[list[object]] = [["report", *row] for row in published("four_methods").tables["methods"].rows]
    for kind, value in (("ours, validation", lambda cell: cell["score"]), ("ours, other pictures", _accuracy)):
        for name, found in compared.items():
            values = [value(found[method]) for method in METHODS]
            rows.append([kind, name, *map(percent, values), percent(max(values) - min(values))])
    columns = ["", "data set", *(f"{name}, %" for name in METHODS.values()), "largest difference, points"]
    note = (
        f"Every method spent at most {settings.sets * settings.epochs} epochs on each data set. Validation accuracy is "
        "that of the pictures that chose the winner: it flatters."
    )
    return Part(title="Four methods", text="The report's Table 6 (Study II).", tables=(table("", columns, rows, note),))


def _accuracy(cell: Mapping[str, Any]) -> float:
    return float(cell["right"] / cell["n"])


def differences_part(compared: Mapping[str, Any]) -> Part:
    """Whether best and worst differ on other pictures."""
    rows: list[list[object]] = []
    for name, found in compared.items():
        order = sorted(METHODS, key=lambda method: _accuracy(found[method]))
        worst, best = order[0], order[-1]
        low, high = (Counted(found[one]["right"], found[one]["n"]) for one in (worst, best))
        test = z_test(high, low)
        rows.append(
            [
                name,
                low.n,
                f"{METHODS[best]} {percent(high.share)}",
                f"{METHODS[worst]} {percent(low.share)}",
                f"[{percent(high.wilson[0])}; {percent(high.wilson[1])}]",
                f"{test.p:.3f}",
            ]
        )
    columns = [
        "data set",
        "other pictures",
        "best, %",
        "worst, %",
        "Wilson's interval of the best",
        "p of best against worst",
    ]
    note = "Two-sample proportion z-test, not corrected for having picked the extremes of four methods: p flatters."
    return Part(title="Are they different?", tables=(table("", columns, rows, note),))


def winners_part(compared: Mapping[str, Any]) -> Part:
    """Settings of all winners."""
    rows: list[list[object]] = []
    for name, found in compared.items():
        for method, words in METHODS.items():
            cell = found[method]
            told = ", ".join(
                f"{NAMES.get(path, path)} {cell_text(value)}" for path, value in cell["parameters"].items()
            )
            rows.append([name, words, cell["sets"], cell["epochs"], cell["winner_epochs"], told])
    columns = ["data set", "method", "sets", "epochs spent", "epochs of the winner", "winner"]
    return Part(title="Winners", tables=(table("", columns, rows),))


def subsets_part(subsets: Mapping[str, Any], settings: FourMethods) -> Part:
    """Study III, as Table 7."""
    theirs = {row[0]: row for row in published("four_methods").tables["subsets"].rows}
    paths = ("train.learning_rate", "model.head.feature_dropout", "train.optimizer", "model.unfreeze")
    rows: list[list[object]] = []
    for name, found in subsets.items():
        counted = Counted(found["right"], found["n"])
        rows.append(
            [
                name,
                *theirs[name][1:],
                found["pictures"],
                *(cell_text(found["parameters"].get(path)) for path in paths),
                percent(counted.share),
                f"[{percent(counted.wilson[0])}; {percent(counted.wilson[1])}]",
            ]
        )
    words = ["learning rate", "dropout", "optimiser", "layers"]
    columns = [
        "searched on",
        *(f"{word}, report" for word in words),
        "accuracy, report, %",
        "pictures, ours",
        *(f"{word}, ours" for word in words),
        "accuracy, ours, %",
        "Wilson's interval",
    ]
    note = (
        "ASHA on the subset, the winner trained on everything with the same weights and augmentation, tested on the "
        f"same balanced test of {next(iter(subsets.values()))['n']} pictures."
    )
    return Part(
        title="Study III: search on a subset", text="The report's Table 7.", tables=(table("", columns, rows, note),)
    )


def courses(compared: Mapping[str, Any]) -> list[Block]:
    """Best score against epochs spent."""
    charts: list[Block] = []
    for name, found in compared.items():
        series = [Line(METHODS[method], *found[method]["course"]) for method in METHODS]
        charts.append(Lines(series, x_label="epochs spent", y_label="best validation accuracy so far", caption=name))
    return charts
