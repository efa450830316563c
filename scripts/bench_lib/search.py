"""Fills the search index and PostgreSQL with the same synthetic sitters and asks both the same; see tests/baseline/search."""

import argparse
import contextlib
import json
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from lib.console import Failure, run as run_command, start, stop

from . import progress, verdict
from .functions import BASELINE, MENDING, flags, release_settings, target_directory

SIZES = [1_000, 10_000, 100_000, 1_000_000]
# By how much the p95 may grow between these two sizes, among the same neighbours. Both are kept and asked in turns, so
# often, and the median counts: what else the machine does, and when, is then the same to both.
GROWTH_FROM, GROWTH_TO, GROWTH_REACH = 10_000, 1_000_000, 1.5
ROUNDS = 6
# Of a query in the densest city, in milliseconds.
CAPITAL_REACH = 50
# Read request units of a page in a town of average size.
COLD_UNITS_REACH, WARM_UNITS_REACH = 30, 2

PACKAGES = ["postgresql", "postgresql-postgis"]
# What a server of its own would have; and since nothing has to outlive the benchmark, nothing waits for the disk.
SETTINGS = {
    "listen_addresses": "",
    "shared_buffers": "1GB",
    "effective_cache_size": "4GB",
    "work_mem": "64MB",
    "maintenance_work_mem": "1GB",
    "random_page_cost": "1.1",
    "jit": "off",
    "autovacuum": "off",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "8GB",
}
# The store stands for DynamoDB, whose speed is not ours.
QUICK_STORE = [f'profile.release.package.{name}.opt-level=3' for name in ("dynoxide-rs", "libsqlite3-sys")]  # fmt: skip


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="N", help="how many sitters (default all)")


def run(options: argparse.Namespace) -> str:
    program = target_directory() / "release" / "search"
    with progress("Building the benchmark in the release profile"):
        build(target_directory(), "search")
    binaries = installed()
    sizes = sorted(set(options.sizes))
    kept = {GROWTH_FROM, GROWTH_TO} if {GROWTH_FROM, GROWTH_TO} <= set(sizes) else set()
    with (
        tempfile.TemporaryDirectory() as folder,
        postgres(binaries, Path(folder)) as socket,
        contextlib.ExitStack() as last,
    ):
        rows, pair = [], {}
        for size in sizes:
            with contextlib.ExitStack() as row:
                contenders = row.enter_context(filled(program, binaries, socket, size))
                rows.append(measure(program, contenders))
                if size in kept:
                    pair[size] = contenders
                    last.enter_context(row.pop_all())
        rounds = in_turns(program, pair) if pair else []
    return report(rows, rounds)


def build(target: Path, package: str) -> None:
    settings = flags("--config", [*release_settings(), *QUICK_STORE])
    manifest = ["--manifest-path", BASELINE / "Cargo.toml", "--target-dir", target, "--locked"]
    run_command(["cargo", "build", *manifest, "--release", "-p", package, *settings], "The benchmark does not build", MENDING)


def installed() -> Path:
    """The folder of PostgreSQL's programs, of a version that has PostGIS."""
    if found := newest():
        return found
    remedy = f"on Debian: apt install {' '.join(PACKAGES)}"
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise Failure("PostgreSQL with PostGIS is missing", remedy)
    with progress("Installing PostgreSQL and PostGIS"):
        quiet = {"DEBIAN_FRONTEND": "noninteractive"}
        run_command(["apt-get", "update"], "The lists of packages cannot be fetched", remedy, quiet)
        run_command(["apt-get", "install", "-y", "--no-install-recommends", *PACKAGES], "They do not install", remedy, quiet)
    if found := newest():
        return found
    raise Failure("PostgreSQL with PostGIS is missing still", remedy)


def newest() -> Path | None:
    controls = Path("/usr/share/postgresql").glob("*/extension/postgis.control")
    versions = sorted((path.parts[4] for path in controls), key=float)
    return Path("/usr/lib/postgresql") / versions[-1] / "bin" if versions else None


