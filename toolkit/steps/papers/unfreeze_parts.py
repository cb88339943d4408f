"""Tables of report D."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toolkit.config.paper_schema import Unfreeze
from toolkit.report import Heatmap, Line, Lines
from toolkit.steps.papers.tables import Part, TextTable, cell_text, percent, published, table
from toolkit.steps.project import Project
from toolkit.tuning.unfreezing import relative_error_drop

LAYERS, RATE, BATCH, OPTIMIZER = "model.unfreeze", "train.learning_rate", "train.batch_size", "train.optimizer"
THEIRS = {"VGG-16": "vgg16", "Inception V3": "inception", "ResNet50": "resnet50", "EfficientNetB0": "efficientnetb0"}
SHOWN = ("loss", "accuracy", "val_loss", "val_accuracy")


def scaled(project: Project, settings: Unfreeze, pictures: int) -> Part:
    """What was scaled down."""
    train = project.config.train
    rows = [
        [
            "data",
            "Cats and Dogs, Stanford Cars, Fashion-MNIST",
            f"{len(project.manifest.classes)} classes of the source, {pictures:,} pictures",
        ],
        [
            "networks",
            "VGG-16, Inception V3, ResNet50, EfficientNetB0",
            f"{', '.join(settings.backbones)} ({project.config.data.image_size} pixels), whose weights are packages",
        ],
        ["epochs", "at most 100, patience 10", f"at most {train.epochs}, patience {train.early_stopping}"],
        ["attempts", "not stated", str(settings.attempts)],
        [
            "vision transformer",
            "100 epochs, batch 256",
            f"{settings.vit_epochs} epochs, batch 256, {settings.vit_size} pixels, {settings.vit_attempts} attempts"
            if settings.vit_size
            else "left out",
        ],
        ["accuracies", "validation, which also chose", "the same, and those of other pictures beside them"],
        ["KerasTuner", "compared with (98.5 % against 99.7 %)", "not compared"],
    ]
    return Part(title="Scaled down", tables=(table("", ["", "report", "here"], rows),))


def pairs_title(name: str) -> str:
    """Heading of a table of batch sizes and learning rates."""
    return f"Batch size and learning rate: {name}"


def pairs_part(name: str, rows: list[dict[str, Any]]) -> Part:
    """Batch size against learning rate, as Tables 1 and A1 to A3."""
    theirs = {(int(row[0]), float(row[1])): row for row in published("unfreeze").tables["efficientnetb0"].rows}
    lines: list[list[object]] = []
    for row in rows:
        printed = theirs.get((row["batch"], row["rate"]), ("–",) * 8)
        lines.append([row["batch"], row["rate"], *printed[2:], *_figures(row)])
    columns = [
        "batch",
        "learning rate",
        *(f"{word}, report" for word in _WORDS),
        "minutes, report",
        *(f"{word}, ours" for word in _WORDS),
        "seconds, ours",
    ]
    note = "The report's EfficientNetB0 (Table A3) stands beside it, as the nearest relative. Ours: the best epoch."
    return Part(
        title=pairs_title(name), text="The report's Tables 1 and A1 to A3.", tables=(table("", columns, lines, note),)
    )


_WORDS = ("loss", "accuracy", "validation loss", "validation accuracy", "epochs")


def _figures(row: Mapping[str, Any]) -> list[object]:
    if not row["epochs"]:
        return ["NaN", "NaN", "NaN", "NaN", "0", "–"]
    return [*(f"{row[name]:.4f}" for name in SHOWN), str(row["epochs"]), f"{row['seconds']:.1f}"]


def best_rates(pairs: Mapping[str, list[dict[str, Any]]], settings: Unfreeze) -> Part:
    """Which learning rate was best beside each batch size, read off all the tables."""
    rows: list[list[object]] = []
    for batch in settings.batch_sizes:
        line: list[object] = [batch]
        for key in THEIRS.values():
            found = [(float(row[5]), row[1]) for row in published("unfreeze").tables[key].rows if int(row[0]) == batch]
            line.append(max(found)[1] if found else None)
        for name in pairs:
            ours = [
                (row["val_accuracy"], row["rate"]) for row in pairs[name] if row["batch"] == batch and row["epochs"]
            ]
            line.append(max(ours)[1] if ours else None)
        rows.append(line)
    columns = ["batch", *(f"{name}, report" for name in THEIRS), *(f"{name}, ours" for name in pairs)]
    note = (
        "The report concludes that larger batches want larger learning rates (16 and 0.0001, 32 and 0.001, 64 and "
        "0.01). Its own tables have their best validation accuracy at 0.0001 in almost every row."
    )
    return Part(title="Best learning rate of each batch size", tables=(table("", columns, rows, note),))


def optimizers_part(kinds: Mapping[str, list[dict[str, Any]]]) -> Part:
    """Optimisers at the default settings, as Table 5."""
    names = {"adam": "Adam", "sgd": "SGD", "rmsprop": "RMSprop"}
    rows: list[list[object]] = [["report", *row] for row in published("unfreeze").tables["optimizers"].rows]
    for name, found in kinds.items():
        rows += [["ours", name, names.get(row["optimizer"], row["optimizer"]), *_figures(row)] for row in found]
    columns = ["", "network", "optimiser", *_WORDS, "minutes (ours: seconds)"]
    return Part(
        title="Optimisers",
        text="The report's Table 5, at batch 32 and learning rate 0.001; SGD with momentum.",
        tables=(table("", columns, rows),),
    )


def final_part(searches: Mapping[str, Any], seconds: Mapping[str, float]) -> Part:
    """Initial and final accuracy with time, as Table 3."""
    rows: list[list[object]] = [
        ["report", *row[:6], row[6], None, None] for row in published("unfreeze").tables["final"].rows
    ]
    for network, accuracy, _, batch in published("unfreeze").tables["vit"].rows:
        rows.append(["report", network, None, accuracy, None, batch, None, None, None, None])
    for name, found in searches.items():
        drop = relative_error_drop(found["initial"], found["final"])
        taken = seconds[name]
        time = f"{int(taken // 3600):02d}:{int(taken % 3600 // 60):02d}:{int(taken % 60):02d}"
        best = found["best"]
        rows.append(
            [
                "ours",
                name,
                f"{found['initial']:.4f}",
                f"{found['final']:.4f}" if found["final"] > found["initial"] else "–",
                time,
                best[BATCH],
                best[RATE],
                percent(drop, 2),
                percent(found["other_initial"]),
                percent(found["other_final"]),
            ]
        )
    columns = [
        "",
        "network",
        "initial accuracy",
        "final accuracy",
        "time",
        "batch",
        "learning rate",
        "relative error drop, %",
        "initial on other pictures, %",
        "final on other pictures, %",
    ]
    note = (
        "Relative error drop: (final − initial) / (1 − initial). Initial and final accuracy are of the validation "
        "pictures, which also chose; the last two columns are of pictures that chose nothing. The report prints 37.29 "
        "for EfficientNet, its formula gives 35.29."
    )
    return Part(
        title="Initial and final accuracy", text="The report's Table 3.", tables=(table("", columns, rows, note),)
    )


def attempts_part(searches: Mapping[str, Any]) -> Part:
    """The course of each optimisation."""
    tables: list[TextTable] = []
    for name, found in searches.items():
        rows = [
            [
                one["number"],
                ", ".join(f"{path.rpartition('.')[2]} {cell_text(value)}" for path, value in one["parameters"].items()),
                f"{one['score']:.4f}",
                None if one["unfrozen"] is None else f"{one['unfrozen']:.4f}",
                one["outcome"],
                f"{one['best']:.4f}",
            ]
            for one in found["attempts"]
        ]
        columns = ["attempt", "settings", "accuracy", "one layer more", "outcome", "best"]
        tables.append(table(f"{name}: {found['trainings']} trainings", columns, rows))
    text = (
        "A set that does not improve on the best is trained again with one layer more and a tenth of its learning rate."
    )
    return Part(title="Attempts", text=text, tables=tuple(tables))


def recommended_part(proposed: Mapping[str, Any], settings: Unfreeze) -> Part:
    """The recommended pairs of Table 4, tried."""
    rows: list[list[object]] = []
    for name, found in proposed.items():
        for row in found:
            frozen, unfrozen = row["frozen"], row["unfrozen"]
            rows.append(
                [
                    name,
                    row["batch"],
                    row["rate"],
                    percent(frozen["val_accuracy"]),
                    percent(frozen["other"]),
                    row["rate_unfrozen"],
                    percent(unfrozen["val_accuracy"]),
                    percent(unfrozen["other"]),
                ]
            )
    columns = [
        "network",
        "batch",
        "learning rate",
        "validation, %",
        "other pictures, %",
        "learning rate unfrozen",
        "validation, %",
        "other pictures, %",
    ]
    note = f"Unfrozen: the last {settings.unfrozen} layers. The report gives no accuracies of its recommended pairs."
    return Part(
        title="Recommended pairs", text="The report's Table 4, tried.", tables=(table("", columns, rows, note),)
    )


def heatmap(rows: list[dict[str, Any]], settings: Unfreeze) -> Heatmap:
    """Validation accuracy by batch size and learning rate."""
    known = {(row["rate"], row["batch"]): row["val_accuracy"] for row in rows}
    values = [[known[rate, batch] for batch in settings.batch_sizes] for rate in settings.learning_rates]
    return Heatmap(
        values,
        [cell_text(rate) for rate in settings.learning_rates],
        [str(one) for one in settings.batch_sizes],
        "learning rate",
        "batch size",
        "Validation accuracy",
        shade="value",
        digits=3,
    )


def course(searches: Mapping[str, Any]) -> Lines:
    """Best score after each attempt."""
    series = [
        Line(name, [one["number"] for one in found["attempts"]], [one["best"] for one in found["attempts"]])
        for name, found in searches.items()
    ]
    return Lines(series, x_label="attempt", y_label="best validation accuracy so far")
