"""The page of `tune`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toolkit.report import Code, Column, Figure, Figures, Line, Lines, Note, Row, Section, Table
from toolkit.steps.pages.search import TrialRow, search_sections
from toolkit.tuning.analysis import Analysis, analyse, comparable
from toolkit.tuning.judging import Direction
from toolkit.tuning.search import StudyResult, TrialRecord
from toolkit.tuning.space import Searched


def tune_sections(
    result: StudyResult,
    metric: str,
    test: str,
    importances: Mapping[str, float],
    next_command: str,
    space: Mapping[str, Searched] | None = None,
) -> list[Section]:
    """History, importances, best settings and all trials; with `space`, all charts of `search_sections`.

    Args:
        result: The study.
        metric: Name of the objective.
        test: `noisy`, `clean` or `mixed` selection pictures.
        importances: Share of each dimension in the variance of the objective; empty where too few trials ran.
        next_command: What to run next.
        space: Dimensions by name; None leaves the charts out that need them.
    """
    from toolkit.report import Bars

    best = result.best
    complete = [trial for trial in result.trials if trial.value is not None]
    sections = [
        Section(
            "At a glance",
            f"Trials are judged by {metric} on {test} selection pictures, which `evaluate` never reports on. The best "
            "of many trials flatters itself: believe `evaluate`, not this page.",
            [
                Figures(
                    [
                        Figure(
                            "trials", len(complete), f"{result.count('pruned')} pruned, {result.count('failed')} failed"
                        ),
                        Figure(f"best {metric}", best.value if best else None, f"{test}, selection", "good", digits=4),
                        Figure("time", sum(trial.seconds for trial in result.trials), style="seconds"),
                    ]
                )
            ],
        ),
        Section("Course of the search", "", [_history(complete, result.best_so_far(), metric)]),
    ]
    analysis = _analysis(result, space) if space else None
    if space:
        minimize = result.direction == "minimize"
        sections += search_sections(_rows(result), space, metric, minimize=minimize, analysis=analysis)
    if importances and analysis is None:
        order = sorted(importances, key=lambda name: -importances[name])
        bars = Bars(order, [importances[name] for name in order], caption="Share of the variance explained (PED-ANOVA)")
        sections.append(Section("What mattered", "", [bars]))
    if best:
        rows = [[name, _text(value)] for name, value in best.params.items()]
        sections.append(Section("Best settings", "", [Table(["setting", "value"], rows, sortable=False)]))
    sections.append(Section("All trials", "", [_trials(result, metric), Note("`trials.csv` holds the same rows.")]))
    sections.append(Section("Next", "", [Code(next_command)]))
    return sections


def _rows(result: StudyResult) -> list[TrialRow]:
    return [TrialRow(trial.number, trial.params, trial.value, trial.state, trial.curve) for trial in result.trials]


def _analysis(result: StudyResult, space: Mapping[str, Searched]) -> Analysis | None:
    direction: Direction = "minimize" if result.direction == "minimize" else "maximize"
    found, best = comparable(result), result.best
    return analyse(
        found.parameters, found.scores, space, direction=direction, keep=best.params if best else None,
        epochs=found.epochs,
    )  # fmt: skip


def _history(trials: list[TrialRecord], course: list[float], metric: str) -> Lines:
    numbers = [trial.number for trial in trials]
    return Lines(
        [
            Line("trial", numbers, [trial.value or 0.0 for trial in trials], kind="dots"),
            Line("best so far", numbers, course),
        ],
        x_label="trial",
        y_label=metric,
    )


def _trials(result: StudyResult, metric: str) -> Table:
    names = sorted({name for trial in result.trials for name in trial.params})
    figures = sorted({name for trial in result.trials for name in trial.figures})
    columns: list[Column | str] = ["trial", Column(metric, digits=4), *names]
    columns += [*(Column(name, digits=4) for name in figures), Column("time", style="seconds"), "state"]
    rows = [
        Row(
            [
                trial.number,
                trial.value,
                *(_cell(trial.params.get(name)) for name in names),
                *(trial.figures.get(name) for name in figures),
                trial.seconds,
                trial.reason or trial.state,
            ],
            "good" if result.best and trial.number == result.best.number else "plain",
        )
        for trial in result.trials
    ]
    return Table(columns, rows)


def _cell(value: Any) -> str | float | None:
    return value if value is None or isinstance(value, int | float | str) else str(value)


def _text(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
