"""What the papers' searches share: the space of a contest and how sets are drawn from it."""

from __future__ import annotations

from functools import partial

from toolkit.steps.project import Project
from toolkit.steps.search_space import conditions, dimension_range
from toolkit.tuning.proposals import Draw
from toolkit.tuning.space import Searched, searched, suggest


def space_of(project: Project) -> dict[str, Searched]:
    """The dimensions of `tune.space`, without those of one value."""
    return searched({name: dimension_range(dimension) for name, dimension in project.config.tune.space.items()})


def draw_of(project: Project) -> Draw:
    """Draws a set of values of `tune.space` from a trial."""
    return partial(suggest, space=space_of(project), conditions=tuple(conditions(project.config)))
