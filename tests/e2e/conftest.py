"""The real template, deployed with the real SAM into an emulator of its own, and used from outside."""

import random
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
import requests

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

from lib import emulator  # noqa: E402
from lib import stripe as local_stripe  # noqa: E402
from lib.stack import Stack, deploy_to  # noqa: E402
from lib.stripe import LocalStripe  # noqa: E402

PASSWORD = "quartz-pelican-meadow-41"
ANOTHER_PASSWORD = "velvet-harbour-cactus-58"
# An access token lives for 15 minutes.
STAYS_SIGNED_IN = 600
Result = TypeVar("Result")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "last: looks back at all that the other tests have done")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.get_closest_marker("last") is not None)


@pytest.fixture(scope="session")
def stripe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStripe]:
    with local_stripe.running(tmp_path_factory.mktemp("stripe") / "stripe.log") as stripe:
        SECRETS.update({stripe.api_key, stripe.webhook_secret})
        yield stripe


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, stripe: LocalStripe) -> Iterator[Stack]:
    log = tmp_path_factory.mktemp("emulator") / "emulator.log"
    with emulator.running(emulator.free_port(), log) as aws:
        stack = deploy_to(aws, stripe)
        SECRETS.update(stack.secret("BackgroundCheckSecretArn").values())
        yield stack


def eventually(what: Callable[[], Result | None], seconds: float = 30) -> Result:
    """Waits for something that happens behind the scenes to give an answer that is not empty."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := what():
            return found
        time.sleep(0.2)
    pytest.fail(f"nothing happened within {seconds} seconds")


def problem(response: requests.Response, status: int | range = range(400, 500)) -> dict[str, Any]:
    """Asserts that this is an error in our one shape, and returns it."""
    expected = status if isinstance(status, range) else range(status, status + 1)
    assert response.status_code in expected, f"{response.status_code}: {response.text[:500]}"
    assert response.headers["content-type"].split(";")[0] == "application/problem+json"
    body = response.json()
    assert body["status"] == response.status_code
    assert {"type", "title", "code", "request_id"} <= body.keys()
    for field in body.get("errors") or []:
        assert {"pointer", "code", "message"} <= field.keys()
    return body


# What must be found in no log: everything secret or personal that the tests have sent, or were answered.
SECRETS: set[str] = {PASSWORD, ANOTHER_PASSWORD}


@dataclass
class Person:
    """Somebody with an account, signed in."""

    stack: Stack
    email: str
    tokens: dict[str, Any]
    since: float = field(default_factory=time.monotonic)

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        # Some are there for all tests, which may take longer than an access token lives.
        if time.monotonic() - self.since > STAYS_SIGNED_IN:
            again = self.stack.request("POST", "/auth/refresh", json={"refresh_token": self.tokens["refresh_token"]})
            assert again.status_code == 200, again.text
            self.tokens, self.since = again.json(), time.monotonic()
            self.__post_init__()
        return self.stack.request(method, path, self.tokens["access_token"], **options)

    def __post_init__(self) -> None:
        SECRETS.update({self.tokens["access_token"], self.tokens["refresh_token"]})

    def me(self) -> dict[str, Any]:
        response = self.request("GET", "/me")
        assert response.status_code == 200, response.text
        return response.json()

    def verify(self) -> None:
        """Follows the link of the welcome email, once, which ends all other sessions."""
        if not self.me()["email_verified"]:
            token = mailed(self.stack, self.email, "/verify-email")
            verified = self.request("POST", "/auth/verify-email", json={"token": token})
            assert verified.status_code == 204, verified.text

    def announce(self, size: int, content_type: str = "image/jpeg") -> dict[str, Any]:
        self.verify()
        wish = {"purpose": "avatar", "content_type": content_type, "size_bytes": size}
        response = self.request("POST", "/uploads", json=wish)
        assert response.status_code == 201, response.text
        return response.json()

    def upload(self, file: bytes, content_type: str = "image/jpeg") -> dict[str, Any]:
        """Sends a file as a browser would, and answers with what the service thinks of it in the end."""
        form = self.announce(len(file), content_type)
        sent = post(form, file)
        assert sent.ok, sent.text

        def settled() -> dict[str, Any] | None:
            found = self.request("GET", f"/uploads/{form['id']}").json()
            return found if found["state"] not in ("awaiting", "processing") else None

        return eventually(settled)


def post(form: dict[str, Any], file: bytes, **changed: str) -> requests.Response:
    return requests.post(form["url"], data={**form["fields"], **changed}, files={"file": file}, timeout=60)


def fresh_email() -> str:
    email = f"{uuid.uuid4().hex}@parents.example"
    SECRETS.add(email)
    return email


def fresh_phone() -> str:
    phone = f"+447400{random.randrange(1_000_000):06}"
    SECRETS.add(phone)
    return phone


def mailed(stack: Stack, recipient: str, path: str, but: str | None = None) -> str:
    """The token of the youngest link, once it is another than that one."""
    token = eventually(lambda: (found := stack.mail_token(recipient, path)) != but and found)
    SECRETS.add(token)
    return token


def texted(stack: Stack, phone: str, count: int = 1) -> str:
    """The youngest code, once so many have come."""
    codes = eventually(lambda: len(found := stack.codes(phone)) >= count and found)
    SECRETS.add(codes[-1])
    return codes[-1]


def register(stack: Stack, email: str, **changed: Any) -> requests.Response:
    body = {"role": "parent", "email": email, "password": PASSWORD, "name": "Ada Byron", **changed}
    return stack.request("POST", "/auth/register", json=body)


def login(stack: Stack, email: str, password: str = PASSWORD) -> requests.Response:
    return stack.request("POST", "/auth/login", json={"email": email, "password": password})


@pytest.fixture
def newcomer(stack: Stack) -> Callable[..., Person]:
    def make(role: str = "parent") -> Person:
        email = fresh_email()
        assert register(stack, email, role=role).status_code == 202
        signed_in = login(stack, email)
        assert signed_in.status_code == 200, signed_in.text
        return Person(stack, email, signed_in.json())

    return make


@pytest.fixture
def person(newcomer: Callable[..., Person]) -> Person:
    return newcomer()


@pytest.fixture(scope="session")
def new_admin(stack: Stack) -> Callable[[], Person]:
    """Made as operators make one, and in possession of a password by mail."""

    def make() -> Person:
        email = fresh_email()
        stack.appoint(email, "Root")
        body = {"token": mailed(stack, email, "/reset-password"), "password": PASSWORD}
        assert stack.request("POST", "/auth/password/reset", json=body).status_code == 204
        return Person(stack, email, login(stack, email).json())

    return make


@pytest.fixture(scope="session")
def admin(new_admin: Callable[[], Person]) -> Person:
    return new_admin()
