"""Sends bookings through the service on an embedded DynamoDB, counts what it is asked, and drains a backlog; see tests/baseline/bookings."""

import argparse
import json
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import quantiles
from typing import Any

from lib.console import Failure, run as run_command

from . import progress, verdict
from .functions import target_directory
from .search import build

PACKAGE = "baseline-bookings"
# A run of the schedule may take so long (functions/bookings/template.yaml).
SECONDS_PER_RUN = 300
FAILING = "The bookings were not made", "its words are above"

OPERATIONS = {
    "quote": "quote",
    "create": "create, with an `Idempotency-Key`",
    "accept": "accept, on one day",
    "accept_overnight": "accept, over midnight",
    "accept_change": "accept of a change, to another day",
    "cancel": "cancel, by the parent",
    "check_in": "check-in",
    "check_out": "check-out",
    "list": "list of 20",
    "get": "get, as the sitter",
    "idle": "a run of the schedule, nothing due",
    "hold": "a run of the schedule, one hold due",
}
# What each is compared with: one call by the SDK alone, for an item that it reads, and for all that it writes.
BARE = {"quote": ("bare_get_item", "reading one of its items"), "accept": ("bare_transaction", "writing its items")}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=200, help="of each operation (default 200)")
    parser.add_argument("--backlog", type=int, default=100_000, metavar="N", help="how many steps are due (default 100000)")


def run(options: argparse.Namespace) -> str:
    program = target_directory() / "release" / PACKAGE
    with progress("Building the benchmark in the release profile"):
        build(target_directory(), PACKAGE)
    with progress(f"Taking the time of each operation {options.rounds} times, and of many at once"):
        found = json.loads(run_command([program, "measure", str(options.rounds)], *FAILING))
    return "\n".join([*operations(found, options), "", *many(found), "", *backlog(drained(program, options.backlog))])


