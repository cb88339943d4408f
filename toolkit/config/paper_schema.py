"""Settings of the section `paper`: a published report whose tables `toolkit paper` makes again on other data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from toolkit.config.section import Section, Share


class _Paper(Section):
    document: Path = Field(description="Markdown file of the tables; its hand-written part is kept.")


class An2dl(_Paper):
    """Report A: a contest pipeline."""

    method: Literal["an2dl"]
    pictures: int = Field(2500, ge=50, description="Pictures drawn from the source, memes and copies included.")
    test: Path | None = Field(None, description="Labelled pictures that stand for the hidden test; null: none.")
    backbones: tuple[str, ...] = Field(
        ("efficientnet_lite0",), min_length=1, description="Compared; the first is used."
    )
    folds: int = Field(5, ge=2, description="Models of a vote.")
    variants: int = Field(2, ge=1, description="Of these folds, how many train each variant of the recipe.")
    epochs: int = Field(6, ge=1, description="Largest number of epochs of each training.")


class Kasuri(_Paper):
    """Report B: deliberate modification of a tuned result."""

    method: Literal["kasuri"]
    classes: tuple[str, str] = Field(description="Two classes of the source that stand for good and bad patterns.")
    patterns: int = Field(70, ge=8, description="Originals, half of each class.")
    copies: int = Field(2, ge=1, description="Changed copies of each original: salt-and-pepper noise and skew in turn.")
    folds: int = Field(5, ge=2, description="Folds of the leak and of the sweeps.")
    fine_tuned: int = Field(15, ge=1, description="Last layers that fine-tuning trains.")
    seeds: int = Field(3, ge=1, description="Trainings of each set of values on the pictures that no search saw.")


class FourMethods(_Paper):
    """Report C: four search methods under one budget."""

    method: Literal["four_methods"]
    digits: bool = Field(True, description="Compare on scikit-learn's digits as well.")
    others: dict[str, Path] = Field(default_factory=dict, description="Further sources by name.")
    pictures: int = Field(900, ge=50, description="Pictures drawn from each source.")
    trainings: int = Field(12, ge=8, description="Random trainings a data set behind the importances; the report's 20.")
    importance_epochs: int = Field(4, ge=1, description="Epochs of each of them.")
    sets: int = Field(6, ge=2, description="Sets of values of grid, random and Bayesian search; the report's 16.")
    epochs: int = Field(5, ge=1, description="Epochs of each set; sets times epochs is every method's budget; 25.")
    longest: int = Field(4, ge=1, description="ASHA: R, epochs of the highest rung; the report's 16.")
    reduction: int = Field(4, ge=2, description="ASHA: one set in so many goes on.")
    narrowed: dict[str, tuple[float | int | str, ...]] = Field(
        default_factory=dict, description="Values left of each dimension for the comparison, as the report narrowed."
    )
    grid: dict[str, tuple[float | int | str, ...]] = Field(
        default_factory=dict, description="Values of grid search; other settings are the config's own."
    )
    subset: int = Field(360, ge=20, description="Pictures of the balanced and imbalanced subsets.")
    fully_trained: int = Field(2, ge=1, description="ASHA on subsets: N_m, sets trained to the end.")


class Unfreeze(_Paper):
    """Report D: automated optimisation with unfreezing."""

    method: Literal["unfreeze"]
    classes: tuple[str, ...] | None = Field(None, description="Classes of the source; null: all.")
    pictures: int = Field(900, ge=50, description="Pictures drawn from them.")
    validation: Share = Field(1 / 3, description="Share that validates; the report's 1,000 of 3,000.")
    backbones: tuple[str, ...] = Field(("efficientnet_lite0",), min_length=1, description="Pretrained networks.")
    batch_sizes: tuple[int, ...] = Field((8, 16, 32, 64, 128), description="Of the table of batch and learning rate.")
    learning_rates: tuple[float, ...] = Field((0.1, 0.01, 0.001, 0.0001), description="Of the same table.")
    optimizers: tuple[str, ...] = Field(("adam", "sgd", "rmsprop"), description="Compared at the defaults.")
    attempts: int = Field(6, ge=1, description="Proposed sets of the optimisation.")
    unfrozen: int = Field(9, ge=1, description="Last layers that train in the second column of the recommended pairs.")
    vit_size: int | None = Field(64, description="Side in pixels of the vision transformer's pictures; null: none.")
    vit_epochs: int = Field(10, ge=1, description="Largest number of epochs of its trainings.")
    vit_attempts: int = Field(3, ge=1, description="Its proposed sets.")


class TinyVgg(_Paper):
    """Report E: a small network, k-fold grid and random search."""

    method: Literal["tinyvgg"]
    classes: tuple[str, ...] | None = Field(None, description="Classes of the source; null: all.")
    pictures: int | None = Field(None, ge=50, description="Pictures drawn from them; null: all.")
    grid: dict[str, tuple[float | int | str, ...]] = Field(description="Values of grid search.")
    random_trials: int = Field(12, ge=2, description="Trials of random search over tune.space; the report's 100.")
    seeds: int = Field(5, ge=1, description="Trainings of each winner.")
    final_epochs: int = Field(12, ge=1, description="Epochs of each of them; the report's 100.")


Paper = Annotated[An2dl | Kasuri | FourMethods | Unfreeze | TinyVgg, Field(discriminator="method")]
