"""Every setting: type, range, default and one sentence for the file that `toolkit init` writes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PrivateAttr, field_validator, model_validator

from toolkit.config.package_schema import Package
from toolkit.config.paper_schema import Paper
from toolkit.config.section import Section, Share
from toolkit.config.tune_schema import METRIC_PATTERN, Dimension, Tune

Action = Literal["keep", "drop", "relabel"]
Severity = Annotated[int, Field(ge=1, le=5)]
View = Literal["identity", "horizontal_flip", "vertical_flip", "rotate_90", "rotate_180", "rotate_270"]


class Data(Section):
    """The pictures and how they are read."""

    source: Path = Field(description="Folder of class folders, CSV file, Kaggle folder, or .npz file.")
    format: Literal["auto", "folder", "csv", "kaggle", "npz"] = Field("auto", description="Form of the source.")
    images: Path | None = Field(None, description="Folder that ids or paths of a CSV start from; null: the CSV's own.")
    id_column: str | None = Field(None, description="CSV column of unique ids; null: guessed from its name.")
    path_column: str | None = Field(None, description="CSV column of file paths; null: guessed, else the ids are used.")
    label_column: str | None = Field(None, description="CSV column of labels; null: guessed from its name.")
    group: str | None = Field(
        None, description="CSV column of patients, slides or videos; pictures of one group are never split."
    )
    fold: str | None = Field(
        None,
        description="CSV column of your own folds, used instead of drawn ones; null: drawn, ensemble.folds of them.",
    )
    holdout_column: str | None = Field(
        None, description="CSV column that marks your own holdout (1 or 0); null: drawn, a share of data.holdout."
    )
    classes: tuple[str, ...] | None = Field(
        None, description="Class names in the order of their index; null: taken from the labels."
    )
    image_size: int = Field(96, ge=16, le=1024, description="Width and height in pixels that the network sees.")
    resize: Literal["squash", "pad", "crop"] = Field(
        "squash", description="How other shapes become square: squash, pad with black, or crop the centre."
    )
    holdout: float = Field(
        0.15, gt=0.0, lt=0.9, description="Share of the cleaned pictures kept from all training, for `evaluate` alone."
    )
    cache_gb: float | None = Field(
        None,
        gt=0.0,
        description="Largest decoded-pixel cache in GB; null: half of the free disk.",
    )


class Actions(Section):
    """What happens to a picture with an issue; of several, drop > relabel > keep."""

    unreadable: Action = Field("drop", description="Cannot be decoded.")
    exact_duplicate: Action = Field("drop", description="Same pixels as another: one of them is kept.")
    near_duplicate: Action = Field("keep", description="Nearly the same picture: kept, but grouped.")
    label_conflict: Action = Field("drop", description="Duplicates under different labels: all of the group.")
    outlier: Action = Field("drop", description="Does not belong to the data set.")
    label_error: Action = Field("keep", description="Label contradicts the picture: keep, drop or relabel.")
    leak: Action = Field("keep", description="Is among the pictures of `clean.against` too.")
    wrong_extension: Action = Field("keep", description="File name promises another image format.")
    animated: Action = Field("keep", description="Has several frames, of which the first is used.")
    blurry: Action = Field("keep", description="Far blurrier than the others.")
    dark: Action = Field("keep", description="Nearly black.")
    bright: Action = Field("keep", description="Nearly white.")
    low_information: Action = Field("keep", description="Nearly one colour.")
    odd_size: Action = Field("keep", description="Size or aspect unlike the others', or absurd.")


class Duplicates(Section):
    """Finding copies of a picture."""

    enabled: bool = Field(True, description="Look for exact and near duplicates and their label conflicts.")
    symmetries: bool = Field(False, description="Count mirrored and quarter-turned copies too; several times slower.")


class Clean(Section):
    """Finding what is wrong with the data."""

    backbone: str = Field("efficientnet_lite0", description="Frozen network whose features describe the pictures.")
    weights: str = Field("packaged", description="Its weights: packaged, imagenet, none, or a file.")
    duplicates: Duplicates = Field(default_factory=Duplicates, description="Finding copies of a picture.")
    against: tuple[Path, ...] = Field(
        (), description="Further sources, such as the test pictures, in which no training picture should reappear."
    )
    conflicts: Literal["drop_all", "majority", "keep_best"] = Field(
        "drop_all", description="Duplicates under several labels: drop all, keep the majority's, or the best explained."
    )
    outliers: bool = Field(True, description="Look for pictures that do not belong.")
    label_errors: bool = Field(True, description="Look for wrong labels.")
    quality: bool = Field(True, description="Look for blurry, dark, bright, empty and oddly sized pictures.")
    folds: int = Field(5, ge=2, le=20, description="Folds of the cross-validated probabilities behind label errors.")
    decisions: Path | None = Field(None, description="CSV of a person's decisions, saved from the page of `clean`.")
    actions: Actions = Field(default_factory=Actions, description="What is done with each kind of issue.")

    @field_validator("duplicates", mode="before")
    @classmethod
    def _switch(cls, value: Any) -> Any:
        return {"enabled": value} if isinstance(value, bool) else value


class Head(Section):
    """The layers on top of the backbone."""

    layers: int = Field(1, ge=0, le=8, description="Number of dense layers before the class layer.")
    units: tuple[Annotated[int, Field(ge=1, le=8192)], ...] = Field(
        (256, 128, 64), description="Width of each dense layer; the first `layers` of them are used."
    )
    dropout: Share | tuple[Share, ...] = Field(
        0.3, description="Dropout after each dense layer: one number, or one a layer."
    )
    activation: str = Field("relu", description="Activation of the dense layers.")
    batch_norm: bool = Field(True, description="Batch normalisation after each dense layer.")
    feature_dropout: Share = Field(0.0, description="Dropout before the first dense layer, or before the class layer.")

    @model_validator(mode="after")
    def _enough_widths(self) -> Head:
        if self.layers > len(self.units):
            raise ValueError(f"layers is {self.layers}, but units names only {len(self.units)} widths; add widths")
        if isinstance(self.dropout, tuple) and len(self.dropout) < self.layers:
            raise ValueError(f"layers is {self.layers}, but dropout names only {len(self.dropout)} rates; add rates")
        return self


class Model(Section):
    """The network."""

    backbone: str = Field("efficientnet_lite0", description="Name of the backbone; `toolkit doctor` lists them.")
    weights: str = Field("packaged", description="Its weights: packaged, imagenet, none, or a file.")
    backbone_options: dict[str, int | float | str | tuple[int, ...]] = Field(
        default_factory=dict,
        description="Options of vit, tiny_vgg and convnext, for example {patch_size: 8, width: 64}.",
    )
    pooling: Literal["avg", "max", "gem", "flatten"] = Field("avg", description="From feature map to feature vector.")
    head: Head = Field(default_factory=Head, description="The layers on top.")
    unfreeze: Annotated[int, Field(ge=0)] | Literal["all"] | Annotated[str, Field(pattern=r"^stage:\d+$")] = Field(
        15, description="What of the backbone is trained: a number of last layers, stage:2 (last 2 stages), or all."
    )


class PolicyLayer(Section):
    """One randomly applied operation of the policy random_apply."""

    operation: str = Field(description="Name of the operation.")
    probability: Share = Field(0.5, description="Probability that a picture goes through it.")
    strength: Share = Field(0.5, description="Largest strength, 0-1.")


class Policy(Section):
    """How training pictures are varied."""

    name: Literal["none", "basic", "rand_augment", "trivial_augment", "augmix", "some_of", "random_apply"] = Field(
        "basic", description="none, basic, rand_augment, trivial_augment, augmix, some_of, or random_apply."
    )
    horizontal_flip: bool = Field(True, description="basic, some_of: mirror left and right.")
    vertical_flip: bool = Field(False, description="basic, some_of: mirror top and bottom.")
    rotation: float = Field(15.0, ge=0.0, le=180.0, description="basic: largest rotation in degrees.")
    zoom: float = Field(0.1, ge=0.0, lt=1.0, description="basic: largest zoom, as a share of the size.")
    shift: float = Field(0.1, ge=0.0, lt=1.0, description="basic: largest shift, as a share of the size.")
    brightness: float = Field(0.2, ge=0.0, le=1.0, description="basic: largest change of brightness.")
    contrast: float = Field(0.2, ge=0.0, le=1.0, description="basic: largest change of contrast.")
    saturation: float = Field(0.2, ge=0.0, le=1.0, description="basic: largest change of saturation.")
    stretch: Share = Field(0.0, description="basic: probability of the fixed contrast stretch, 1.5 times each pixel.")
    magnitude: Share = Field(0.32, description="rand_augment, augmix: strength of each operation, 0-1.")
    operations: int = Field(5, ge=1, le=16, description="rand_augment: operations a picture.")
    count: tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)]] = Field(
        (1, 5), description="some_of: fewest and most operations a picture."
    )
    strength: Share = Field(1.0, description="some_of, trivial_augment: largest strength of each operation.")
    names: tuple[str, ...] | None = Field(
        None, description="some_of, trivial_augment, augmix: operations to draw from; null: the policy's own list."
    )
    width: int = Field(3, ge=1, le=8, description="augmix: varied copies that are blended.")
    layers: tuple[PolicyLayer, ...] = Field((), description="random_apply: operations, each with its probability.")
    shuffle: bool = Field(False, description="random_apply: draw the order of the operations too.")

    @model_validator(mode="after")
    def _something_to_apply(self) -> Policy:
        if self.name == "random_apply" and not self.layers:
            raise ValueError(
                "the policy random_apply needs layers, such as [{operation: rotation, probability: 0.5, strength: 0.1}]"
            )
        return self


class Augment(Section):
    """Augmentation of training pictures."""

    engine: Literal["opencv", "keras_cv"] = Field(
        "opencv", description="opencv (ours, fast), or keras_cv (its RandAugment layer, slow)."
    )
    policy: Policy = Field(default_factory=Policy, description="Which operations, how strong.")
    mixup: float = Field(0.0, ge=0.0, le=100.0, description="MixUp: alpha of the Beta distribution of shares; 0: none.")
    cutmix: float = Field(0.0, ge=0.0, le=100.0, description="CutMix: alpha of the Beta distribution; 0: none.")
    mix_probability: Share = Field(1.0, description="Share of pictures that are mixed; with both, half by each.")

    @model_validator(mode="after")
    def _engine_fits(self) -> Augment:
        if self.engine == "keras_cv" and self.policy.name != "rand_augment":
            raise ValueError("engine keras_cv offers only the policy rand_augment; set augment.policy.name to it")
        return self


class Transfer(Section):
    """A first phase that trains the head alone, everything else frozen."""

    epochs: int = Field(10, ge=1, description="Largest number of epochs of this phase; train.epochs follow.")
    batch_size: int = Field(32, ge=1, description="Pictures a step of this phase.")
    learning_rate: float = Field(1e-3, gt=0.0, description="Peak learning rate of this phase.")


class Train(Section):
    """Training of one model."""

    epochs: int = Field(12, ge=1, description="Largest number of epochs.")
    batch_size: int = Field(32, ge=1, description="Pictures a batch.")
    accumulate: int = Field(1, ge=1, description="Batches whose mean gradient makes one step of the optimiser.")
    transfer: Transfer | None = Field(
        None, description="First train the head alone: {epochs, batch_size, learning_rate}; null: no such phase."
    )
    optimizer: Literal["lion", "adam", "adamw", "sgd", "rmsprop", "nadam", "adadelta"] = Field(
        "adamw", description="Optimiser."
    )
    learning_rate: float = Field(1e-3, gt=0.0, description="Peak learning rate.")
    momentum: float = Field(0.9, ge=0.0, lt=1.0, description="sgd: share of the last step that goes into the next.")
    weight_decay: float | None = Field(
        None, ge=0.0, description="Decay of the weights apart from the gradient; null: 0.004 for adamw, else none."
    )
    clip_norm: float | None = Field(
        None, gt=0.0, description="Largest norm of all gradients together; null: not clipped."
    )
    schedule: Literal["constant", "cosine", "plateau"] = Field("cosine", description="Course of the learning rate.")
    warmup_epochs: float = Field(0.0, ge=0.0, description="Epochs of linear warm-up before the schedule.")
    plateau_patience: int = Field(
        3, ge=1, description="plateau: epochs without a better validation loss before the learning rate falls."
    )
    plateau_factor: float = Field(
        0.5, gt=0.0, lt=1.0, description="plateau: what the learning rate is multiplied by then."
    )
    layer_decay: float = Field(
        1.0, gt=0.0, le=1.0, description="Factor of the learning rate from each layer to the one before it; 1: none."
    )
    ema: float | None = Field(
        None, gt=0.0, lt=1.0, description="Decay of the weights' moving average, which is then kept; null: no average."
    )
    average_last: int | None = Field(
        None,
        ge=2,
        description="Keep the mean of the weights after each of so many last epochs (SWA); null: the best epoch's.",
    )
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16", "auto"] = Field(
        "float32", description="What training computes in; auto: mixed_bfloat16 where a GPU or TPU has it."
    )
    loss: Literal["cross_entropy", "focal"] = Field("cross_entropy", description="cross_entropy or focal.")
    focal_gamma: float = Field(2.0, ge=0.0, description="focal: how much less easy pictures count.")
    class_weight: Literal["none", "balanced", "log", "effective"] | tuple[float, ...] = Field(
        "balanced", description="none, balanced, log (max(1, ln(n/n_k))), effective, or one weight a class."
    )
    effective_beta: float = Field(
        0.999, ge=0.0, lt=1.0, description="effective: 0 counts classes alike, towards 1 as balanced does."
    )
    sampling: Literal["shuffle", "balanced"] = Field(
        "shuffle", description="shuffle: each picture once an epoch; balanced: each class equally often."
    )
    label_smoothing: float = Field(0.0, ge=0.0, lt=1.0, description="Share of probability spread over all classes.")
    early_stopping: int = Field(4, ge=0, description="Epochs without improvement before stopping; 0: never stop early.")
    deterministic: bool = Field(False, description="Bit-equal results on the same machine; somewhat slower.")
    workers: int = Field(2, ge=1, le=64, description="Threads that prepare batches; the result does not depend on it.")

    @model_validator(mode="after")
    def _one_average(self) -> Train:
        if self.average_last is None:
            return self
        if self.ema is not None:
            raise ValueError(
                "ema and average_last both replace the last weights by an average; set one of them to null"
            )
        if self.early_stopping:
            raise ValueError(
                "average_last averages the last epochs, which early_stopping would move to where training has stopped "
                "to improve; set early_stopping to 0 or average_last to null"
            )
        if self.average_last > self.epochs:
            raise ValueError(f"average_last is {self.average_last}, but there are only {self.epochs} epochs; lower it")
        return self


class PseudoLabels(Section):
    """Unlabelled pictures that the trained models label and the next round learns from."""

    source: Path = Field(description="The pictures: folder, CSV, Kaggle folder or .npz file; labels are not read.")
    threshold: float = Field(0.95, gt=0.0, lt=1.0, description="Smallest probability at which a label is believed.")
    rounds: int = Field(1, ge=1, le=5, description="How often all models are trained anew with such pictures.")


class Ensemble(Section):
    """The k-fold ensemble."""

    folds: int = Field(5, ge=2, le=20, description="Models, each trained on all but one fold.")
    train_folds: int | None = Field(
        None, ge=1, description="Train only so many of these models, the first ones; null: all."
    )
    vote: Literal["majority", "mean", "geometric", "rank", "weighted", "greedy", "stack", "auto"] = Field(
        "majority",
        description="majority (ties by mean), mean, geometric, rank; or learned: weighted, greedy, stack, auto.",
    )
    metric: Literal["accuracy", "macro_f1", "log_loss", "auc", "quadratic_kappa"] = Field(
        "accuracy", description="What weighted, greedy and auto go by."
    )
    calibrate: bool = Field(False, description="Scale each member by a temperature fitted out of fold before the vote.")
    prior_correction: Literal["none", "bbse", "em"] = Field(
        "none", description="Estimate the classes' shares in the pictures that `predict` gets, and correct by them."
    )
    views: int = Field(
        0,
        ge=0,
        le=64,
        description="0: augment anew each epoch; else frozen layers see so many versions of a picture: faster.",
    )
    members: tuple[dict[str, Any], ...] = Field(
        (),
        description="Settings in which each member differs, such as [{seed: 1}, {train.epochs: 20}]; []: one member.",
    )
    repeats: int = Field(1, ge=1, le=20, description="How often the folds are drawn anew and trained.")
    tta: tuple[View, ...] = Field(
        ("identity",), min_length=1,
        description="Views that are averaged: identity, horizontal_flip, vertical_flip, rotate_90, _180, _270.",
    )  # fmt: skip
    batch_norm: Literal["train", "target"] = Field(
        "train",
        description="Batch statistics of training, or of the pictures that are predicted; packages do the same.",
    )
    batch_norm_source: int = Field(
        16, ge=0, description="batch_norm target: training's statistics count as so many pictures."
    )
    pseudo_labels: PseudoLabels | None = Field(
        None, description="Train again with confidently predicted pictures: {source, threshold, rounds}; null: no."
    )
    jobs: Annotated[int, Field(ge=1, le=256)] | Literal["auto"] = Field(
        1, description="Folds trained at once: 1 in this process, a number, or auto: one a GPU, else one a core."
    )
    tuned: Literal["auto", "never"] = Field("auto", description="auto: use what `tune` found, where it has run.")

    @model_validator(mode="after")
    def _enough_folds(self) -> Ensemble:
        if self.train_folds is not None and self.train_folds > self.folds:
            raise ValueError(f"train_folds is {self.train_folds}, but there are only {self.folds} folds; lower it")
        return self

    @field_validator("members")
    @classmethod
    def _known_members(cls, members: tuple[dict[str, Any], ...]) -> tuple[dict[str, Any], ...]:
        for number, member in enumerate(members):
            for name in member:
                if name == "data.image_size":
                    raise ValueError(
                        f"member {number} has data.image_size, but all members see pictures of one size: the package "
                        "resizes once; make an ensemble of its own for another size"
                    )
                if name != "seed" and not name.startswith(("model.", "augment.", "train.")):
                    raise ValueError(
                        f"member {number} has {name!r}; members may differ in seed and in settings of model, augment "
                        "and train, such as model.backbone"
                    )
            if member in members[:number]:
                raise ValueError(f"members {members.index(member)} and {number} are the same; change one's seed")
        return members

    @field_validator("tta")
    @classmethod
    def _different_views(cls, views: tuple[View, ...]) -> tuple[View, ...]:
        if len(set(views)) < len(views):
            raise ValueError("each view counts once; remove the doubled ones")
        return views

    @property
    def models(self) -> int:
        """How many models each draw of the folds gives, unless the folds are the user's own."""
        return self.train_folds or self.folds


