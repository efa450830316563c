"""Starts each function against a local Lambda Runtime API, beside two bare functions; see tests/baseline."""

import argparse
import io
import json
import subprocess
import tempfile
import tomllib
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from lib.console import ROOT, Failure, run as run_command

from . import progress, verdict

BASELINE = ROOT / "tests" / "baseline"
NOTHING, GET_ITEM = "baseline-nothing", "baseline-get-item"
# The third is shown for information: it has no second thread to wake, as the functions have none.
BASELINES = (NOTHING, GET_ITEM, "baseline-get-item-one-thread")
MENDING = "mend what the compiler says above"

# Of GET /me, against the bare function that reads one item.
FIRST_REACH, WARM_REACH = 1.5, 1.25
MEMORY_REACH = 20.0
# These need memory by intent: Argon2's 19 MiB, and an image's pixels.
MEMORY_EXEMPT = {
    "auth-login", "auth-otp-verify", "auth-password-reset", "auth-register", "me-email", "me-password",
    "me-second-step-put", "media-process", "sms-send",
}  # fmt: skip

# What the templates give to functions, and what Lambda adds.
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    "AWS_SESSION_TOKEN": "t" * 700,
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_LAMBDA_HTTP_IGNORE_STAGE_IN_PATH": "true",
    "AWS_LAMBDA_LOG_FORMAT": "JSON",
    "AWS_LAMBDA_LOG_LEVEL": "INFO",
    "ENVIRONMENT": "dev",
    "RUST_LOG": "info",
    "MAIN_TABLE": "main",
    "EPHEMERAL_TABLE": "ephemeral",
    "AUDIT_TABLE": "audit",
    "SEARCH_TABLE": "search",
    "UPLOADS_BUCKET": "uploads",
    "MEDIA_BUCKET": "media",
    "APP_URL": "https://app.nannyradar.example",
    "ALLOWED_ORIGINS": "https://app.nannyradar.example",
    "EMAIL_FROM": "no-reply@nannyradar.example",
    "SMS_COUNTRIES": "GB",
    "SMS_PER_DAY": "1000",
    "SMS_SENDER": "NannyRadar",
    "FIELD_KEY_ID": "key",
    "CURSOR_SECRET_ARN": "arn:aws:secretsmanager:eu-west-1:000000000000:secret:cursor",
    "HASH_SECRET_ARN": "arn:aws:secretsmanager:eu-west-1:000000000000:secret:hash",
    "TOKEN_ISSUER": "urn:nannyradar:bench",
    "TOKEN_AUDIENCE": "nannyradar-api",
    # The harness hands this one only to those that sign.
    "TOKEN_SIGNING_SECRET_ARN": "arn:aws:secretsmanager:eu-west-1:000000000000:secret:signing",
}


@dataclass(frozen=True)
class Row:
    """One scenario of one binary, as the harness has measured it."""

    binary: str
    note: str
    path: Path
    # One for each start or call, in microseconds and bytes.
    first: list[int]
    warm: list[int]
    peak: list[int]

    @property
    def name(self) -> str:
        return f"{self.binary} ({self.note})" if self.note else self.binary

    @cached_property
    def first_ms(self) -> float:
        return median(self.first) / 1e3

    @cached_property
    def warm_ms(self) -> float:
        return median(self.warm) / 1e3

    @cached_property
    def warm_p95_ms(self) -> float:
        return quantiles(self.warm, n=20)[-1] / 1e3

    @cached_property
    def peak_mb(self) -> float:
        return max(self.peak) / 1e6

    @cached_property
    def size_mb(self) -> float:
        return self.path.stat().st_size / 1e6

    @cached_property
    def zipped_mb(self) -> float:
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
            file.write(self.path, "bootstrap")
        return len(archive.getvalue()) / 1e6


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--binary", action="append", choices=binaries(), metavar="NAME", help="only this one; repeatable")
    parser.add_argument("--starts", type=int, default=20, help="of each binary (default 20)")
    parser.add_argument(
        "--latency", type=float, default=0, metavar="MS",
        help="what AWS takes for each call. The default, 0, shows our own work at its largest; DynamoDB takes 2 to 5",
    )  # fmt: skip


def binaries() -> list[str]:
    return sorted(path.stem for path in ROOT.glob("functions/*/src/bin/*.rs"))


def run(options: argparse.Namespace) -> str:
    names = options.binary or binaries()
    target = target_directory()
    with progress(f"Building {len(names)} functions in the release profile"):
        build_functions(names)
    with progress("Building the bare functions and the harness"):
        build_baseline(target)
    with tempfile.TemporaryDirectory() as scratch, progress(f"Starting each {options.starts} times"):
        photo = Path(scratch) / "photo.jpg"
        photo.touch()
        if "media-process" in names:
            draw(photo, target)
        rows = measure([*BASELINES, *names], options, photo, target)
    return report(rows, options)


def target_directory() -> Path:
    command = ["cargo", "metadata", "--format-version", "1", "--no-deps"]
    metadata = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout
    return Path(json.loads(metadata)["target_directory"])


