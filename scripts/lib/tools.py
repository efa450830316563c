"""The Python tools, pinned, in three environments under .venv: the emulator, SAM and the local Stripe need different
versions of the same packages."""

import hashlib
import os
import shutil
import sys
from pathlib import Path

from .console import ROOT, Failure, run, step

VENV = ROOT / ".venv"
CARGO_DENY_VERSION = "0.20.2"


def ensure(name: str) -> Path:
    """The bin folder of .venv/<name>, made or made anew when scripts/requirements/<name>.txt has changed."""
    lock = ROOT / "scripts" / "requirements" / f"{name}.txt"
    folder = VENV / name
    stamp = folder / "lock.sha256"
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == digest:
        return folder / "bin"
    if sys.version_info[:2] < (3, 11):
        raise Failure(f"Python {sys.version.split()[0]} is too old", "install Python 3.11 or newer")
    with step(f"Installing {name} into .venv/{name}"):
        shutil.rmtree(folder, ignore_errors=True)
        run(
            [sys.executable, "-m", "venv", folder],
            "Python cannot create a virtual environment",
            "install its venv module, on Debian: apt install python3-venv",
        )
        run(
            [folder / "bin" / "pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check", "-r", lock],
            f"pip could not install {lock.relative_to(ROOT)}",
            "check the network and run this again",
        )
        stamp.write_text(digest)
    return folder / "bin"


def enter() -> None:
    """Continues this script with the Python of .venv/tools, which has boto3 and requests."""
    binaries = ensure("tools")
    if Path(sys.prefix) != binaries.parent:
        # A system Python that is itself inside a virtual environment must not leak into ours.
        os.execv(binaries / "python", [str(binaries / "python"), *sys.argv])
    os.environ["PATH"] = f"{binaries}{os.pathsep}{os.environ['PATH']}"
    os.environ["SAM_CLI_TELEMETRY"] = "0"


def tool(name: str) -> Path:
    return VENV / "tools" / "bin" / name


def require_rust() -> None:
    if shutil.which("cargo") is None:
        raise Failure("Rust is not installed", "install it from https://rustup.rs and open a new shell")


def cargo_deny() -> Path:
    """The one on this machine, or our own build of it: no package index has a recent binary."""
    own = VENV / "cargo" / "bin" / "cargo-deny"
    found = shutil.which("cargo-deny")
    if found:
        return Path(found)
    if not own.exists():
        # Unoptimised and without debug information: it runs for a second and would be built for minutes.
        with step(f"Building cargo-deny {CARGO_DENY_VERSION} into .venv/cargo"):
            run(
                [
                    "cargo",
                    "install",
                    "cargo-deny",
                    "--version",
                    CARGO_DENY_VERSION,
                    "--locked",
                    "--debug",
                    "--quiet",
                    "--root",
                    VENV / "cargo",
                    "--target-dir",
                    VENV / "cargo" / "target",
                ],
                "cargo-deny could not be built",
                "check the network and run this again",
                {"CARGO_PROFILE_DEV_DEBUG": "0"},
            )
            shutil.rmtree(VENV / "cargo" / "target", ignore_errors=True)
    return own
