"""Processor time of `toolkit --help`: at most 0.3 s, against `keras` alone being imported.

python benchmarks/help_cpu.py
"""

import json
import resource
import statistics
import subprocess
import sys

MUST_SECONDS = 0.3


def cpu_seconds(arguments: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(arguments, capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    ours = statistics.median(cpu_seconds([sys.executable, "-m", "toolkit.cli", "--help"]) for _ in range(7))
    peer = cpu_seconds([sys.executable, "-c", "import keras"])
    print(
        json.dumps(
            {
                "claim": "toolkit --help takes at most 0.3 s of processor time (peer: import keras)",
                "ours": round(ours, 3),
                "peer": round(peer, 3),
                "ratio": round(peer / ours, 1),
                "must": MUST_SECONDS,
                "holds": ours <= MUST_SECONDS,
            }
        )
    )


if __name__ == "__main__":
    main()
