"""Registration with its mail, sign-in, the rotation of refresh tokens, and one's own profile."""

import base64
import html
import json
import time

import pytest
from conftest import PASSWORD, Person, eventually, fresh_email, login, problem, register
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from lib.stack import Stack


def test_a_newcomer_is_welcomed_by_mail(stack: Stack) -> None:
    email = fresh_email()
    answer = register(stack, email, name="Maud O'Neill")
    assert (answer.status_code, answer.json()) == (202, {"status": "accepted"})

    mail = eventually(lambda: stack.mailbox(email))[0]
    assert mail["Subject"] == "Welcome to NannyRadar"
    # Whoever registers may be a stranger to the reader of the mailbox, so their words do not go there.
    assert "Maud" not in mail["BodyText"] and "http://localhost:3000" in mail["BodyText"]
    assert "<html" in mail["BodyHtml"] and "http://localhost:3000" in html.unescape(mail["BodyHtml"])
    time.sleep(2)
    assert len(stack.mailbox(email)) == 1


def test_a_name_is_text_in_the_mail_and_not_markup(person: Person) -> None:
    person.verify()
    name = "Ann <b>Bold</b>"
    if person.request("PATCH", "/me", json={"name": name}).status_code == 200:
        assert person.request("POST", "/me/email", json={"email": fresh_email(), "password": PASSWORD}).status_code == 202
        notice = "Your address is about to change"
        mails = lambda: [mail for mail in person.stack.mailbox(person.email) if mail["Subject"] == notice]  # noqa: E731
        assert "<b>Bold</b>" not in eventually(mails)[0]["BodyHtml"]


def test_a_taken_address_gets_the_same_answer_and_its_owner_a_mail(person: Person) -> None:
    first = eventually(lambda: person.stack.mailbox(person.email))
    again = register(person.stack, person.email.upper(), password="another-Long-passphrase-77")
    assert (again.status_code, again.json()) == (202, {"status": "accepted"})
    mails = eventually(lambda: len(found := person.stack.mailbox(person.email)) > len(first) and found)
    assert mails[-1]["Subject"] != first[0]["Subject"]
    assert login(person.stack, person.email).status_code == 200
    assert login(person.stack, person.email, "another-Long-passphrase-77").status_code == 401


def test_signing_in(person: Person) -> None:
    assert person.tokens["token_type"] == "Bearer"
    assert person.tokens["expires_in"] == 900
    assert person.tokens["access_token"] and person.tokens["refresh_token"]


@pytest.mark.parametrize("email", ["nobody@parents.example", None], ids=["stranger", "wrong password"])
def test_a_wrong_sign_in_does_not_tell_what_was_wrong(person: Person, email: str | None) -> None:
    refused = problem(login(person.stack, email or person.email, "not-the-password-0"), 401)
    assert refused["code"] == "invalid_credentials"


def refresh(stack: Stack, token: str):
    return stack.request("POST", "/auth/refresh", json={"refresh_token": token})


def test_refreshing_rotates(person: Person) -> None:
    second = refresh(person.stack, person.tokens["refresh_token"])
    assert second.status_code == 200, second.text
    assert second.json()["refresh_token"] != person.tokens["refresh_token"]
    assert person.stack.request("GET", "/me", second.json()["access_token"]).status_code == 200
    assert refresh(person.stack, second.json()["refresh_token"]).status_code == 200


def test_a_reused_refresh_token_ends_the_whole_family(person: Person) -> None:
    first = person.tokens["refresh_token"]
    second = refresh(person.stack, first).json()["refresh_token"]
    time.sleep(11)  # The grace for an answer that was lost on the way is 10 seconds.
    problem(refresh(person.stack, first), 401)
    problem(refresh(person.stack, second), 401)
    assert login(person.stack, person.email).status_code == 200


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "é" * 40, "A" * 5000])
def test_nonsense_is_not_a_refresh_token(stack: Stack, token: str) -> None:
    problem(refresh(stack, token))


def test_the_profile(person: Person) -> None:
    response = person.request("GET", "/me")
    me = response.json()
    assert me["id"].startswith("usr_")
    assert (me["role"], me["email"], me["name"]) == ("parent", person.email, "Ada Byron")
    assert me["email_verified"] is False and me["avatar"] is None
    assert response.headers["etag"] == f'"{me["version"]}"'
    assert "no-store" in response.headers["cache-control"]


def test_changing_the_profile(person: Person) -> None:
    before = person.request("GET", "/me")
    change = {"name": "Ada Lovelace", "time_zone": "Europe/Paris"}
    response = person.request("PATCH", "/me", json=change, headers={"If-Match": before.headers["etag"]})
    assert response.status_code == 200, response.text
    after = person.me()
    assert (after["name"], after["time_zone"]) == ("Ada Lovelace", "Europe/Paris")
    assert after["version"] > before.json()["version"]
    stale = person.request("PATCH", "/me", json={"name": "Late"}, headers={"If-Match": before.headers["etag"]})
    problem(stale, 412)
    assert person.me()["name"] == "Ada Lovelace"


