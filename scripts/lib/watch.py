"""`cargo lambda watch` behind the deployed API: the emulator forwards every invocation to it, so an edit is served at once."""

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from .console import ROOT, Failure, start, stop
from .stack import Stack, log_file
from .tools import tool

PORT = 9000
# A first call compiles. Lambda's own longest timeout leaves time for that.
PATIENCE_SECONDS = 900


@contextmanager
def running(stack: Stack) -> Iterator[None]:
    env_file = ROOT / ".local" / "watch.env"
    env_file.write_text("".join(f"{name}='{value}'\n" for name, value in union_of_environments(stack).items()))
    with log_file("watch.log").open("w") as output:
        process = start(
            [
                tool("cargo-lambda"),
                "lambda",
                "watch",
                "--invoke-address",
                "127.0.0.1",
                "--invoke-port",
                str(PORT),
                "--env-file",
                env_file,
            ],
            stack.emulator.client_env,
            stdout=output,
            stderr=output,
        )
    try:
        wait_until_listening(process)
        forward(stack)
        yield
    finally:
        stop(process)


def wait_until_listening(process: subprocess.Popen, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", PORT), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise Failure("cargo lambda watch did not start", f"its log says why: {log_file('watch.log')}")


def union_of_environments(stack: Stack) -> dict[str, str]:
    """`watch` takes one file for all functions. They agree wherever they name the same variable."""
    union: dict[str, str] = {}
    for function in stack.functions().values():
        union |= function["Environment"]["Variables"]
    # Here the functions are the emulator's root: roles are enforced without --watch and in the tests.
    return union | stack.emulator.client_env


def forward(stack: Stack) -> None:
    client = stack.client("lambda")
    for binary, function in stack.functions().items():
        url = f"http://127.0.0.1:{PORT}/2015-03-31/functions/{binary}/invocations"
        client.update_function_configuration(
            FunctionName=function["FunctionName"],
            Timeout=PATIENCE_SECONDS,
            Environment={"Variables": {**function["Environment"]["Variables"], "MINISTACK_LAMBDA_PROXY_URL": url}},
        )
