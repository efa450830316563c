"""Proving who one is, by mail, by text and by an app; the end of sign-ins; and what is done about those who guess."""

import base64
import hashlib
import hmac
import json
import struct
import subprocess
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from conftest import (
    ANOTHER_PASSWORD,
    PASSWORD,
    SECRETS,
    Person,
    eventually,
    fresh_email,
    fresh_phone,
    login,
    mailed,
    problem,
    register,
    texted,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from lib.stack import Stack

ROOT = Path(__file__).resolve().parents[2]
REVOKED_WITHIN = 60


def refused_soon(person: Person) -> bool:
    """Whether the access token stops working within the minute."""
    deadline = time.monotonic() + REVOKED_WITHIN
    while time.monotonic() < deadline:
        if person.request("GET", "/me").status_code == 401:
            return True
        time.sleep(1)
    return False


def refresh(person: Person) -> requests.Response:
    return person.stack.request("POST", "/auth/refresh", json={"refresh_token": person.tokens["refresh_token"]})


def again(person: Person, password: str = PASSWORD) -> Person:
    """The same person on another device."""
    answer = login(person.stack, person.email, password)
    assert answer.status_code == 200, answer.text
    return Person(person.stack, person.email, answer.json())


def test_an_address_is_proved_by_the_mail_that_welcomes(person: Person) -> None:
    token = mailed(person.stack, person.email, "/verify-email")
    assert person.me()["email_verified"] is False
    alone = person.stack.request("POST", "/auth/verify-email", json={"token": token})
    assert problem(alone, 403)["code"] == "confirmation_required"
    verify = lambda: person.request("POST", "/auth/verify-email", json={"token": token})  # noqa: E731
    assert verify().status_code == 204
    assert person.me()["email_verified"] is True
    assert problem(verify(), 400)["errors"][0]["code"] == "invalid_token"


def test_another_mail_makes_the_first_link_void(person: Person) -> None:
    stack, first = person.stack, mailed(person.stack, person.email, "/verify-email")
    for email in (person.email, fresh_email()):
        answer = stack.request("POST", "/auth/verify-email/resend", json={"email": email})
        assert (answer.status_code, answer.json()) == (202, {"status": "accepted"})
    second = mailed(stack, person.email, "/verify-email", but=first)
    verify = lambda token: stack.request("POST", "/auth/verify-email", json={"token": token, "password": PASSWORD})  # noqa: E731
    problem(verify(first), 400)
    assert verify(second).status_code == 204


def test_a_forgotten_password(person: Person) -> None:
    person.verify()
    stack, elsewhere = person.stack, again(person)
    for email in (person.email, fresh_email()):
        answer = stack.request("POST", "/auth/password/forgot", json={"email": email})
        assert (answer.status_code, answer.json()) == (202, {"status": "accepted"})
    token = mailed(stack, person.email, "/reset-password")
    body = {"token": token, "password": ANOTHER_PASSWORD}
    assert stack.request("POST", "/auth/password/reset", json=body).status_code == 204
    problem(stack.request("POST", "/auth/password/reset", json=body), 400)
    for session in (person, elsewhere):
        problem(refresh(session), 401)
        assert refused_soon(session)
    problem(login(stack, person.email), 401)
    assert again(person, ANOTHER_PASSWORD).me()["email_verified"] is True
    eventually(lambda: "Your password was changed" in [mail["Subject"] for mail in stack.mailbox(person.email)])


def test_a_changed_password_ends_the_other_sign_ins(person: Person) -> None:
    elsewhere = again(person)
    change = {"current_password": PASSWORD, "new_password": ANOTHER_PASSWORD}
    assert person.request("POST", "/me/password", json=change).status_code == 204
    problem(refresh(elsewhere), 401)
    assert refused_soon(elsewhere)
    assert person.request("GET", "/me").status_code == 200
    assert refresh(person).status_code == 200


def test_another_address_and_back(person: Person) -> None:
    person.verify()
    stack, address = person.stack, fresh_email()
    answer = person.request("POST", "/me/email", json={"email": address, "password": PASSWORD})
    assert (answer.status_code, answer.json()) == (202, {"pending_email": address})
    eventually(lambda: "Your address is about to change" in [mail["Subject"] for mail in stack.mailbox(person.email)])
    token = mailed(stack, address, "/verify-email")
    assert person.request("POST", "/auth/verify-email", json={"token": token}).status_code == 204
    assert person.me()["email"] == address
    assert login(stack, address).status_code == 200
    problem(login(stack, person.email), 401)

    revert = mailed(stack, person.email, "/revert-email")
    assert stack.request("POST", "/auth/email/revert", json={"token": revert}).status_code == 204
    problem(login(stack, address), 401)
    token = mailed(stack, person.email, "/reset-password")
    body = {"token": token, "password": ANOTHER_PASSWORD}
    assert stack.request("POST", "/auth/password/reset", json=body).status_code == 204
    assert again(person, ANOTHER_PASSWORD).me()["email"] == person.email
    assert refused_soon(person)


def test_a_recovery_voids_a_pending_address(person: Person) -> None:
    person.verify()
    stack, thief, address = person.stack, again(person), fresh_email()
    assert thief.request("POST", "/me/email", json={"email": address, "password": PASSWORD}).status_code == 202
    link = mailed(stack, address, "/verify-email")
    change = {"current_password": PASSWORD, "new_password": ANOTHER_PASSWORD}
    assert person.request("POST", "/me/password", json=change).status_code == 204
    for password in (PASSWORD, ANOTHER_PASSWORD):
        problem(stack.request("POST", "/auth/verify-email", json={"token": link, "password": password}), 400)
    assert person.me()["pending_email"] is None


def test_the_owner_of_a_mailbox_starts_clean(person: Person) -> None:
    stack = person.stack
    stranger = person.me()["id"]
    assert stack.request("POST", "/auth/password/forgot", json={"email": person.email}).status_code == 202
    body = {"token": mailed(stack, person.email, "/reset-password"), "password": ANOTHER_PASSWORD}
    assert len(problem(stack.request("POST", "/auth/password/reset", json=body), 400)["errors"]) == 2
    body |= {"name": "Ada King", "role": "sitter"}
    assert stack.request("POST", "/auth/password/reset", json=body).status_code == 204
    problem(login(stack, person.email), 401)
    me = again(person, ANOTHER_PASSWORD).me()
    assert me["id"] != stranger and (me["role"], me["name"], me["email_verified"]) == ("sitter", "Ada King", True)
    problem(refresh(person), 401)


def test_support_resets_a_second_step(person: Person, admin: Person) -> None:
    assert prove(person, fresh_phone()).status_code == 204
    switched = person.request("PUT", "/me/second-step", json={"method": "sms", "password": PASSWORD})
    SECRETS.update(switched.json()["recovery_codes"])
    assert login(person.stack, person.email).status_code == 202
    path, body = f"/admin/users/{person.me()['id']}/second-step/reset", {"identity_check": "document", "reason": "Lost phone"}
    problem(person.request("POST", path, json=body), 403)
    assert admin.request("POST", path, json=body).status_code == 204
    assert login(person.stack, person.email).status_code == 200
    subject = "We removed the second step of your sign-in"
    eventually(lambda: subject in [mail["Subject"] for mail in person.stack.mailbox(person.email)])


def test_sign_ins_are_seen_and_ended(person: Person) -> None:
    elsewhere = again(person)
    items = person.request("GET", "/auth/sessions").json()["items"]
    assert sorted(item["current"] for item in items) == [False, True]
    other = next(item for item in items if not item["current"])
    assert other["ip_prefix"] and "python-requests" in other["user_agent"]
    assert person.request("DELETE", f"/auth/sessions/{other['id']}").status_code == 204
    problem(person.request("DELETE", f"/auth/sessions/{other['id']}"), 404)
    problem(refresh(elsewhere), 401)
    assert refused_soon(elsewhere)
    assert person.request("POST", "/auth/logout").status_code == 204
    problem(refresh(person), 401)
    assert refused_soon(person)


def test_signing_out_everywhere(person: Person) -> None:
    elsewhere = again(person)
    assert person.request("POST", "/auth/logout-all").status_code == 204
    for session in (person, elsewhere):
        problem(refresh(session), 401)
        assert refused_soon(session)
    assert again(person).me()


def test_the_suspended_are_out_within_a_minute(person: Person, admin: Person) -> None:
    me = person.me()
    path = f"/admin/users/{me['id']}/status"
    problem(person.request("POST", path, json={"status": "active", "reason": "I say so"}), 403)
    suspended = admin.request("POST", path, json={"status": "suspended", "reason": "Two reports"})
    assert (suspended.status_code, suspended.json()["status"]) == (200, "suspended")
    problem(refresh(person), 401)
    assert refused_soon(person)
    assert problem(login(person.stack, person.email), 403)["code"] == "account_suspended"
    problem(login(person.stack, person.email, "wrong"), 401)
    assert admin.request("POST", path, json={"status": "active", "reason": "A mistake"}).status_code == 200
    assert again(person).me()["id"] == me["id"]

    trail = admin.request("GET", f"/admin/audit?subject={me['id']}").json()["items"]
    told = [entry["action"] for entry in reversed(trail)]
    assert told == [
        "registered", "signed_in", "suspended", "sign_in_failed", "sign_in_failed", "reinstated", "signed_in", "audit_read",
    ]  # fmt: skip
    assert {entry["actor"] for entry in trail if entry["action"] == "suspended"} == {admin.me()["id"]}
    assert all(entry["request_id"] and entry["ip_prefix"] and entry["user_agent"] for entry in trail)
    done = admin.request("GET", f"/admin/audit?actor={admin.me()['id']}&limit=2").json()
    assert len(done["items"]) == 2 and done["next_cursor"]
    forged = done["next_cursor"][:-2] + ("AA" if done["next_cursor"][-2:] != "AA" else "BB")
    problem(admin.request("GET", f"/admin/audit?actor={admin.me()['id']}&cursor={forged}"), 400)


def prove(person: Person, phone: str) -> requests.Response:
    person.verify()
    sent = person.request("POST", "/auth/otp/send", json={"phone": phone})
    assert sent.status_code == 202, sent.text
    return person.request("POST", "/auth/otp/verify", json={"code": texted(person.stack, phone)})


def test_a_number_is_proved_and_asked_for_at_the_next_sign_in(person: Person) -> None:
    stack, phone = person.stack, fresh_phone()
    assert prove(person, phone).status_code == 204
    assert person.me()["phone"] == phone
    switched = person.request("PUT", "/me/second-step", json={"method": "sms", "password": PASSWORD})
    assert switched.status_code == 200, switched.text
    SECRETS.update(switched.json()["recovery_codes"])
    asked = login(stack, person.email)
    assert (asked.status_code, asked.json()["method"]) == (202, "sms")
    challenge = asked.json()["challenge"]
    assert stack.request("POST", "/auth/otp/send", json={"challenge": challenge}).status_code == 202
    code = texted(stack, phone, count=2)
    wrong = f"{(int(code) + 1) % 1_000_000:06}"
    body = {"challenge": challenge, "code": wrong}
    assert problem(stack.request("POST", "/auth/otp/verify", json=body), 401)["code"] == "invalid_code"
    signed_in = stack.request("POST", "/auth/otp/verify", json={**body, "code": code})
    assert signed_in.status_code == 200, signed_in.text
    assert Person(stack, person.email, signed_in.json()).me()["phone"] == phone
    problem(stack.request("POST", "/auth/otp/verify", json={**body, "code": code}), 401)


def test_of_many_guesses_at_once_five_are_heard(person: Person) -> None:
    person.verify()
    phone = fresh_phone()
    assert person.request("POST", "/auth/otp/send", json={"phone": phone}).status_code == 202
    code = texted(person.stack, phone)
    guesses = [f"{(int(code) + n) % 1_000_000:06}" for n in range(1, 8)]
    with ThreadPoolExecutor(4) as crowd:
        answers = list(crowd.map(lambda guess: person.request("POST", "/auth/otp/verify", json={"code": guess}), guesses))
    assert {answer.status_code for answer in answers} == {401}
    problem(person.request("POST", "/auth/otp/verify", json={"code": code}), 401)


@pytest.mark.parametrize(
    "phone", ["07400 123456", "+33 6 12 34 56 78", "+44 9098 790 000", "+447400", "x", "", 7, None], ids=repr
)
def test_no_text_goes_there(person: Person, phone: object) -> None:
    problem(person.request("POST", "/auth/otp/send", json={"phone": phone}), 400)


def test_a_number_gets_three_texts(person: Person) -> None:
    person.verify()
    phone = fresh_phone()
    answers = [person.request("POST", "/auth/otp/send", json={"phone": phone}) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [202, 202, 202, 429, 429]
    assert int(answers[-1].headers["retry-after"]) > 0
    time.sleep(2)
    assert len(eventually(lambda: person.stack.codes(phone))) <= 3


def totp(secret: str, at: float) -> str:
    """RFC 6238, written anew, so that it is not our own library that agrees with itself."""
    digest = hmac.new(base64.b32decode(secret + "=" * (-len(secret) % 8)), struct.pack(">Q", int(at) // 30), hashlib.sha1).digest()
    offset = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[offset : offset + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"


def test_an_app_is_asked_at_the_next_sign_in(person: Person) -> None:
    person.verify()
    stack = person.stack
    enrolment = person.request("POST", "/me/totp").json()
    secret = enrolment["secret"]
    SECRETS.update({secret, enrolment["enrolment"]})
    assert enrolment["uri"].startswith("otpauth://totp/NannyRadar:")
    add = {"method": "totp", "password": PASSWORD, "enrolment": enrolment["enrolment"]}
    first = totp(secret, time.time())
    wrong = f"{(int(first) + 1) % 1_000_000:06}"
    problem(person.request("PUT", "/me/second-step", json={**add, "code": wrong}), 400)
    added = person.request("PUT", "/me/second-step", json={**add, "code": first})
    assert added.status_code == 200, added.text
    recovery = added.json()["recovery_codes"]
    SECRETS.update(recovery)

    challenge = login(stack, person.email).json()["challenge"]
    verify = lambda code: stack.request("POST", "/auth/otp/verify", json={"challenge": challenge, "code": code})  # noqa: E731
    problem(verify(first), 401)
    # The next code, which is forgiven half a minute early: nobody has used it.
    assert verify(totp(secret, time.time() + 30)).status_code == 200
    challenge = login(stack, person.email).json()["challenge"]
    assert verify(recovery[0]).status_code == 200
    challenge = login(stack, person.email).json()["challenge"]
    problem(verify(recovery[0]), 401)
    assert person.request("GET", "/me/second-step").json() == {"method": "totp", "recovery_codes_left": 9}


def test_anybody_can_verify_our_tokens(person: Person) -> None:
    jwks = person.stack.request("GET", "/.well-known/jwks.json")
    assert jwks.status_code == 200 and "public" in jwks.headers["cache-control"]
    has = {"If-None-Match": jwks.headers["etag"]}
    assert person.stack.request("GET", "/.well-known/jwks.json", headers=has).status_code == 304
    header, claims, signature = person.tokens["access_token"].split(".")
    decode = lambda part: base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))  # noqa: E731
    kid = json.loads(decode(header))["kid"]
    key = next(key for key in jwks.json()["keys"] if key["kid"] == kid)
    assert (key["kty"], key["crv"], key["alg"]) == ("OKP", "Ed25519", "EdDSA") and "d" not in key
    Ed25519PublicKey.from_public_bytes(decode(key["x"])).verify(decode(signature), f"{header}.{claims}".encode())


def test_of_a_hundred_guesses_at_once_as_many_are_compared_as_the_buckets_hold(person: Person) -> None:
    # Ten for anybody, and ten more because the network has signed in before; one comes back every ninety seconds.
    began, gate = time.monotonic(), threading.Barrier(20)

    def guess(n: int) -> requests.Response:
        if n < 20:
            gate.wait()
        return login(person.stack, person.email, "wrong wrong")

    with ThreadPoolExecutor(20) as crowd:
        answers = list(crowd.map(guess, range(100)))
    statuses = Counter(answer.status_code for answer in answers)
    came_back = int((time.monotonic() - began) // 90) + 1
    assert set(statuses) == {401, 429}
    assert 20 <= statuses[401] <= 20 + 2 * came_back, statuses
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert problem(refused, 429)["code"] == "too_many_requests"
    assert 0 < int(refused.headers["retry-after"]) <= 90
    assert refused.headers["ratelimit"].startswith('"login";r=0;t=')
    assert refused.headers["ratelimit-policy"] == '"login";q=10;w=900'


def test_registering_again_and_again_sends_few_mails(person: Person) -> None:
    answers = [register(person.stack, person.email).status_code for _ in range(5)]
    assert answers == [202, 202, 429, 429, 429]


def test_a_repeated_request_is_done_once(person: Person) -> None:
    person.verify()
    wish = {"purpose": "avatar", "content_type": "image/jpeg", "size_bytes": 1000}

    def announce(wish: dict[str, object], key: str = "once") -> requests.Response:
        return person.request("POST", "/uploads", json=wish, headers={"Idempotency-Key": key})

    with ThreadPoolExecutor(4) as crowd:
        answers = list(crowd.map(lambda _: announce(wish), range(8)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    created = {answer.json()["id"] for answer in answers if answer.status_code == 201}
    assert len(created) == 1
    replayed = announce(wish)
    assert {replayed.json()["id"]} == created and replayed.headers["idempotent-replayed"] == "true"
    assert problem(announce({**wish, "size_bytes": 2000}), 422)["code"] == "idempotency_key_reused"
    assert announce(wish, "twice").json()["id"] not in created


def test_operators_make_administrators(stack: Stack, person: Person) -> None:
    def make(email: str) -> subprocess.CompletedProcess[str]:
        command = [ROOT / "scripts/admin", "dev", email, "Grace Hopper", "--port", str(stack.emulator.port)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    email = fresh_email()
    made = make(email)
    assert made.returncode == 0 and "usr_" in made.stdout, made.stderr
    token = mailed(stack, email, "/reset-password")
    chosen = stack.request("POST", "/auth/password/reset", json={"token": token, "password": PASSWORD})
    assert chosen.status_code == 204
    assert Person(stack, email, login(stack, email).json()).me()["role"] == "admin"

    again = make(person.email)
    assert again.returncode == 1 and "has an account already" in again.stderr
    assert person.me()["role"] == "parent"