def drained(program: Path, size: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        command = [program, "store", str(size), folder]
        # It ends when its input does, so that it does not outlive this process.
        store = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            with progress(f"Filling a store with {size:,} bookings"):
                endpoint = store.stdout.readline().strip() if store.stdout else ""
            if not endpoint:
                raise Failure("The store was not filled", "its words are above")
            with progress("Taking the step that is due for each"):
                return json.loads(run_command([program, "drain", endpoint, str(SECONDS_PER_RUN)], *FAILING))
        finally:
            if store.stdin:
                store.stdin.close()
            store.wait(60)


def p50(times: list[int]) -> float:
    return quantiles(times, n=20)[9] / 1e3


def p95(times: list[int]) -> float:
    return quantiles(times, n=20)[-1] / 1e3


def name(row: dict[str, Any]) -> str | int:
    """Its own, or, of an accept on a busy day, how many claims there are."""
    operation = row["operation"]
    return operation if isinstance(operation, str) else operation["accept_among"]


def operations(found: dict[str, Any], options: argparse.Namespace) -> Iterator[str]:
    rows = {name(row): row for row in found["rows"]}
    yield (
        f"Each operation {options.rounds} times, in turns, with people who are new each time; the store, in the same process, "
        "over HTTP. Times in ms. Calls, request units and sizes are of one that is answered by a warm function; the units are "
        "those that the store tells, which reckons as DynamoDB documents: a transaction costs twice, what changes in an index "
        "besides."
    )
    yield ""
    yield "| operation | p50 | p95 | calls | read units | write units | transaction |"
    yield "|---|--:|--:|---|--:|--:|---|"
    for key, label in OPERATIONS.items():
        row = rows[key]
        yield f"| {label} | {p50(row['micros']):.1f} | {p95(row['micros']):.1f} | {costs(row['cost'])} |"
    yield ""
    yield "| | p50 | ÷ | p95 | ÷ |"
    yield "|---|--:|--:|--:|--:|"
    for key, (bare, label) in BARE.items():
        (ours50, theirs50), (ours95, theirs95) = ([each(rows[one]["micros"]) for one in (key, bare)] for each in (p50, p95))
        yield f"| {label}, by the SDK alone | {theirs50:.2f} | 1 | {theirs95:.2f} | 1 |"
        yield f"| {OPERATIONS[key]} | {ours50:.2f} | {ours50 / theirs50:.1f} | {ours95:.2f} | {ours95 / theirs95:.1f} |"
    yield ""
    yield "| accept, on a day with so many claims | p50 | p95 | read units | write units | transaction |"
    yield "|--:|--:|--:|--:|--:|---|"
    for claims in (0, *(key for key in rows if isinstance(key, int))):
        row = rows[claims or "accept"]
        cost = row["cost"]
        yield (
            f"| {claims} | {p50(row['micros']):.1f} | {p95(row['micros']):.1f} "
            f"| {cost['read_units']:g} | {cost['write_units']:g} | {size(cost)} |"
        )


def costs(cost: dict[str, Any]) -> str:
    # Of the key service, the name says whose it is.
    calls = ", ".join(f"{call.replace('TrentService.', 'KMS ')} {count}" for call, count in cost["calls"].items())
    return f"{calls} | {cost['read_units']:g} | {cost['write_units']:g} | {size(cost)}"


def size(cost: dict[str, Any]) -> str:
    transaction = cost["transaction"]
    return f"{transaction['items']} items, {transaction['bytes']:,} bytes" if transaction else "–"


def many(found: dict[str, Any]) -> Iterator[str]:
    yield "Bookings of one sitter within two days, none of which overlaps another, all accepted at once:"
    yield ""
    yield "| at once | rounds | accepted | p50 | p95 | longest | transactions per accept |"
    yield "|--:|--:|--:|--:|--:|--:|--:|"
    for row in found["contention"]:
        asked, accepted = row["at_once"] * row["rounds"], row["answers"].get("200", 0)
        yield (
            f"| {row['at_once']:,} | {row['rounds']} | {accepted:,} of {asked:,} | {p50(row['micros']):.1f} "
            f"| {p95(row['micros']):.1f} | {max(row['micros']) / 1e3:.1f} | {row['transactions'] / asked:.2f} |"
        )
    yield ""
    for row in found["contention"]:
        asked, accepted = row["at_once"] * row["rounds"], row["answers"].get("200", 0)
        others = ", ".join(f"{count:,} × {answer}" for answer, count in row["answers"].items() if answer != "200")
        yield (
            f"- {row['at_once']:,} at once: {accepted:,} of {asked:,} accepted{f' ({others})' if others else ''}, all wanted: "
            f"{verdict(accepted == asked)}; {row['claims']:,} claims on the days, as many wanted: "
            f"{verdict(row['claims'] == accepted)}"
        )


def backlog(found: dict[str, Any]) -> Iterator[str]:
    runs, (before, peak) = found["runs"], found["memory"]
    done, seconds = sum(run["done"] for run in runs), sum(run["micros"] for run in runs) / 1e6
    calls = ", ".join(f"{call} {count:,}" for call, count in found["calls"].items())
    yield f"A backlog of {found['bookings']:,} bookings, drained by `bookings-due` in runs of at most {SECONDS_PER_RUN} s:"
    yield ""
    yield "| run | seconds | done | skipped | failed | complete |"
    yield "|--:|--:|--:|--:|--:|---|"
    for number, run in enumerate(runs, 1):
        yield (
            f"| {number} | {run['micros'] / 1e6:.0f} | {run['done']:,} | {run['skipped']:,} | {run['failed']:,} "
            f"| {'yes' if run['complete'] else 'no'} |"
        )
    yield ""
    yield f"- {done / seconds:.0f} a second; {calls}; memory of the process {before / 1e6:.1f} MB before, {peak / 1e6:.1f} MB at most"
    once = done == found["announced"] == found["bookings"]
    yield f"- {done:,} done, {found['announced']:,} events of {found['bookings']:,} bookings, each once wanted: {verdict(once)}"