@pytest.mark.parametrize(
    "change",
    [{"role": "sitter"}, {"email": "x@y.example"}, {"name": ""}, {"name": 7}, {"name": None}, {"time_zone": "Mars/Base"},
     {"locale": "????"}, {"name": "x" * 10_000}, [], "name"],
    ids=repr,
)  # fmt: skip
def test_what_a_profile_cannot_become(person: Person, change: object) -> None:
    before = person.me()
    problem(person.request("PATCH", "/me", json=change))
    assert person.me() == before


def test_nobody_registers_as_an_administrator(stack: Stack) -> None:
    problem(register(stack, fresh_email(), role="admin"))


@pytest.mark.parametrize(
    "changed",
    [{"email": "no-address"}, {"email": ""}, {"email": 3}, {"email": None}, {"email": "a@b.example\r\nBcc: c@d.example"},
     {"password": "short"}, {"password": "password1234"}, {"password": "x" * 5000}, {"password": ["a"]},
     {"name": ""}, {"name": "x" * 5000}, {"name": "a\u0000b"}, {"name": {}}, {"role": "queen"}, {"role": None},
     {"admin": True}],
    ids=lambda changed: f"{next(iter(changed))}",
)  # fmt: skip
def test_what_a_registration_cannot_be(stack: Stack, changed: dict[str, object]) -> None:
    refused = problem(register(stack, **{"email": fresh_email(), **changed}))
    if refused.get("errors"):
        assert refused["errors"][0]["pointer"].strip("/#") in {*changed, ""}


@pytest.mark.parametrize("missing", ["role", "email", "password", "name"])
def test_a_registration_is_complete(stack: Stack, missing: str) -> None:
    body = {"role": "parent", "email": fresh_email(), "password": PASSWORD, "name": "Ada Byron"}
    del body[missing]
    problem(stack.request("POST", "/auth/register", json=body))


def encoded(part: dict[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def decoded(part: str) -> dict[str, object]:
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def forgeries(token: str) -> dict[str, str]:
    header, claims, signature = token.split(".")
    stranger = Ed25519PrivateKey.generate().sign(f"{header}.{claims}".encode())
    return {
        "another key": f"{header}.{claims}.{base64.urlsafe_b64encode(stranger).rstrip(b'=').decode()}",
        "no signature": f"{header}.{claims}.",
        "algorithm none": f"{encoded({**decoded(header), 'alg': 'none'})}.{claims}.",
        "unknown key": f"{encoded({**decoded(header), 'kid': 'other'})}.{claims}.{signature}",
        "other claims": f"{header}.{encoded({**decoded(claims), 'role': 'admin'})}.{signature}",
        "nonsense": "x",
        "empty": "",
    }


@pytest.mark.parametrize("kind", list(forgeries("e30.e30.e30")))
def test_a_forged_token_opens_nothing(person: Person, kind: str) -> None:
    forged = forgeries(person.tokens["access_token"])[kind]
    response = person.stack.request("GET", "/me", headers={"Authorization": f"Bearer {forged}"})
    problem(response, 401)
    assert response.headers["www-authenticate"].startswith("Bearer")


def test_an_expired_token_opens_nothing(person: Person) -> None:
    header, claims, _ = person.tokens["access_token"].split(".")
    secret = person.stack.client("secretsmanager").get_secret_value(
        SecretId=person.stack.outputs["TokenSigningSecretArn"]
    )
    ours = json.loads(secret["SecretString"])["keys"][decoded(header)["kid"]]
    # PKCS#8 of version 2, which this library does not read; the key's 32 bytes stand at the same place in every one.
    key = Ed25519PrivateKey.from_private_bytes(base64.b64decode(ours)[16:48])

    def token(expires: float) -> str:
        signed = f"{header}.{encoded({**decoded(claims), 'exp': int(expires)})}"
        return f"{signed}.{base64.urlsafe_b64encode(key.sign(signed.encode())).rstrip(b'=').decode()}"

    assert person.stack.request("GET", "/me", token(time.time() + 60)).status_code == 200
    problem(person.stack.request("GET", "/me", token(time.time() - 3600)), 401)


@pytest.mark.parametrize("header", [{}, {"Authorization": "Basic YTpi"}, {"Authorization": "Bearer"}], ids=repr)
@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/me"), ("PATCH", "/me"), ("POST", "/uploads"), ("GET", "/uploads/x")]
)
def test_without_a_token_nothing_opens(stack: Stack, method: str, path: str, header: dict[str, str]) -> None:
    problem(stack.request(method, path, headers=header, json={} if method != "GET" else None), 401)
