"""A page with every block on real pictures, as the steps will fill them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_sample_images

from toolkit.report import (
    Badge,
    Bars,
    Code,
    Column,
    Details,
    Figure,
    Figures,
    Gallery,
    Heatmap,
    Interval,
    Line,
    Lines,
    Link,
    Mark,
    Measure,
    Note,
    Page,
    Picture,
    PictureGroup,
    Row,
    Section,
    Table,
    thumbnail,
)


def digit_image(values: np.ndarray) -> np.ndarray:
    """One of scikit-learn's digits (8, 8) in 0–16 as uint8 RGB."""
    grey = (255 - np.clip(values / 16 * 255, 0, 255)).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)


def build_rich_page() -> Page:
    """Every block at least once."""
    digits = load_digits()
    china, flower = load_sample_images().images
    rng = np.random.default_rng(0)
    images = [thumbnail(digit_image(values)) for values in digits.images[:40]]
    blend = (0.5 * np.kron(digit_image(digits.images[7]), np.ones((40, 40, 1))) + 0.5 * flower[50:370, 160:480]).astype(
        np.uint8
    )

    def digit(index: int, *badges: Badge, caption: str = "") -> Picture:
        return Picture(images[index], f"digit_{index:04d}.png", caption, badges)

    groups = [
        PictureGroup((digit(0, Badge("kept", "good")), digit(0, Badge("drop", "bad"))), "exact copy", "one label",
                     (Badge("0"),)),
        PictureGroup((digit(3, Badge("label 3")), digit(3, Badge("label 8", "warn"))), "conflict", "two labels",
                     (Badge("3"), Badge("8", "warn"))),
        PictureGroup(tuple(digit(index) for index in (12, 22, 32)), "near copies", "correlation 0.99"),
    ]  # fmt: skip
    outliers = [
        Picture(thumbnail(china), "china.jpg", "photograph", (Badge("0.97", "bad"),)),
        Picture(
            thumbnail(flower), "flower with a rather long name (copy) 2.jpg", "photograph", (Badge("0.95", "bad"),)
        ),
        Picture(thumbnail(blend), "digit_0007.png", "blend over a digit", (Badge("0.81", "warn"),)),
        Picture(thumbnail(flower[100:140, 200:400]), "wide.png", "odd size", (Badge("0.66", "warn"),)),
        digit(15, Badge("0.52", "warn"), caption="rare shape"),
    ]
    names = [str(name) for name in digits.target_names]
    confusion = np.diag(rng.integers(150, 190, 10)) + rng.poisson(0.6, (10, 10))
    confusion[8, 1] += 21
    severities = (1, 2, 3, 4, 5)
    corruptions = ("gaussian noise", "motion blur", "contrast", "jpeg", "occlusion")
    curves = {name: [0.97 - (0.02 + 0.03 * i) * s for s in severities] for i, name in enumerate(corruptions)}
    trials = np.arange(1, 31)
    scores = np.clip(0.7 + 0.2 * (1 - np.exp(-trials / 8)) + rng.normal(0, 0.03, 30), 0, 1)
    scores[11] = np.nan
    rows = [
        Row((f"digit_{index:04d}.png", "label_error", score, index * 37, Badge("drop", "bad")),
            "bad" if score > 0.95 else "plain")
        for index, score in enumerate(np.sort(rng.uniform(0.3, 1, 60))[::-1])
    ]  # fmt: skip
    return Page(
        "Evaluation of digits",
        "The ensemble scores 97.2 % on clean pictures and between 71.3 and 93.0 % on shifted ones. Expect 74–91 % on "
        "the hidden test.",
        (
            Section(
                "At a glance",
                blocks=(
                    Figures(
                        (
                            Figure("Clean local score", 0.9722, "accuracy, 1,797 pictures", style="percent", digits=1),
                            Figure("Expected hidden calibration error", 0.1843, "mean over 24 tests", "warn"),
                            Figure("Worst corruption", "occlusion", "71.3 % at severity 5", "bad"),
                            Figure("Leaks between folds", 0, "checked on 1,797 groups", "good"),
                            Figure("Training", 754, "3 folds on 2 cores", style="seconds"),
                        )
                    ),
                    Interval(
                        (
                            Mark("Clean local test", (0.972,), 0.963, 0.979, "clean", "539 pictures, 95 % interval"),
                            Mark(
                                "Noisy local tests",
                                (0.713, 0.786, 0.852, 0.905, 0.93),
                                kind="noisy",
                                note="5 corruption families",
                                names=corruptions,
                            ),
                            Mark(
                                "Estimated hidden score",
                                (0.835,),
                                0.741,
                                0.91,
                                "estimate",
                                "90 % interval, provisional",
                            ),
                            Mark("True hidden score", (0.861,), kind="hidden", note="known for the demo only"),
                        ),
                        "What the hidden test will say",
                        chance=0.1,
                    ),
                    Note("The estimate is provisional: it is the range over `5` corruption families.", "warn"),
                ),
            ),
            Section(
                "Scores",
                "Macro averages weigh classes equally.\n\nIntervals are Wilson's, at 95 %.",
                (
                    Table(
                        (
                            "test",
                            Column("accuracy", "percent"),
                            Column("macro F1"),
                            Column("pictures"),
                            Column("time", "seconds"),
                        ),
                        (
                            ("clean", Measure(0.9722, 0.963, 0.979), 0.9719, 539, 3.21),
                            ("gaussian noise", Measure(0.713, 0.68, 0.74), 0.7, 1797, 12.4),
                            ("motion blur", Measure(0.852, 0.83, 0.87), 0.8493, 1797, 11.94),
                            ("Kaggle's test", None, float("nan"), 12000, 91.0),
                        ),
                        "Score by test",
                    ),
                    Bars(
                        names,
                        [0.99, 0.93, 0.97, 0.95, 0.98, 0.96, 0.99, 0.97, 0.84, 0.92],
                        [0.97, 0.89, 0.95, 0.92, 0.96, 0.93, 0.97, 0.95, 0.78, 0.88],
                        [1.0, 0.95, 0.99, 0.97, 0.99, 0.98, 1.0, 0.99, 0.88, 0.95],
                        "F1 by class",
                        "percent",
                        tones=("plain",) * 8 + ("bad", "plain"),
                    ),
                    Bars(
                        ("learning rate", "dropout", "units.0", "layers"),
                        (0.61, 0.22, 0.12, -0.01),
                        caption="Importance",
                    ),
                ),
            ),
            Section(
                "Curves",
                blocks=(
                    Lines(
                        [Line(name, severities, values) for name, values in curves.items()],
                        "severity",
                        "accuracy",
                        "Score over severity",
                        style="percent",
                    ),
                    Lines(
                        (
                            Line("trial", trials, scores, kind="dots"),
                            Line(
                                "best so far",
                                trials,
                                np.fmax.accumulate(scores),
                                np.fmax.accumulate(scores) - 0.02,
                                np.fmax.accumulate(scores) + 0.01,
                            ),
                        ),
                        "trial",
                        "objective",
                        "Search",
                        style="percent",
                    ),
                    Lines(
                        (
                            Line("training", range(1, 21), [2.3 * 0.7**e for e in range(20)]),
                            Line("validation", range(1, 21), [2.3 * 0.75**e + 0.02 for e in range(20)]),
                        ),
                        "epoch",
                        "loss",
                        "Loss, logarithmic",
                        log_y=True,
                    ),
                ),
            ),
            Section(
                "Confusion",
                blocks=(
                    Heatmap(confusion.tolist(), names, names, "true class", "predicted class", "Clean test"),
                    Heatmap(
                        [curves[name] for name in corruptions],
                        corruptions,
                        [f"severity {s}" for s in severities],
                        caption="Accuracy by corruption and severity",
                        shade="value",
                        style="percent",
                        digits=0,
                    ),
                ),
            ),
            Section(
                "Pictures",
                "Groups of duplicates side by side, then the pictures that look least like the others.",
                (
                    Gallery(groups),
                    Gallery(outliers, "Scores from 0 to 1, higher is stranger.", limit=4, rest="issues.csv"),
                ),
            ),
            Section(
                "Issues",
                blocks=(
                    Table(
                        (
                            "image",
                            "issue",
                            Column("score", digits=3, note="0 to 1, higher is worse"),
                            "bytes",
                            "action",
                        ),
                        rows,
                        limit=50,
                        rest="issues.csv",
                    ),
                    Table(
                        ("picture", "given", "likely", "confidence"),
                        [
                            (digit(i), str(i % 10), "8", Measure(0.9 - i / 50, 0.8 - i / 50, 0.95 - i / 50))
                            for i in range(4)
                        ],
                        "Suspected labels",
                    ),
                    Table(("image", "reason"), (), "Unreadable files", empty="All files could be read."),
                    Details("Settings", (Code("seed: 0\nmodel:\n  backbone: efficientnet-lite0"),)),
                    Details(
                        "Per fold",
                        (Bars(("fold 0", "fold 1", "fold 2"), (0.971, 0.968, 0.975), style="percent"),),
                        open=True,
                    ),
                ),
            ),
            Section("Next", blocks=(Code("toolkit package -c configs/demo.yaml --set package.target=codabench"),)),
        ),
        {"config": "configs/demo.yaml", "run": "runs/digits/evaluate/3f2a91c07b1e", "finished": "2025-01-31 14:05"},
        (
            Link("evaluation.json", "evaluation.json"),
            Link("Out-of-fold predictions", "../ensemble/oof predictions.npz"),
        ),
    )


@pytest.fixture(scope="session")
def rich_page() -> Page:
    """Every block at least once."""
    return build_rich_page()
