"""Parts of the page of `tune` that show the trials and what mattered, from plain rows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from toolkit.report import (
    Axis,
    Bars,
    Code,
    Curve,
    Field,
    Heatmap,
    Line,
    Lines,
    Note,
    Parallel,
    Section,
    Slices,
    Table,
)
from toolkit.tuning.analysis import Analysis
from toolkit.tuning.space import Choice, Searched

_CURVES = 200


@dataclass(frozen=True)
class TrialRow:
    """A trial as the page shows it.

    Attributes:
        number: Order of asking.
        params: Values by name.
        score: None where it failed.
        state: `complete`, `pruned` or `failed`.
        course: Epochs with the score or loss after each of them; may be empty.
    """

    number: int
    params: Mapping[str, Any]
    score: float | None
    state: str = "complete"
    course: Sequence[tuple[int, float]] = ()


def search_sections(
    rows: Sequence[TrialRow],
    space: Mapping[str, Searched],
    metric: str,
    *,
    minimize: bool = False,
    analysis: Analysis | None = None,
    course_label: str = "",
) -> list[Section]:
    """Parallel coordinates, slices, importances, contour, learning curves and a narrower space.

    Args:
        rows: All trials.
        space: Dimensions by name.
        metric: Name of the objective.
        minimize: Whether less is better.
        analysis: What mattered, None where too few trials ran.
        course_label: What the learning curves show; the metric where empty.
    """
    complete = [row for row in rows if row.score is not None and row.state != "failed"]
    axes = [axis(name, dimension, complete) for name, dimension in space.items()]
    scores = [row.score or 0.0 for row in complete]
    sections = []
    if len(complete) > 1:
        text = "One line a trial, the better the stronger; the best is drawn in the other colour. Lines break where a "
        text += "trial does not have a dimension."
        sections.append(Section("All trials at once", text, [Parallel(axes, scores, metric, minimize=minimize)]))
    if analysis:
        sections.append(_importances(analysis))
    if complete:
        # Early scores are lower than the dots of complete trials: another scale.
        final = analysis is not None and analysis.epochs is None
        curves = [_curve(analysis, name, space[name]) for name in space] if analysis and final else []
        text = "One dot a trial, later ones stronger."
        if curves:
            text += " Line and band: mean over all other dimensions, by fANOVA's forest, and its sd over the trees."
        sections.append(Section("Each setting by itself", text, [Slices(axes, scores, curves, metric)]))
    if analysis and analysis.surface and analysis.epochs is None:
        sections.append(_contour(analysis, complete, space, metric))
    if any(len(row.course) > 1 for row in rows):
        sections.append(_learning(rows, minimize=minimize, label=course_label or metric))
    if analysis:
        sections.append(_narrower(analysis))
    return sections


def axis(name: str, dimension: Searched, rows: Sequence[TrialRow]) -> Axis:
    """A dimension with its value in each trial."""
    if isinstance(dimension, Choice):
        texts = [_text(value) for value in dimension.values]
        return Axis(name, [_text(row.params[name]) if name in row.params else None for row in rows], order=texts)
    return Axis(name, [row.params.get(name) for row in rows], dimension.log)


def _importances(analysis: Analysis) -> Section:
    names = list(analysis.single)
    blocks: list[Any] = []
    if names:
        shares = [analysis.single[name] for name in names]
        blocks.append(
            Bars(
                names,
                [share.mean for share in shares],
                [max(0.0, share.mean - share.sd) for share in shares],
                [min(1.0, share.mean + share.sd) for share in shares],
                caption="Share of the variance that each explains alone (fANOVA; whiskers: sd over the trees)",
                style="percent",
            )
        )
    if len(names) > 1:
        both = {frozenset(pair): share.mean for pair, share in analysis.pairs.items()}
        matrix = [
            [analysis.single[one].mean if one == other else both.get(frozenset((one, other)), 0.0) for other in names]
            for one in names
        ]
        blocks.append(
            Heatmap(
                matrix,
                names,
                names,
                caption="Pairs: share beyond what both explain alone; on the diagonal, alone",
                shade="value",
                style="percent",
            )
        )
    if analysis.ped:
        caption = "What tells the better tenth of the trials from all (PED-ANOVA)"
        blocks.append(Bars(list(analysis.ped), list(analysis.ped.values()), caption=caption, style="percent"))
    if not blocks:
        blocks.append(Note("All trials scored alike: nothing explains a difference."))
    text = "Dimensions that exist only in some trials count for the whole space: their shares are smaller the rarer "
    text += "they exist."
    if analysis.epochs is not None:
        text += f" Most trials were pruned, so this is about what {analysis.trials} trials had reported to the pruner "
        text += f"at epoch {analysis.epochs} (with the Wilcoxon pruner: training), before it chose among them."
    return Section("What mattered", text, blocks)


def _curve(analysis: Analysis, name: str, dimension: Searched) -> Curve:
    marginal = analysis.marginals[name]
    return Curve(_shown(dimension, marginal.values), marginal.mean, marginal.sd)


def _contour(analysis: Analysis, rows: Sequence[TrialRow], space: Mapping[str, Searched], metric: str) -> Section:
    surface = analysis.surface
    if surface is None:
        raise ValueError("a contour needs a surface")
    (one, other), (columns, lines) = surface.names, surface.grids
    field = Field(
        axis(one, space[one], rows),
        axis(other, space[other], rows),
        [row.score or 0.0 for row in rows],
        _shown(space[one], columns),
        _shown(space[other], lines),
        surface.heights.T.tolist(),
    )
    text = f"{metric} over both, averaged over all other dimensions by fANOVA's forest; a dot a trial."
    return Section("The two most important together", text, [field])


def _learning(rows: Sequence[TrialRow], *, minimize: bool, label: str) -> Section:
    with_course = [row for row in rows if len(row.course)][-_CURVES:]
    done = [row for row in with_course if row.state == "complete" and row.score is not None]
    best = (min if minimize else max)(done, key=lambda row: row.score or 0.0, default=None)
    series = [
        _course("", row, "faint" if row.state != "complete" else "thin")
        for row in sorted(with_course, key=lambda row: row.state == "complete")
        if row is not best
    ]
    if best is not None:
        series.append(_course(f"best, trial {best.number}", best, "strong"))
    pruned = sum(row.state == "pruned" for row in with_course)
    text = f"{len(with_course)} trials; {pruned} were stopped early and are drawn faintly."
    return Section("Learning curves", text, [Lines(series, x_label="epoch", y_label=label)])


def _course(name: str, row: TrialRow, kind: Literal["faint", "thin", "strong"]) -> Line:
    return Line(name, [epoch for epoch, _ in row.course], [value for _, value in row.course], kind=kind)


def _narrower(analysis: Analysis) -> Section:
    rows = [
        [one.name, _range(one.before), _range(one.after) if one.changed else "as it is", _text(one.best)]
        for one in analysis.narrowed
    ]
    text = (
        "Of each dimension, the values whose marginal cannot be told from its best one (two sd of the difference over "
    )
    text += "the trees), and the best trial's. A proposal: nothing is changed by itself."
    changed = [f"  {one.name}: {_yaml(one.after)}" for one in analysis.narrowed if one.changed]
    blocks: list[Any] = [Table(["setting", "searched", "proposed", "best marginal"], rows, sortable=False)]
    if changed:
        blocks.append(Code("\n".join(["space:", *changed]), "For the config"))
    return Section("A narrower space", text, blocks)


def _range(dimension: Searched) -> str:
    if isinstance(dimension, Choice):
        return ", ".join(_text(value) for value in dimension.values)
    return f"{_text(dimension.low)} to {_text(dimension.high)}"


def _yaml(dimension: Searched) -> str:
    if isinstance(dimension, Choice):
        return f"{{choice: [{', '.join('null' if v is None else _text(v) for v in dimension.values)}]}}"
    kind = "int" if isinstance(dimension.low, int) and isinstance(dimension.high, int) else "float"
    log = ", log: true" if dimension.log else ""
    step = f", step: {dimension.step}" if dimension.step and dimension.step != 1 else ""
    return f"{{{kind}: [{_text(dimension.low)}, {_text(dimension.high)}]{log}{step}}}"


def _shown(dimension: Searched, values: Sequence[Any]) -> list[str | float]:
    return [_text(value) if isinstance(dimension, Choice) else value for value in values]


def _text(value: Any) -> str:
    if isinstance(value, float) and math.isfinite(value):
        return f"{value:.4g}"
    return str(value)
