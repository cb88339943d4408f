"""Settings of the search: the section `tune` and the dimensions of its space."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from toolkit.config.section import Section, Share

METRIC_PATTERN = r"^(accuracy|macro_f1|log_loss|auc|quadratic_kappa|[\w.]+:\w+)$"


class Limits(Section):
    """The fitting values of a dimension that another depends on."""

    min: float | None = Field(None, description="Smallest fitting number.")
    max: float | None = Field(None, description="Largest fitting number.")


class Dimension(Section):
    """One dimension of the search space: `{float: [low, high], log: true}`, `{int: [low, high]}`, `{choice: [...]}`.

    A plain value, or `{fixed: value}`, is the same in every trial.
    """

    float_range: tuple[float, float] | None = Field(None, alias="float", description="Lowest and highest real number.")
    int_range: tuple[int, int] | None = Field(None, alias="int", description="Lowest and highest whole number.")
    choice: tuple[Any, ...] | None = Field(None, description="The values to choose from.")
    fixed: Any = Field(None, description="One value for all trials.")
    when: dict[str, Any] = Field(
        default_factory=dict,
        description="The dimension exists only beside these values of others: {path: value, [values] or {min, max}}.",
    )
    log: bool = Field(False, description="Search on a logarithmic scale.")
    step: float | None = Field(None, gt=0.0, description="Only every step-th value.")

    @model_validator(mode="before")
    @classmethod
    def _plain_value(cls, value: Any) -> Any:
        return {"fixed": value} if isinstance(value, bool | int | float | str) else value

    @field_validator("when")
    @classmethod
    def _limits(cls, when: dict[str, Any]) -> dict[str, Any]:
        return {path: Limits(**limits).model_dump(exclude_none=True) if isinstance(limits, dict) else limits
                for path, limits in when.items()}  # fmt: skip

    @model_validator(mode="after")
    def _one_kind(self) -> Dimension:
        given = [kind for kind in (self.float_range, self.int_range, self.choice, self.fixed) if kind is not None]
        if len(given) != 1 or (self.choice is not None and not self.choice):
            raise ValueError(
                "give exactly one of float: [low, high], int: [low, high] or choice: [values], or fixed: value"
            )
        bounds = self.float_range or self.int_range
        if bounds and bounds[0] > bounds[1]:
            raise ValueError(f"the lowest value {bounds[0]} is above the highest {bounds[1]}")
        if bounds and self.log and bounds[0] <= 0:
            raise ValueError("a logarithmic scale needs a lowest value above 0")
        return self


def default_space() -> dict[str, Dimension]:
    """The head search of report A: number and width of dense layers, dropout, unfrozen layers, learning rate."""
    return {
        "model.head.layers": Dimension(int_range=(1, 3)),
        "model.head.units.0": Dimension(choice=(128, 256, 512)),
        "model.head.units.1": Dimension(choice=(64, 128, 256)),
        "model.head.units.2": Dimension(choice=(32, 64, 128)),
        "model.head.dropout": Dimension(float_range=(0.1, 0.5)),
        "model.unfreeze": Dimension(choice=(0, 8, 15)),
        "train.learning_rate": Dimension(float_range=(1e-4, 1e-2), log=True),
    }


class Tune(Section):
    """The search for better settings."""

    trials: int = Field(20, ge=1, description="Trials in all; a larger number continues the study.")
    epochs: int | None = Field(None, ge=1, description="Epochs of all trials together; null: any number.")
    minutes: float | None = Field(None, gt=0.0, description="Stop starting trials after so many minutes.")
    trial_epochs: int = Field(8, ge=1, description="Largest number of epochs of one trial.")
    full_trials: int | None = Field(None, ge=1, description="Trials that may be trained to the end; null: all.")
    sampler: Literal["tpe", "random", "grid", "gp", "cmaes", "qmc", "bruteforce"] = Field(
        "tpe", description="tpe, random, grid, gp, cmaes, qmc, or bruteforce."
    )
    pruner: Literal["none", "median", "asha", "hyperband", "wilcoxon", "median_mean5"] = Field(
        "none", description="Stops poor trials early: none, median, asha, hyperband, wilcoxon, or median_mean5."
    )
    min_epochs: int = Field(1, ge=1, description="Epochs that the pruner leaves to every trial.")
    reduction: int = Field(4, ge=2, description="asha, hyperband: one trial in so many goes on.")
    warm_start: tuple[str, ...] = Field(
        (), description="Tried first: pairs (batch size and learning rate), or best.json files of earlier studies."
    )
    metric: str = Field(
        "macro_f1",
        pattern=METRIC_PATTERN,
        description="accuracy, macro_f1, log_loss, auc, quadratic_kappa, or module:function beside the config.",
    )
    direction: Literal["maximize", "minimize"] | None = Field(
        None, description="Of a module:function; null: more is better."
    )
    test: Literal["noisy", "clean", "mixed"] = Field(
        "noisy", description="On corrupted or on clean selection pictures, or a weighted mix of both."
    )
    clean_weight: Share = Field(0.5, description="mixed: weight of the clean score.")
    folds: int = Field(1, ge=1, le=20, description="Folds that judge a trial; 1: one split by tune.selection.")
    seeds: int = Field(1, ge=1, le=20, description="Trainings a trial and fold, each with a seed of its own.")
    subset: float | None = Field(
        None, gt=0.0, description="Train trials on so many pictures: a share below 1, or a count; null: all."
    )
    subset_balanced: bool = Field(False, description="Draw the subset with equally many pictures of each class.")
    corruptions: tuple[str, ...] = Field(
        ("rotate_shift_zoom", "cutout", "fog"),
        description="Corruptions of the selection pictures; their families must not occur in evaluate.corruptions.",
    )
    severity: int = Field(3, ge=1, le=5, description="Severity of these corruptions, 1-5.")
    mix: Path | None = Field(
        None, description="mix.json that `evaluate` fitted to past scores: its corruptions and weights are the test."
    )
    selection: float = Field(0.25, gt=0.0, lt=0.9, description="Share of the training pictures that judge the trials.")
    views: int = Field(2, ge=1, le=32, description="Augmented versions of each training picture that are cached.")
    storage: str = Field("journal", description="Of trials: journal (a file in the run), or postgresql+psycopg://….")
    heartbeat: float = Field(15.0, gt=0.0, description="Seconds between signs of life of a worker; 4 missed: dead.")
    cache_gb: float | None = Field(
        None, gt=0.0, description="Largest cache of activations in GB; null: half of the free disk."
    )
    space: dict[str, Dimension] = Field(
        default_factory=default_space, description="Search dimensions by dotted path of the setting they replace."
    )

    @model_validator(mode="after")
    def _several_results(self) -> Tune:
        if self.pruner == "wilcoxon" and self.folds * self.seeds < 2:
            raise ValueError("the pruner wilcoxon compares folds or seeds; set tune.folds or tune.seeds above 1")
        return self
