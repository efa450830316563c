"""The benchmarks behind scripts/bench. Progress goes to standard error, so that standard output is the document."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout

from lib.console import step


@contextmanager
def progress(title: str) -> Iterator[None]:
    with redirect_stdout(sys.stderr), step(title):
        yield


def verdict(met: bool) -> str:
    return "met" if met else "**missed**"
