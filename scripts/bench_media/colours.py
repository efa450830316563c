#!/usr/bin/env python3
"""Measures how far pictures with ICC profiles are from what sharp makes of them.

The crate's example writes a chart of 24 colours with each of four profiles, in each format that carries one. The crate
and sharp convert every chart to sRGB. Printed is one Markdown table with the mean difference of all channels of all
pixels, of 255, and what it would be without a conversion. Needs cargo, npm and node. Exits with 1 if a mean is above 3.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from run import HERE, build, install_sharp, run

REACH = 3.0


def differences(chart: Path, ours: Path) -> tuple[float, float]:
    """Ours and an unconverted decode, each against sharp's conversion."""
    output = subprocess.run(
        ["node", HERE / "difference.mjs", chart, ours], check=True, capture_output=True, text=True
    ).stdout
    converted, ignored = map(float, output.split())
    return converted, ignored


def main() -> int:
    example = build()
    install_sharp()
    missed = False
    print("\n| profile, format | mean difference to sharp | without conversion |\n|-|-|-|")
    with tempfile.TemporaryDirectory() as scratch:
        run([example, "--charts", scratch])
        for chart in sorted(Path(scratch).iterdir()):
            made = Path(scratch) / f"of-{chart.name}"
            made.mkdir()
            run([example, chart, made])
            converted, ignored = differences(chart, made / "full.jpeg")
            missed = missed or converted > REACH
            print(f"| {chart.stem}, {chart.suffix[1:]} | {converted:.2f} | {ignored:.2f} |")
    print(f"\n- at most {REACH:g} of 255 wanted: {'MISSED' if missed else 'met'}")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
