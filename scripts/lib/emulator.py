"""AWS on this machine: one ministack process, which also runs the functions' binaries as plain processes."""

import os
import platform
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .console import Failure, start, stop
from .tools import ensure

REGION = "eu-west-1"


@dataclass(frozen=True)
class Emulator:
    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def client_env(self) -> dict[str, str]:
        """What any AWS client needs to talk to the emulator, and to nothing else, as its root user."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_SESSION_TOKEN": "",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": "127.0.0.1,localhost",
        }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def require_free(port: int, option: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise Failure(
                f"Port {port} is taken", f"stop what listens there (lsof -i :{port}), or choose another: {option}"
            ) from error


@contextmanager
def running(port: int, log: Path) -> Iterator[Emulator]:
    """An emulator with empty state, for as long as the block lasts."""
    binary = ensure("emulator") / "ministack"
    emulator = Emulator(port, log)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as output:
        process = start(
            [binary],
            {
                **emulator.client_env,
                "GATEWAY_PORT": str(port),
                "BIND_HOST": "127.0.0.1",
                "MINISTACK_REGION": REGION,
                "LAMBDA_EXECUTOR": "local",
                "IOT_MTLS_ENABLED": "0",
                # Functions get the credentials of their role, and policies are enforced as AWS does.
                "AUTH": "true",
            },
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until_healthy(emulator, process)
        yield emulator
    finally:
        stop(process)


def wait_until_healthy(emulator: Emulator, process: subprocess.Popen, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(f"{emulator.url}/_ministack/health", timeout=2).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise Failure("The emulator did not start", f"its log says why: {emulator.log}")


def host_architecture() -> str:
    return "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"
