"""Renders a photo's variants in turns with the npm package sharp; see scripts/bench_media/run.py."""

import argparse
import subprocess
import sys

from lib.console import ROOT, Failure

from . import progress


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=7, help="runs of each kind (default 7)")


def run(options: argparse.Namespace) -> str:
    command = [sys.executable, ROOT / "scripts/bench_media/run.py", "--rounds", str(options.rounds)]
    with progress("Rendering a photo, ours and sharp in turns"):
        done = subprocess.run(command, check=False, capture_output=True, text=True)
    # It ends with 1 for a missed reach as for a fault; only in the first case the last verdict is there.
    if "\n- peak memory:" not in done.stdout:
        remedy = "its words are above; it needs node and npm"
        raise Failure("The benchmark of images did not run", remedy, done.stdout + done.stderr)
    return done.stdout[done.stdout.index("Photo:") :].strip()
