"""One line per step with its time, failures as one line with the remedy, and child processes that end with us."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, NoReturn

ROOT = Path(__file__).resolve().parents[2]


class Failure(Exception):
    """Something a person has to mend: what is wrong, and what to do about it."""

    def __init__(self, problem: str, remedy: str, output: str = "") -> None:
        super().__init__(problem)
        self.problem, self.remedy, self.output = problem, remedy, output

    def __str__(self) -> str:
        return f"{self.problem} — {self.remedy}"


def say(text: str = "") -> None:
    print(text, flush=True)


@contextmanager
def step(title: str) -> Iterator[None]:
    """Prints the title at once and the time that it took when it is done."""
    live = sys.stdout.isatty()
    started = time.monotonic()
    print(f"· {title} …", end="" if live else "\n", flush=True)
    try:
        yield
    except BaseException:
        print(f"{chr(13) if live else ''}✗ {title}  {time.monotonic() - started:.1f} s", flush=True)
        raise
    print(f"{chr(13) if live else ''}✓ {title}  {time.monotonic() - started:.1f} s", flush=True)


def start(command: Sequence[str | Path], env: dict[str, str] | None = None, **options) -> subprocess.Popen:
    """A child in a process group of its own, so that stop() ends it and everything that it started."""
    return subprocess.Popen(
        [str(part) for part in command],
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        **options,
    )


def stop(process: subprocess.Popen, patience: float = 5) -> None:
    """Ends the child's whole group, first politely."""
    for signal_number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, signal_number)
        except ProcessLookupError:
            break
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            continue
        # The leader is gone; what it left behind gets the second signal.
    process.wait(patience)


def run(
    command: Sequence[str | Path], problem: str, remedy: str, env: dict[str, str] | None = None, show: bool = False
) -> str:
    """Runs a command to its end. Its output is shown when it fails, or as it comes with show=True."""
    try:
        child = start(command, env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    except FileNotFoundError as error:
        raise Failure(f"{command[0]} is missing", remedy) from error
    lines: list[str] = []
    try:
        assert child.stdout is not None
        for line in child.stdout:
            lines.append(line)
            if show:
                print(line, end="", flush=True)
        code = child.wait()
    except BaseException:
        stop(child)
        raise
    output = "".join(lines)
    if code != 0:
        raise Failure(problem, remedy, "" if show else output)
    return output


def run_together(commands: Sequence[Sequence[str | Path]], problem: str, remedy: str, show: bool = False) -> None:
    """Runs commands at once, to the end of all. The output of those that fail is shown, or of all with show=True."""
    with ExitStack() as files:
        children: list[tuple[subprocess.Popen, IO[str]]] = []
        try:
            for command in commands:
                output = files.enter_context(TemporaryFile("w+"))
                children.append((start(command, stdout=output, stderr=subprocess.STDOUT), output))
            failed = [output for child, output in children if child.wait() != 0]
        except BaseException:
            for child, _ in children:
                stop(child)
            raise
        for _, output in children:
            output.seek(0)
            if show:
                say(output.read())
        if failed:
            raise Failure(problem, remedy, "" if show else "\n".join(output.read() for output in failed))


def interrupt(*_: object) -> NoReturn:
    # Once is enough: a second Ctrl-C must not cut the clearing up short.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def main(body: Callable[[], int | None]) -> None:
    """Runs a script's body. Ctrl-C and SIGTERM unwind it, so that every finally block ends what it started."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)
    try:
        sys.exit(body() or 0)
    except KeyboardInterrupt:
        say("\nStopped.")
        sys.exit(130)
    except Failure as failure:
        if failure.output:
            say(failure.output[-6000:].rstrip())
        print(f"error: {failure}", file=sys.stderr, flush=True)
        sys.exit(1)
