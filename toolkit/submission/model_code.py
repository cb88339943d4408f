"""The `model.py` of a package, and the description of the ensemble that it reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from toolkit.errors import SubmissionError
from toolkit.submission.rendering import render

Form = Literal["keras", "weights", "savedmodel", "onnx"]
BatchNorm = Literal["train", "target"]

VIEWS = ("identity", "horizontal_flip", "vertical_flip", "rotate_90", "rotate_180", "rotate_270")
_BLEND = ("vote", "weights", "coefficients", "intercept", "temperatures", "prior")
_VOTE_WORDS = {
    "majority": "majority vote (ties by mean probability)",
    "mean": "mean probability",
    "geometric": "geometric mean of probabilities",
    "rank": "mean rank among all pictures of a call",
    "weighted": "weighted mean probability",
    "stack": "a stacked logistic regression",
}
_LOG_LEVEL = 'os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")'
_IMPORTS: dict[Form, str] = {
    "keras": f"\nimport numpy as np\n\n{_LOG_LEVEL}\nimport keras  # noqa: E402  (after the log level)",
    "weights": f"\nimport numpy as np\n\n{_LOG_LEVEL}\nimport keras  # noqa: E402  (after the log level)",
    "savedmodel": f"import tempfile\nimport zipfile\n\nimport numpy as np\n\n{_LOG_LEVEL}\n"
    "import tensorflow as tf  # noqa: E402  (after the log level)",
    "onnx": "\nimport numpy as np\nimport onnxruntime",
}
_SOURCE = "SOURCE_IMAGES = {}  # pictures that the statistics of training count as"
_RENEW = "RENEW_IMAGES = 2048  # pictures from which batch normalisation is renewed"


def describe_ensemble(
    files: Sequence[str], owner: Sequence[int], blend: Mapping[str, Any], views: Sequence[str]
) -> dict[str, Any]:
    """What `ensemble.json` says.

    Args:
        files: Names of the networks.
        owner: `(len(files),)` member that each belongs to, 0 to m - 1.
        blend: How they agree, as `toolkit.ensembling.blending.Blend.to_dict` gives it; entries may be left out.
        views: Names in `VIEWS`.

    Returns:
        `members` (files by member), `views` and `blend`.

    Raises:
        SubmissionError: A vote or view is unknown, or the blend was learned for other members.
    """
    members: list[list[str]] = [[] for _ in range(max(owner, default=-1) + 1)]
    for name, member in zip(files, owner, strict=True):
        members[member].append(name)
    rule: dict[str, Any] = {name: blend.get(name) for name in _BLEND}
    unknown = [name for name in views if name not in VIEWS] + [name for name in blend if name not in _BLEND]
    if rule["vote"] not in _VOTE_WORDS or unknown or not views:
        raise SubmissionError(
            f"The package cannot vote by {rule['vote']!r} over the views {list(views)} ({unknown or 'nothing'} "
            f"unknown). Known votes: {', '.join(_VOTE_WORDS)}; views: {', '.join(VIEWS)}."
        )
    for name in ("weights", "temperatures"):
        if rule[name] is not None and len(rule[name]) != len(members):
            raise SubmissionError(
                f"The blend has {name} for {len(rule[name])} members, but {len(members)} are packed. Pack all members "
                "(package.members: all), or choose another ensemble.vote."
            )
    if rule["vote"] == "stack" and len(rule["coefficients"]) != len(members) * len(rule["intercept"]):
        raise SubmissionError(
            f"The stack was learned for {len(rule['coefficients']) // len(rule['intercept'])} members, but "
            f"{len(members)} are packed. Pack all members (package.members: all), or choose another ensemble.vote."
        )
    return {"members": members, "views": list(views), "blend": rule}


def write_code(
    described: Mapping[str, Any],
    form: Form,
    batch_norm: BatchNorm,
    *,
    title: str,
    class_names: Sequence[str],
    label_values: Sequence[int],
    image_size: int,
    resize_mode: str,
    output: str,
    input_range: str,
    batch_norm_source: int = 0,
) -> str:
    """The text of `model.py`.

    Args:
        described: What `describe_ensemble` returned.
        form: What the files of the networks are.
        batch_norm: `target`: statistics of batch normalisation are taken from the pictures of a call.
        title: Its first line, without quotes.
        class_names: `(k,)` names by index.
        label_values: `(k,)` what `predict` returns for each class.
        image_size: Width and height in pixels that the networks see.
        resize_mode: `squash`, `pad` or `crop`.
        output: `labels`, `one_hot` or `probabilities`.
        input_range: `auto`, `0-255` or `0-1`.
        batch_norm_source: `target`: training's statistics count as so many pictures.

    Raises:
        SubmissionError: Networks of this form cannot renew their batch normalisation.
    """
    renew = batch_norm == "target"
    if renew and form not in {"keras", "weights"}:
        raise SubmissionError(
            f"Batch normalisation is to be renewed (package.batch_norm, or with auto ensemble.batch_norm, is target), "
            f"which needs networks that Keras runs, but package.runtime makes them {form}. Set package.batch_norm: "
            "train, or package.runtime to versions of TensorFlow and Keras."
        )
    watching = ("batch_norm_watch",) if renew else ()
    networks = sum(len(names) for names in described["members"])
    views = len(described["views"])
    words = _VOTE_WORDS[described["blend"]["vote"]] + (f" over {views} views of each picture" if views > 1 else "")
    return render(
        "model.py.tmpl",
        title=title,
        member_count="one network" if networks == 1 else f"{networks} networks",
        vote_words=words,
        imports=_IMPORTS[form],
        class_names=repr(tuple(class_names)),
        label_values=repr(tuple(label_values)),
        image_size=repr(int(image_size)),
        resize_mode=repr(resize_mode),
        output=repr(output),
        input_range=repr(input_range),
        renew=f"{_RENEW}\n{_SOURCE.format(batch_norm_source)}\n" if renew else "",
        prepare="        self.renew_statistics(X, unit_range)\n" if renew else "",
        methods=render("batch_norm.py.tmpl").rstrip() + "\n" if renew else "",
        loader="\n\n\n".join(render(f"{name}.py.tmpl").rstrip() for name in (f"load_{form}", *watching)),
    )
