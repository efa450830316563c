"""The model of the template is that of tests/template."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/template"), str(ROOT / "scripts")]
