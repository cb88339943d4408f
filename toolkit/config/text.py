"""The commented YAML file that `toolkit init` writes: every key, its default and what it means."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from toolkit.config.schema import Config, Dimension

_COLUMN = 46
_PLAIN = re.compile(r"^[A-Za-z][A-Za-z0-9_./-]*$")


def commented_yaml(values: Mapping[str, Any], header: str) -> str:
    """Write a whole config as YAML in which each key is explained.

    Args:
        values: Settings that differ from the defaults, nested like the file; `data.source` must be among them.
        header: Comment lines for the top, without `#`.
    """
    lines = [f"# {line}".rstrip() for line in header.splitlines()] + [""]
    for name, field in Config.model_fields.items():
        lines += _field(name, field, values.get(name), 0)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _field(name: str, field: FieldInfo, given: Any, depth: int) -> list[str]:
    indent = "  " * depth
    annotation = field.annotation
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        lines = [f"{indent}{name}:  # {field.description}"]
        for key, inner in annotation.model_fields.items():
            lines += _field(key, inner, (given or {}).get(key), depth + 1)
        return lines
    value = given if given is not None else field.get_default(call_default_factory=True)
    if isinstance(value, dict) and value:
        lines = [f"{indent}{name}:  # {field.description}"]
        for key, inner in value.items():
            lines.append(f"{indent}  {key}: {_inline(inner)}")
        return lines
    text = f"{indent}{name}: {'{}' if value == {} else _scalar(value)}"
    return [f"{text:<{_COLUMN}}  # {field.description}"]


def _inline(value: Any) -> str:
    if isinstance(value, Dimension):
        value = value.model_dump(by_alias=True, exclude_defaults=True)
    if not isinstance(value, Mapping):
        return _scalar(value)
    return "{" + ", ".join(f"{key}: {_scalar(inner)}" for key, inner in value.items()) + "}"


def _scalar(value: Any) -> str:
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_scalar(item) for item in value) + "]"
    if isinstance(value, Path):
        return _scalar(str(value))
    if isinstance(value, float):
        # YAML 1.1 reads 1e-05 as a text; a mantissa with a point is a number everywhere.
        text = repr(value)
        return text.replace("e", ".0e") if "e" in text and "." not in text else text
    if isinstance(value, str):
        # JSON strings are valid YAML and survive colons, hashes, quotes and names like `no` or `01`.
        if _PLAIN.match(value) and value.lower() not in _YAML_WORDS:
            return value
        return "".join(
            char if char.isprintable() else f"\\U{ord(char):08x}" for char in json.dumps(value, ensure_ascii=False)
        )
    return json.dumps(value)


_YAML_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null", "none"}