class Evaluate(Section):
    """Local tests."""

    corruptions: tuple[str, ...] = Field(
        ("white_noise", "gaussian_blur", "jpeg", "brightness"),
        min_length=1,
        description="Corrupted local tests: names, families, or all (that tune.corruptions leaves); no family of both.",
    )
    severity: Severity | tuple[Severity, ...] = Field(
        3, description="Severity of these corruptions, 1-5, or a list of them."
    )
    pictures: int | None = Field(
        None, ge=1, description="Holdout pictures that are corrupted, of each class its share; null: all."
    )
    metric: str = Field(
        "accuracy",
        pattern=METRIC_PATTERN,
        description="Shown beside accuracy: macro_f1, log_loss, auc, quadratic_kappa, or module:function.",
    )
    direction: Literal["maximize", "minimize"] | None = Field(
        None, description="Of a module:function; null: more is better."
    )
    data: Path | None = Field(None, description="A labelled source of other pictures that is scored as well.")
    target: Path | None = Field(
        None, description="Unlabelled pictures of the hidden test, from which its score is estimated; null: unknown."
    )
    leaderboard: Path | None = Field(
        None, description="leaderboard.csv of past scores; null: the one beside the packages, where there is one."
    )

    @field_validator("corruptions", mode="before")
    @classmethod
    def _one_name(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @field_validator("severity")
    @classmethod
    def _each_once(cls, value: int | tuple[int, ...]) -> int | tuple[int, ...]:
        if value == ():
            raise ValueError("severity is an empty list; give a number from 1 to 5, or several")
        return value if isinstance(value, int) else tuple(sorted(set(value)))

    @property
    def severities(self) -> tuple[int, ...]:
        """All of them, ascending."""
        return (self.severity,) if isinstance(self.severity, int) else self.severity


class Config(Section):
    """All settings of one contest."""

    name: str = Field("contest", pattern=r"^[\w][\w.-]*$", description="Names the folder of results, runs_dir/name.")
    seed: int = Field(0, ge=0, lt=2**31, description="Seed of everything random.")
    runs_dir: Path = Field(Path("runs"), description="Folder of results.")
    engine: Literal["local", "ray"] = Field("local", description="Where folds are trained: local, or a ray cluster.")
    data: Data = Field(description="The pictures and how they are read.")
    clean: Clean = Field(default_factory=Clean, description="Finding what is wrong with the data.")
    model: Model = Field(default_factory=Model, description="The network.")
    augment: Augment = Field(default_factory=Augment, description="How training pictures are varied.")
    train: Train = Field(default_factory=Train, description="Training of one model.")
    tune: Tune = Field(default_factory=Tune, description="The search for better settings.")
    ensemble: Ensemble = Field(default_factory=Ensemble, description="The k-fold ensemble.")
    evaluate: Evaluate = Field(default_factory=Evaluate, description="Local tests.")
    package: Package = Field(default_factory=Package, description="The submission.")
    paper: Paper | None = Field(None, description="A published report that `toolkit paper` makes again; null: none.")

    _file: Path | None = PrivateAttr(None)

    @model_validator(mode="after")
    def _mixing_needs_pictures(self) -> Config:
        if self.ensemble.views and (self.augment.mixup or self.augment.cutmix):
            raise ValueError(
                "augment.mixup and augment.cutmix mix pictures, but with ensemble.views above 0 training reads stored "
                "activations; set ensemble.views to 0 or both to 0"
            )
        if self.ensemble.views and self.ensemble.pseudo_labels:
            raise ValueError(
                "ensemble.pseudo_labels adds pictures whose activations are not stored; set ensemble.views to 0"
            )
        if self.data.fold is not None and self.ensemble.repeats > 1:
            raise ValueError(
                f"ensemble.repeats is {self.ensemble.repeats}, but the folds of data.fold cannot be drawn again; set "
                "repeats to 1, or data.fold to null"
            )
        return self

    @field_validator("name", mode="before")
    @classmethod
    def _name_is_text(cls, value: Any) -> Any:
        return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value

    @property
    def file(self) -> Path | None:
        """The YAML file that it was read from, None for one made in Python."""
        return self._file


__all__ = ["Config", "Dimension", "Section", "Tune"]
