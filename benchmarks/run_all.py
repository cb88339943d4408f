"""Run every benchmark and write `benchmarks/RESULTS.md`: machine, versions, date, figures.

make bench
"""

import datetime
import json
import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path

FOLDER = Path(__file__).parent


def main() -> None:
    rows = []
    for script in sorted(FOLDER.glob("*.py")):
        if script.name == Path(__file__).name or script.stem.endswith("_common"):
            continue
        print(script.name, flush=True)
        done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
        if done.returncode:
            rows.append(f"| {script.stem} | did not run: {done.stderr.strip().splitlines()[-1]} | | | | |")
            continue
        result = json.loads(done.stdout.strip().splitlines()[-1])
        holds = "yes" if result["holds"] else "**no**"
        rows.append(
            "| " + " | ".join(str(result[key]) for key in ("claim", "ours", "peer", "ratio", "must")) + f" | {holds} |"
        )
        print(json.dumps(result), flush=True)
    versions = ", ".join(
        f"{name} {metadata.version(name)}" for name in ("tensorflow", "keras", "opencv-python-headless")
    )
    lines = [
        "# Results of the benchmarks",
        "",
        f"{datetime.date.today()}, {os.cpu_count()} cores, {platform.platform()}, Python {platform.python_version()}, "
        f"{versions}.",
        "Written by `make bench`; each figure is ours and the peer's in the same run.",
        "",
        "| claim | ours | peer | ratio | must | holds |",
        "|---|---|---|---|---|---|",
        *rows,
    ]
    (FOLDER / "RESULTS.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
