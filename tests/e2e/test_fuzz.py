"""What the contract allows, and what it does not, sent to the running stack: no answer that the contract does not describe."""

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import SECRETS, Person, login
from lib.stack import Stack

ROOT = Path(__file__).resolve().parents[2]
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,"
    "response_headers_conformance"
)
# They end the sign-in that all other requests are sent with, also by an identifier that another answer has told.
ENDING = ("end_own_session", "end_all_sessions", "end_session")


def fuzz(stack: Stack, token: str, folder: Path, chosen: str) -> None:
    SECRETS.add(token)
    command = [
        Path(sys.executable).with_name("schemathesis"), "run", ROOT / "infra/openapi.json",
        "--url", f"{stack.emulator.url}/v1",
        "-H", f"Host: {stack.host}:{stack.emulator.port}",
        "-H", f"Authorization: Bearer {token}",
        "--checks", CHECKS,
        "--phases", "examples,coverage,fuzzing",
        # The same cases at each run: what is found can be found again.
        "--max-examples", "15", "--seed", "1", "--generation-deterministic",
        "--request-timeout", "30", "--no-color",
    ]  # fmt: skip
    command += [part for operation in ENDING for part in (f"--{chosen}-operation-id", operation)]
    # It leaves files where it runs.
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]


@pytest.mark.parametrize("role", ["parent", "admin"])
def test_every_answer_is_as_the_contract_says(
    stack: Stack, person: Person, admin: Person, role: str, tmp_path: Path
) -> None:
    fuzzed = person if role == "parent" else Person(stack, admin.email, login(stack, admin.email).json())
    fuzz(stack, fuzzed.tokens["access_token"], tmp_path, "exclude")
    assert fuzzed.me(), "the sign-in ended on the way, so that little was tried"


def test_so_are_the_answers_of_what_ends_a_sign_in(person: Person, tmp_path: Path) -> None:
    fuzz(person.stack, person.tokens["access_token"], tmp_path, "include")
