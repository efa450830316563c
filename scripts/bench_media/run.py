#!/usr/bin/env python3
"""Measures the imaging crate against sharp.

Both make three JPEG variants of the same 12-megapixel photo, as whole
processes, one after the other in turns. Printed is one Markdown table with the
medians, then whether each reach is met:

* CPU time (user and system) at most half of sharp's,
* peak memory (largest resident set) at most sharp's.

sharp is run in the two ways its users write this, and each reach is held
against the better of them; `cascade`, a decode shared by hand, is shown beside
them for information. "CPU per picture" is taken from the middle of a run: that
of a process which does the work many times, less that of one which does it a
few times, so that neither start-up nor warm-up counts.

Needs cargo, npm and node. Exits with 1 if a reach is missed.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent

CPU_REACH = 0.5
MEMORY_REACH = 1.0

# The ways of sharp the reaches are held against, and those only shown.
JUDGED = ("three", "clone")
SHOWN = ("cascade",)

WARM_UP = 3
PICTURES = 20


def run(command, **options):
    subprocess.run(command, check=True, **options)


def build() -> Path:
    command = ["cargo", "build", "--profile", "release", "-p", "imaging", "--example", "variants"]
    run(command, cwd=ROOT)
    metadata = ["cargo", "metadata", "--format-version", "1", "--no-deps"]
    output = subprocess.run(metadata, cwd=ROOT, check=True, capture_output=True).stdout
    return Path(json.loads(output)["target_directory"]) / "release" / "examples" / "variants"


def install_sharp() -> None:
    lock = HERE / "package-lock.json"
    installed = HERE / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        run(["npm", "ci", "--no-audit", "--no-fund"], cwd=HERE, stdout=sys.stderr)


def measure(command) -> tuple[float, float]:
    """CPU seconds and peak megabytes of one process."""
    # Waiting with wait4 gives the usage of this child alone.
    process = subprocess.Popen([str(part) for part in command])
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise subprocess.CalledProcessError(process.returncode, process.args)
    # Linux counts in kibibytes, macOS in bytes.
    unit = 1 if platform.system() == "Darwin" else 1024
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit / 1e6


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7, help="runs of each kind (default 7)")
    rounds = parser.parse_args().rounds

    example = build()
    install_sharp()
    node = shutil.which("node")
    if node is None:
        sys.exit("node is not installed")

    with tempfile.TemporaryDirectory() as scratch:
        photo = Path(scratch) / "photo.jpg"
        run([example, "--photo", photo])
        contenders = {"imaging": [example, photo, scratch]}
        for mode in JUDGED + SHOWN:
            contenders[mode] = [node, HERE / "sharp.mjs", mode, photo, scratch]

        cpu = {name: [] for name in contenders}
        memory = {name: [] for name in contenders}
        loop = {name: [] for name in contenders}
        for _ in range(rounds):
            for name, command in contenders.items():
                seconds, megabytes = measure(command)
                cpu[name].append(seconds)
                memory[name].append(megabytes)
        # Each is many pictures already, so fewer rounds do.
        for _ in range(max(1, rounds // 2)):
            for name, command in contenders.items():
                few, _ = measure([*command, WARM_UP])
                many, _ = measure([*command, WARM_UP + PICTURES])
                loop[name].append((many - few) / PICTURES)
        size = photo.stat().st_size / 1e6

    cpu, memory, loop = (
        {name: statistics.median(values) for name, values in table.items()}
        for table in (cpu, memory, loop)
    )

    def row(name, label):
        def ratio(table):
            return "" if name == "imaging" else f" ({table['imaging'] / table[name]:.2f})"

        return (
            f"| {label} | {cpu[name]:.3f}{ratio(cpu)} | {loop[name]:.3f}{ratio(loop)} "
            f"| {memory[name]:.0f}{ratio(memory)} |"
        )

    print(f"\nPhoto: 4000x3000, {size:.1f} MB. Medians of {rounds} runs; in brackets ours/sharp.\n")
    print("| | CPU s, one picture, whole process | CPU s per picture in a loop | peak RSS MB |")
    print("|---|---|---|---|")
    print(row("imaging", "imaging"))
    for mode in JUDGED:
        print(row(mode, f"sharp, {mode}"))
    for mode in SHOWN:
        print(row(mode, f"sharp, {mode} (not judged)"))
    print()

    missed = False
    for label, table, reach in (
        ("CPU, whole process", cpu, CPU_REACH),
        ("CPU per picture in a loop", loop, CPU_REACH),
        ("peak memory", memory, MEMORY_REACH),
    ):
        ratio = table["imaging"] / min(table[mode] for mode in JUDGED)
        met = ratio <= reach
        missed = missed or not met
        verdict = "met" if met else "MISSED"
        print(f"- {label}: {ratio:.2f} of sharp's best, at most {reach:.2f} wanted: {verdict}")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