@contextlib.contextmanager
def postgres(binaries: Path, folder: Path) -> Iterator[Path]:
    """One that listens in that folder and nowhere else, and ends with the context."""
    # It does not start as root.
    owner = pwd.getpwnam("postgres") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    os.chown(folder, owner.pw_uid, owner.pw_gid)
    unprivileged = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, **unprivileged}
    data = folder / "data"
    making = start(
        [binaries / "initdb", "--pgdata", data, "--username", "bench", "--auth", "trust", "--encoding", "UTF8",
         "--locale", "C.UTF-8", "--no-sync"], **quiet,
    )  # fmt: skip
    said, _ = making.communicate()
    if making.returncode != 0:
        raise Failure("PostgreSQL does not make a cluster", "its words are above", said)
    settings = {**SETTINGS, "unix_socket_directories": folder}
    with open(folder / "log", "w") as log:
        command = [binaries / "postgres", "-D", data, *flags("-c", (f"{key}={value}" for key, value in settings.items()))]
        server = start(command, stdout=log, stderr=log, **unprivileged)
        try:
            ready = [str(binaries / "pg_isready"), "--quiet", "--host", str(folder)]
            deadline = time.monotonic() + 30
            while subprocess.run(ready, check=False).returncode != 0:
                if server.poll() is not None or time.monotonic() > deadline:
                    raise Failure("PostgreSQL does not start", "its words are above", (folder / "log").read_text())
                time.sleep(0.1)
            yield folder
        finally:
            # At the first signal it waits for its clients, and there are none.
            stop(server, patience=60)


@dataclass
class Contenders:
    """A store and a database that hold the same sitters."""

    sitters: int
    endpoint: str
    url: str
    # In seconds, of both together.
    filling: float
    # Of the database, in bytes.
    disk: int


@contextlib.contextmanager
def filled(program: Path, binaries: Path, socket: Path, size: int) -> Iterator[Contenders]:
    """Both, with so many sitters, which end with the context."""
    name = f"sitters_{size}"
    place = ["--host", socket, "--username", "bench"]
    url = f"postgresql://bench@/{name}?host={socket}"
    with tempfile.TemporaryDirectory() as folder:
        run_command([binaries / "createdb", *place, name], "PostgreSQL makes no database", "its words are above")
        began = time.monotonic()
        command = [program, "store", str(size), folder]
        # It ends when its input does, so that it does not outlive this process.
        store = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            with progress(f"Filling both with {size:,} sitters"):
                run_command([program, "load", str(size), url], "PostgreSQL was not filled", "its words are above")
                endpoint = store.stdout.readline().strip() if store.stdout else ""
            if not endpoint:
                raise Failure("The store was not filled", "its words are above")
            filling = time.monotonic() - began
            query = f"SELECT pg_database_size('{name}')"
            disk = run_command([binaries / "psql", *place, "--tuples-only", "--command", query, name], "No answer", "see above")
            yield Contenders(size, endpoint, url, filling, int(disk))
        finally:
            if store.stdin:
                store.stdin.close()
            store.wait(60)
        run_command([binaries / "dropdb", *place, name], "PostgreSQL keeps its database", "its words are above")


def measure(program: Path, contenders: Contenders) -> dict[str, Any]:
    command = [program, "ask", str(contenders.sitters), contenders.endpoint, contenders.url]
    with progress(f"Asking both about {contenders.sitters:,} sitters"):
        said = run_command(command, "They do not answer", "its words are above")
    return {**json.loads(said), "filling": contenders.filling, "disk": contenders.disk}


def in_turns(program: Path, pair: dict[int, Contenders]) -> list[dict[int, dict[str, Any]]]:
    """What either size took around the towns, in each round."""
    rounds = []
    with progress(f"Asking about {GROWTH_FROM:,} and {GROWTH_TO:,} sitters in turns"):
        for _ in range(ROUNDS):
            commands = {size: [program, "towns", each.endpoint, each.url] for size, each in pair.items()}
            failing = "They do not answer", "its words are above"
            rounds.append({size: json.loads(run_command(command, *failing)) for size, command in commands.items()})
    return rounds


def p50(times: list[int]) -> float:
    return quantiles(times, n=20)[9] / 1e3


def p95(times: list[int]) -> float:
    return quantiles(times, n=20)[-1] / 1e3


def percentiles(area: dict[str, Any], *names: str) -> str:
    return " | ".join(f"{p50(area[name]):.1f} | {p95(area[name]):.1f}" for name in names)


def report(rows: list[dict[str, Any]], rounds: list[dict[int, dict[str, Any]]]) -> str:
    lines = [
        "Times in ms. Cold is without anything that was read before, warm with the cells in memory and their region to be "
        "asked again. PostgreSQL is asked for a page of 20, again for the same, and for the page with the count that ours has. "
        "Whatever is asked again counts with the median of three times.",
        "",
    ]
    lines += ["Around the same nine towns:", "", *latencies([(row, row["towns"]) for row in rows]), ""]
    capitals = [(row, row["capital"]) for row in rows if row["capital"]]
    if capitals:
        lines += ["In the densest city, where 10,000 live within 10 km:", "", *latencies(capitals), ""]
    lines += [
        "| sitters | units, town, cold | warm | units, city, cold | warm | memory at start | of towns | full cache "
        "| filling both, s | PostgreSQL's disk |",
        "|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
        *map(costs, rows),
        "",
        "Read request units are the most of a page of 20 within 10 km; memory is the most that our process had, in MB.",
        "",
    ]
    if rounds:
        lines += ["Around the same nine towns again, both sizes in turns:", "", *growths(rounds), ""]
    return "\n".join([*lines, *verdicts(rows, rounds), *agreements(rows)])


