"""The Markdown document of a paper: what ran, the tables, the times, and a part that a person writes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from toolkit.steps.papers.tables import Part, Published, table

BEGIN = "<!-- written by hand: the command keeps what stands here -->"
END = "<!-- end of the hand-written part -->"
_UNWRITTEN = "*What agrees, what does not and why has not been written yet.*"
_HAND = re.compile(re.escape(BEGIN) + r"\n(.*?)\n" + re.escape(END), re.DOTALL)


def hand_written(text: str) -> str:
    """The hand-written part of an earlier document; a placeholder where there is none."""
    found = _HAND.search(text)
    return found.group(1).strip() if found else _UNWRITTEN


def render(
    report: Published, command: str, parts: Sequence[Part], seconds: Mapping[str, float], machine: str, before: str = ""
) -> str:
    """The whole document.

    Args:
        report: What was published.
        command: That writes this document.
        parts: Tables, ours beside the published.
        seconds: Wall time by stage.
        machine: What it ran on.
        before: The document as it was; its hand-written part is kept.
    """
    times = table("", ["stage", "seconds"], [[name, f"{taken:.0f}"] for name, taken in seconds.items()])
    total = sum(seconds.values()) / 60
    blocks = [
        f"# {report.report}",
        f"{report.citation}\n\nPublished on: {report.data}",
        f"```\n{command}\n```\n\nThis page is written by that command, but for the next paragraphs.",
        "## What agrees, what does not, and why",
        f"{BEGIN}\n{hand_written(before)}\n{END}",
        f"## About the report's figures\n\n{report.remarks}",
        *(part.markdown() for part in parts),
        f"## Time\n\n{total:.1f} minutes in all on {machine}.\n\n{times.markdown()}",
    ]
    return "\n\n".join(blocks) + "\n"
