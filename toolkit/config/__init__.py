"""The one config object: a YAML file, checked; defaults < file < `--set`."""

from toolkit.config.loading import apply, load_config, member, parse_assignment, restore
from toolkit.config.schema import Config, Dimension

__all__ = ["Config", "Dimension", "apply", "load_config", "member", "parse_assignment", "restore"]
