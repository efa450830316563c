"""Takes the processor time of a request through the stack, over the bare handler; see shared/api/examples/middleware.rs."""

import argparse

from lib.console import run as run_command

from . import progress, verdict

# What verifying a token, adding headers and logging a line may cost over the handler, in microseconds.
REACH = 150


def arguments(parser: argparse.ArgumentParser) -> None:
    pass


def run(_: argparse.Namespace) -> str:
    with progress("Sending requests through the stack, in the release profile"):
        command = ["cargo", "run", "--quiet", "--release", "--locked", "-p", "api", "--example", "middleware"]
        said = run_command(command, "The benchmark of the stack did not run", "mend what the compiler says above")
    bare, open_, guarded = (float(each) for each in said.split()[-3:])
    return "\n".join(
        [
            "Processor time per request in µs, medians of 41 rounds of 1000 requests, taken in turns in one process.",
            "",
            "| | µs | over the bare handler |",
            "|---|--:|--:|",
            f"| the handler alone | {bare:.1f} | |",
            f"| with the stack: CORS, request id, headers, the log's line | {open_:.1f} | {open_ - bare:.1f} |",
            f"| and a token that is verified and looked up among the revoked | {guarded:.1f} | {guarded - bare:.1f} |",
            "",
            f"- the stack with a token: {guarded - bare:.0f} µs over the bare handler, at most {REACH} wanted: "
            f"{verdict(guarded - bare <= REACH)}",
        ]
    )
