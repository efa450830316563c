"""What a binary must be for Lambda to run it: for Graviton, and for the C library of Amazon Linux 2023."""

import re
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from .console import ROOT, Failure

LITTLE_ENDIAN_64 = b"\x7fELF\x02\x01"
# e_machine of an ELF header, and its place in it.
MACHINE, AARCH64 = slice(18, 20), 183
# glibc of the runtime provided.al2023. A binary that needs a later version does not start.
GLIBC = (2, 34)


def require_runnable(names: Iterable[str]) -> None:
    """Fails if Lambda could not start one of the artefacts in target/lambda."""
    for name in names:
        for fault in faults(bootstrap(ROOT / "target/lambda" / name / "bootstrap.zip")):
            raise Failure(f"{name} {fault}", "build it with scripts/deploy, which names target and C library")


def bootstrap(path: Path) -> bytes:
    with zipfile.ZipFile(path) as archive:
        return archive.read("bootstrap")


def faults(binary: bytes) -> Iterator[str]:
    if not binary.startswith(LITTLE_ENDIAN_64):
        yield "is not a 64-bit ELF program"
        return
    machine = int.from_bytes(binary[MACHINE], "little")
    if machine != AARCH64:
        yield f"is for the machine {machine} and not for AArch64 ({AARCH64})"
    versions = {(int(major), int(minor)) for major, minor in re.findall(rb"GLIBC_(\d+)\.(\d+)", binary)}
    if not versions:
        yield "does not name the versions of glibc that it needs"
    elif max(versions) > GLIBC:
        yield f"needs glibc {'.'.join(map(str, max(versions)))}, and Amazon Linux 2023 has {'.'.join(map(str, GLIBC))}"