def build_functions(names: Iterable[str]) -> None:
    # Always the same packages, so that the features are the same however few binaries are wanted.
    packages = [tomllib.loads(path.read_text())["package"]["name"] for path in ROOT.glob("functions/*/Cargo.toml")]
    chosen = [*flags("-p", packages), *flags("--bin", names)]
    run_command(["cargo", "build", "--release", "--locked", *chosen], "The functions do not build", MENDING)


def build_baseline(target: Path) -> None:
    manifest = ["--manifest-path", BASELINE / "Cargo.toml", "--target-dir", target, "--locked"]
    for command in (
        ["--release", "-p", "baseline", *flags("--config", release_settings())],
        ["-p", "harness"],
    ):
        run_command(["cargo", "build", *manifest, *command], "The baseline does not build", MENDING)


def release_settings() -> list[str]:
    """The product's release profile, for another workspace."""
    profile = tomllib.loads((ROOT / "Cargo.toml").read_text())["profile"]["release"]
    # A value of TOML that is a string, a number or a truth looks the same in JSON.
    return [f"profile.release.{key}={json.dumps(value)}" for key, value in profile.items() if key != "package"]


def flags(flag: str, values: Iterable[str]) -> list[str]:
    return [part for value in values for part in (flag, value)]


def draw(photo: Path, target: Path) -> None:
    """The photo that the benchmark of images uses, too."""
    example = ["--release", "--locked", "-p", "imaging", "--example", "variants"]
    run_command(["cargo", "build", *example], "The photo cannot be drawn", MENDING)
    run_command([target / "release/examples/variants", "--photo", photo], "The photo cannot be drawn", "see above")


def measure(names: list[str], options: argparse.Namespace, photo: Path, target: Path) -> list[Row]:
    paths = {name: target / "release" / name for name in names}
    command = [target / "debug" / "harness", str(options.starts), str(options.latency), photo]
    command += [f"{name}={path}" for name, path in paths.items()]
    done = subprocess.run(command, env=ENVIRONMENT, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise Failure("A function does not do its work", "its last words are above", done.stderr)
    rows: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
    return [Row(path=paths[row["binary"]], **row) for row in rows]


def report(rows: list[Row], options: argparse.Namespace) -> str:
    nothing, get_item = (next(row for row in rows if row.binary == name) for name in (NOTHING, GET_ITEM))

    def compared(value: Callable[[Row], float], row: Row) -> str:
        return f"{value(row):.2f} | {value(row) / value(get_item):.2f} | {value(row) / value(nothing):.2f}"

    lines = [
        f"Medians of {options.starts} starts, taken in turns, each call to AWS answered after {options.latency:g} ms. "
        f"Times in ms, sizes in MB; ÷i and ÷n are the ratios to `{GET_ITEM}` and `{NOTHING}`.",
        "",
        "| function | first answer | ÷i | ÷n | warm p50 | ÷i | ÷n | warm p95 | peak memory | binary | zip |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    lines += [
        f"| {row.name} | {compared(lambda each: each.first_ms, row)} | {compared(lambda each: each.warm_ms, row)} "
        f"| {row.warm_p95_ms:.2f} | {row.peak_mb:.1f} | {row.size_mb:.2f} | {row.zipped_mb:.2f} |"
        for row in rows
    ]
    lines.append("")
    for row in rows:
        if row.binary == "me-get":
            for label, ratio, reach in (
                ("first answer", row.first_ms / get_item.first_ms, FIRST_REACH),
                ("warm p50", row.warm_ms / get_item.warm_ms, WARM_REACH),
            ):
                lines.append(
                    f"- {row.name}, {label}: {ratio:.2f} of reading one item, at most {reach} wanted: {verdict(ratio <= reach)}"
                )
    bound = [row for row in rows if row.binary not in MEMORY_EXEMPT.union(BASELINES)]
    if bound:
        most = max(bound, key=lambda row: row.peak_mb)
        lines.append(
            f"- peak memory: at most {most.peak_mb:.1f} MB ({most.name}) but for {', '.join(sorted(MEMORY_EXEMPT))}, "
            f"under {MEMORY_REACH:.0f} MB wanted: {verdict(most.peak_mb < MEMORY_REACH)}"
        )
    ours, theirs = versions(ROOT), versions(BASELINE)
    # What only the baseline needs has no other version to agree with, and may need others of what both have.
    agreed = {name for name, _ in ours & theirs}
    strangers = {each for each in theirs - ours if each[0] in {name for name, _ in ours} - agreed}
    if strangers:
        listed = ", ".join(" ".join(each) for each in sorted(strangers))
        lines.append(f"- the bare functions were built with other versions, update {BASELINE.name}/Cargo.lock: {listed}")
    return "\n".join(lines)


def versions(workspace: Path) -> set[tuple[str, str]]:
    lock = tomllib.loads((workspace / "Cargo.lock").read_text())
    return {(package["name"], package["version"]) for package in lock["package"]}