def latencies(areas: list[tuple[dict[str, Any], dict[str, Any]]]) -> list[str]:
    names = ("cold", "warm", "first", "again", "counted")
    return [
        "| sitters | ours cold p50 | p95 | ours warm p50 | p95 | PostgreSQL p50 | p95 | again p50 | p95 | counted p50 | p95 |",
        "|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
        *(f"| {row['sitters']:,} | {percentiles(area, *names)} |" for row, area in areas),
    ]


def costs(row: dict[str, Any]) -> str:
    def units(name: str) -> str:
        return " | ".join(f"{max(each):.1f}" for each in zip(*row[name], strict=True)) or "– | –"

    memory = " | ".join(f"{row['memory'][name] / 1e6:.0f}" for name in ("before", "towns", "full"))
    return (
        f"| {row['sitters']:,} | {units('units_in_town')} | {units('units_in_capital')} | {memory} "
        f"| {row['filling']:.0f} | {row['disk'] / 1e9:.2f} GB |"
    )


def growth(rounds: list[dict[int, dict[str, Any]]], name: str) -> list[float]:
    """By how much the p95 grows from the smaller size to the larger, in each round, the least first."""
    return sorted(p95(each[GROWTH_TO][name]) / p95(each[GROWTH_FROM][name]) for each in rounds)


def growths(rounds: list[dict[int, dict[str, Any]]]) -> Iterator[str]:
    yield f"| p95 in ms, median of {len(rounds)} rounds | {GROWTH_FROM:,} | {GROWTH_TO:,} | growth, median | from, to |"
    yield "|---|--:|--:|--:|---|"
    for what, name in (("ours, cold", "cold"), ("ours, warm", "warm"), ("PostgreSQL, again", "again")):
        times = " | ".join(f"{median(p95(each[size][name]) for each in rounds):.2f}" for size in (GROWTH_FROM, GROWTH_TO))
        least, *_, most = grown = growth(rounds, name)
        yield f"| {what} | {times} | {median(grown):.2f} | {least:.2f}, {most:.2f} |"


def verdicts(rows: list[dict[str, Any]], rounds: list[dict[int, dict[str, Any]]]) -> Iterator[str]:
    for name in ("cold", "warm") if rounds else ():
        grown = median(growth(rounds, name))
        yield (
            f"- {name}, among the same neighbours, in turns: p95 grows {grown:.2f} times from {GROWTH_FROM:,} to "
            f"{GROWTH_TO:,} sitters, at most {GROWTH_REACH} wanted: {verdict(grown <= GROWTH_REACH)}"
        )
    last = rows[-1]
    if city := last["capital"]:
        warm, theirs, counted = (p95(city[name]) for name in ("warm", "again", "counted"))
        yield (
            f"- densest city, warm: p95 {warm:.1f} ms, below {CAPITAL_REACH} wanted: {verdict(warm < CAPITAL_REACH)}; below "
            f"PostgreSQL's {theirs:.1f} wanted: {verdict(warm < theirs)} ({counted:.1f} with the count)"
        )
    for place, reach in ((0, COLD_UNITS_REACH), (1, WARM_UNITS_REACH)):
        most = max(units[place] for units in last["units_in_town"])
        yield (
            f"- a page of 20 in a town of average size, {('cold', 'warm')[place]}: {most:.1f} read request units, at most "
            f"{reach} wanted: {verdict(most <= reach)}"
        )


def agreements(rows: list[dict[str, Any]]) -> Iterator[str]:
    counts: dict[str, int] = {}
    for area in (row[name] for row in rows for name in ("towns", "capital") if row[name]):
        for name, count in area["agreement"].items():
            counts[name] = counts.get(name, 0) + count
    yield (
        f"- both find the same: everybody in {counts['same_answers']} of {counts['answers']} answers without words, the same "
        f"first page in the same order in {counts['same_pages']} of {counts['pages']}; of {counts['hits']} hits in words, "
        f"PostgreSQL has {counts['same_hits']} on its first page, too"
    )
