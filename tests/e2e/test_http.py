"""What holds for every answer, and the pages for machines and operators."""

import json
import subprocess
import time
from pathlib import Path

import pytest
from conftest import Person, problem
from lib.stack import Stack

ROOT = Path(__file__).resolve().parents[2]
ORIGIN = "http://localhost:3000"
POSTS = [
    "/auth/register", "/auth/login", "/auth/refresh", "/auth/verify-email", "/auth/verify-email/resend",
    "/auth/password/forgot", "/auth/password/reset", "/auth/otp/send", "/auth/otp/verify",
]  # fmt: skip


def test_health(stack: Stack) -> None:
    response = stack.request("GET", "/health")
    assert response.status_code == 200
    assert response.json()["status"] == "ok" and response.json()["version"]


def test_ready(stack: Stack) -> None:
    response = stack.request("GET", "/health/ready")
    assert response.status_code == 200, response.text
    checks = {check["name"]: check for check in response.json()["checks"]}
    assert set(checks) == {"dynamodb", "s3", "sqs", "ses", "sns", "stripe"}
    assert all(check["state"] == "up" and check["latency_ms"] >= 0 for check in checks.values())


@pytest.mark.parametrize(
    ("variable", "name"), [("MAIN_TABLE", "dynamodb"), ("MEDIA_BUCKET", "s3"), ("EMAIL_QUEUE_URL", "sqs")]
)
def test_ready_names_what_is_down(stack: Stack, variable: str, name: str) -> None:
    function, client = "nannyradar-dev-api-SystemReady", stack.client("lambda")
    environment = client.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
    broken = {**environment, variable: f"{environment[variable]}-gone"}
    client.update_function_configuration(FunctionName=function, Environment={"Variables": broken})
    try:
        stack.request("GET", "/health/ready")  # A new environment starts; that is not the check's time.
        began = time.monotonic()
        response = stack.request("GET", "/health/ready")
        assert time.monotonic() - began < 2.5
        assert response.status_code == 503
        states = {check["name"]: check["state"] for check in response.json()["checks"]}
        assert [found for found, state in states.items() if state == "down"] == [name]
    finally:
        client.update_function_configuration(FunctionName=function, Environment={"Variables": environment})


@pytest.mark.parametrize(
    ("binary", "variable"),
    [("auth-login", "TOKEN_SIGNING_SECRET_ARN"), ("auth-refresh", "TOKEN_SIGNING_SECRET_ARN"),
     ("auth-otp-verify", "TOKEN_SIGNING_SECRET_ARN"), ("me-get", "TOKEN_ISSUER"), ("me-get", "MAIN_TABLE")],
)  # fmt: skip
def test_a_function_does_not_start_without_what_it_needs(stack: Stack, binary: str, variable: str) -> None:
    environment = stack.functions()[binary]["Environment"]["Variables"]
    assert environment.pop(variable)
    # Where a function that does start would ask for work.
    environment |= {"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:1", "AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "x"}
    environment |= {"AWS_SECRET_ACCESS_KEY": "x", "AWS_LAMBDA_FUNCTION_NAME": binary}
    environment |= {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128", "AWS_LAMBDA_FUNCTION_VERSION": "1"}
    program = ROOT / "target/debug/functions"
    ended = subprocess.run([program, binary], env=environment, capture_output=True, text=True, timeout=10)
    assert ended.returncode != 0
    assert variable in ended.stdout + ended.stderr


def test_the_contract_is_served(stack: Stack) -> None:
    served = stack.request("GET", "/openapi.json")
    assert served.status_code == 200 and served.headers["content-type"].startswith("application/json")
    committed = json.loads((ROOT / "infra/openapi.json").read_text())
    assert served.json()["paths"] == committed["paths"]


def test_the_page_to_try_calls_from(stack: Stack) -> None:
    page = stack.request("GET", "/docs")
    assert page.status_code == 200 and page.headers["content-type"].startswith("text/html")
    assert "openapi.json" in page.text


@pytest.mark.parametrize("path", ["/health", "/openapi.json", "/docs", "/me"])
def test_every_answer_has_the_security_headers(stack: Stack, path: str) -> None:
    headers = stack.request("GET", path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert "max-age=" in headers["strict-transport-security"]
    assert headers["referrer-policy"] and headers["content-security-policy"]


def test_our_site_may_read_the_answers_and_no_other(stack: Stack) -> None:
    ours = stack.request("GET", "/health", headers={"Origin": ORIGIN}).headers
    assert ours["access-control-allow-origin"] == ORIGIN
    theirs = stack.request("GET", "/health", headers={"Origin": "https://evil.example"}).headers
    assert theirs.get("access-control-allow-origin") in (None, ORIGIN)


def test_an_error_can_be_found_in_the_log(stack: Stack) -> None:
    assert problem(stack.request("GET", "/me"), 401)["request_id"]


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", "application/json"),
        (b"{", "application/json"),
        (b"null", "application/json"),
        (b"[]", "application/json"),
        (b'"text"', "application/json"),
        (b"{}", "application/json"),
        (b'{"email":"a@b.example","email":"c@d.example"}', "application/json"),
        (b"\xff\xfe\x00", "application/json"),
        (b"[" * 100_000, "application/json"),
        (b'{"a":"' + b"x" * 1_000_000 + b'"}', "application/json"),
        (b"email=a&password=b", "application/x-www-form-urlencoded"),
        (b"{}", "text/plain"),
        (b"{}", ""),
    ],
    ids=["empty", "open", "null", "array", "text", "no fields", "twice", "not UTF-8", "deep", "huge", "form", "plain", "untyped"],
)  # fmt: skip
def test_no_body_breaks_it(stack: Stack, path: str, body: bytes, content_type: str) -> None:
    problem(stack.request("POST", path, data=body, headers={"Content-Type": content_type}))


@pytest.mark.parametrize("path", POSTS)
def test_fields_that_nobody_knows_are_refused(stack: Stack, path: str) -> None:
    problem(stack.request("POST", path, json={"email": "a@b.example", "password": "x", "refresh_token": "x", "odd": 1}))


@pytest.mark.parametrize("path", ["/health", "/health/ready", "/openapi.json", "/docs", "/sitters", "/sitters/search", "/nowhere", "/me"])
def test_head_is_get_without_the_body(stack: Stack, path: str) -> None:
    get, head = stack.request("GET", path), stack.request("HEAD", path)
    assert head.status_code == get.status_code and head.content == b""
    own = {"content-type", "cache-control", "etag", "content-security-policy", "www-authenticate", "x-content-type-options"}
    assert {name: head.headers.get(name) for name in own} == {name: get.headers.get(name) for name in own}


def test_head_needs_the_same_token(person: Person) -> None:
    get, head = person.request("GET", "/me"), person.request("HEAD", "/me")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["etag"] == get.headers["etag"]


def test_unknown_routes(stack: Stack) -> None:
    # On AWS our gateway responses make it a 404 problem; the emulator knows none and answers as a bare gateway does.
    for method, path in (("GET", "/nowhere"), ("DELETE", "/me"), ("GET", "/auth/login"), ("GET", "/uploads")):
        assert stack.request(method, path).status_code in (403, 404), path


def test_a_change_of_the_profile_needs_a_json_object(person: Person) -> None:
    for body in (b"", b"{", b"null", b"[1]"):
        headers = {"Content-Type": "application/merge-patch+json"}
        problem(person.request("PATCH", "/me", data=body, headers=headers))
