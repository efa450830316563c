"""Requests made up out of the contract, and against it: no answer may be one that it does not tell of."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Person

CONTRACT = Path(__file__).resolve().parents[2] / "infra/openapi.json"
# Left out are those that ask for a 405, where a gateway says 403, and for success wherever a schema is kept to:
# no schema can say which passwords are easy to guess.
CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance",
    "response_headers_conformance", "negative_data_rejection", "missing_required_header", "ignored_auth",
    "use_after_free", "ensure_resource_availability",
)  # fmt: skip
# They end the sign-in that all that follows is sent with; after that, everything would be a 401, and so be well.
ENDING = ("end_own_session", "end_all_sessions", "end_session")


def fuzz(caller: Person, folder: Path, *chosen: str) -> None:
    stack = caller.stack
    command = [
        Path(sys.executable).with_name("schemathesis"), "run", CONTRACT,
        "--url", f"{stack.emulator.url}/v1",
        "--header", f"Host: {stack.host}:{stack.emulator.port}",
        "--header", f"Authorization: Bearer {caller.tokens['access_token']}",
        "--phases", "examples,coverage,fuzzing", "--checks", ",".join(CHECKS), "--continue-on-failure",
        # The same cases each time. Of coverage there are as many as the contract has corners.
        "--generation-deterministic", "--max-examples", "20", "--workers", "2", "--request-timeout", "30",
        # The accounts are made up: what went wrong may be shown as it was sent.
        "--output-sanitize", "false", "--warnings", "off", "--no-color", *chosen,
    ]  # fmt: skip
    # It remembers things where it runs: .schemathesis and .hypothesis.
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600)
    if done.returncode != 0:
        pytest.fail(f"schemathesis ended with {done.returncode}\n{done.stdout[-20_000:]}", pytrace=False)


# Of each role what another cannot do: for all else it would get a refusal, which the tests of authorization cover.
SHARES = {
    "parent": ("--exclude-path-regex", "^/admin/"),
    "sitter": ("--include-path-regex", "^/(me/(sitter-profile|availability|credentials|background-check)|bookings|payouts|earnings)"),
    "admin": ("--include-path-regex", "^/admin/"),
}


@pytest.mark.parametrize("role", SHARES)
def test_what_the_contract_tells_is_all_that_happens(
    role: str, newcomer: Callable[..., Person], new_admin: Callable[[], Person], tmp_path: Path
) -> None:
    caller = new_admin() if role == "admin" else newcomer(role)
    caller.verify()
    fuzz(caller, tmp_path, *SHARES[role], *(part for name in ENDING for part in ("--exclude-operation-id", name)))
    # Otherwise it was refused what it asked for, and nothing was tried.
    assert caller.me()["role"] == role


@pytest.mark.parametrize("ending", ENDING)
def test_also_where_a_sign_in_ends(ending: str, person: Person, tmp_path: Path) -> None:
    # The list tells an identifier to end.
    fuzz(person, tmp_path, "--include-operation-id", ending, "--include-operation-id", "list_sessions")
