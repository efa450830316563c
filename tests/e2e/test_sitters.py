"""From an empty profile to a sitter whom parents find, and what happens in search when something changes."""

import datetime
import random
import subprocess
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import photos
import pytest
from conftest import SECRETS, Person, eventually, fresh_email, login, problem, register
from lib.console import ROOT
from lib.stack import Stack

WEEK = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


@dataclass
class Sitter:
    """Somebody with a profile, far from all others, so that no test finds another's."""

    person: Person
    place: tuple[float, float]
    id: str

    def profile(self, **changed: Any) -> dict[str, Any]:
        latitude, longitude = self.place
        return {
            "headline": "Patient and playful",
            "bio": "I have looked after children for ten years.",
            "languages": ["en", "fr"],
            "age_groups": ["toddler", "school"],
            "skills": ["first_aid"],
            "hourly_rate": {"amount_minor": 1450, "currency": "GBP"},
            "home": {"latitude": latitude, "longitude": longitude, "town": "Somewhere"},
            "visible": True,
            **changed,
        }

    def put(self, **changed: Any) -> dict[str, Any]:
        response = self.person.request("PUT", "/me/sitter-profile", json=self.profile(**changed))
        assert response.status_code == 200, response.text
        return response.json()

    def search(self, network: str = "127.0.0.1", **asked: Any) -> dict[str, Any]:
        latitude, longitude = self.place
        asked = {"latitude": latitude, "longitude": longitude, **asked}
        # The emulator takes its word for where a request comes from; API Gateway does not.
        whence = {"X-Forwarded-For": network}
        response = self.person.stack.request("GET", "/sitters/search", params=asked, headers=whence)
        assert response.status_code == 200, response.text
        return response.json()

    def hit(self, **asked: Any) -> dict[str, Any] | None:
        return next((item for item in self.search(**asked)["items"] if item["id"] == self.id), None)

    def is_gone(self) -> bool:
        return self.hit() is None


def decide(admin: Person, path: str, decision: str) -> None:
    response = admin.request("POST", path, json={"decision": decision, "reason": "Seen"})
    assert response.status_code == 200, response.text


@pytest.fixture(scope="session")
def new_sitter(stack: Stack, admin: Person) -> Callable[[], Sitter]:
    def make() -> Sitter:
        email = fresh_email()
        assert register(stack, email, role="sitter", name="Beth Ackroyd").status_code == 202
        person = Person(stack, email, login(stack, email).json())
        person.verify()
        place = (random.uniform(-60, 60), random.uniform(-179, 179))
        sitter = Sitter(person, place, person.me()["id"])
        assert person.upload(photos.plain("JPEG"))["state"] == "ready"
        weekly = {day: [{"start": "08:00", "end": "20:00"}] for day in WEEK}
        hours = {"time_zone": "Europe/London", "weekly": weekly}
        assert person.request("PUT", "/me/availability", json=hours).status_code == 200
        assert sitter.put()["state"] == "in_review"
        return sitter

    return make


def check(admin: Person, sitter: Sitter) -> None:
    """Hands in a background check, which an admin verifies."""
    today = datetime.date.today()
    reference = uuid.uuid4().hex
    SECRETS.add(reference)
    body = {
        "title": "Enhanced DBS check",
        "issuer": "Disclosure and Barring Service",
        "reference": reference,
        "issued_on": today.isoformat(),
        "expires_on": (today + datetime.timedelta(days=365)).isoformat(),
    }
    response = sitter.person.request("POST", "/me/background-check", json=body)
    assert response.status_code == 201, response.text
    decide(admin, f"/admin/credentials/{response.json()['id']}/decision", "verify")


@pytest.fixture(scope="session")
def listed(new_sitter: Callable[[], Sitter], admin: Person) -> Callable[[], Sitter]:
    def make() -> Sitter:
        sitter = new_sitter()
        check(admin, sitter)
        decide(admin, f"/admin/sitters/{sitter.id}/decision", "approve")
        eventually(sitter.hit)
        return sitter

    return make


def test_an_admin_decides_who_is_shown(new_sitter: Callable[[], Sitter], admin: Person) -> None:
    sitter = new_sitter()
    path = f"/admin/sitters/{sitter.id}/decision"
    refused = admin.request("POST", path, json={"decision": "approve", "reason": "Seen"})
    assert problem(refused, 409)["code"] == "not_checked"
    check(admin, sitter)
    assert sitter.is_gone()
    decide(admin, path, "approve")
    hit = eventually(sitter.hit)
    assert hit["background_checked"] and hit["distance_metres"] <= 2000
    assert {link["size"] for link in hit["picture"]} == {"card"}
    shown = sitter.person.stack.request("GET", f"/sitters/{sitter.id}").json()
    assert shown["bio"].startswith("I have looked") and "latitude" not in str(shown)
    assert eventually(lambda: sitter.person.stack.mailbox(sitter.person.email)[-1]["Subject"] == "Parents can find you now")


def test_every_change_shows(listed: Callable[[], Sitter], admin: Person) -> None:
    sitter = listed()
    sitter.put(hourly_rate={"amount_minor": 2000, "currency": "GBP"})
    eventually(lambda: sitter.hit()["hourly_rate"]["amount_minor"] == 2000)
    assert sitter.hit(max_rate_minor=1999) is None

    before = sitter.hit()["picture"][0]["url"].split("?")[0]
    assert sitter.person.upload(photos.plain("PNG"), "image/png")["state"] == "ready"
    eventually(lambda: sitter.hit()["picture"][0]["url"].split("?")[0] != before)

    assert sitter.person.request("PATCH", "/me", json={"name": "Elizabeth Ackroyd"}).status_code == 200
    eventually(lambda: sitter.hit(q="elisabeth"))

    latitude, longitude = sitter.place
    sitter.put(home={"latitude": latitude + 1, "longitude": longitude, "town": "Elsewhere"})
    eventually(sitter.is_gone)
    sitter.place = (latitude + 1, longitude)
    eventually(sitter.hit)

    sitter.put(visible=False)
    eventually(sitter.is_gone)
    sitter.put()
    eventually(sitter.hit)

    for status, seen in (("suspended", sitter.is_gone), ("active", sitter.hit)):
        body = {"status": status, "reason": "Two reports"}
        assert admin.request("POST", f"/admin/users/{sitter.id}/status", json=body).status_code == 200
        eventually(seen)
    decide(admin, f"/admin/sitters/{sitter.id}/decision", "suspend")
    eventually(sitter.is_gone)
    assert problem(sitter.person.stack.request("GET", f"/sitters/{sitter.id}"), 404)


def test_a_change_is_searchable_within_two_seconds(listed: Callable[[], Sitter]) -> None:
    sitter, took = listed(), []
    for amount in range(1500, 2000, 50):
        sitter.put(hourly_rate={"amount_minor": amount, "currency": "GBP"})
        began = time.monotonic()
        eventually(lambda wanted=amount: sitter.hit()["hourly_rate"]["amount_minor"] == wanted)
        took.append(time.monotonic() - began)
    took.sort()
    print(f"searchable after {took[0]:.2f} s at best, {took[len(took) // 2]:.2f} s in the middle, {took[-1]:.2f} s at worst")
    # A machine that is busy with something else is slower, and now and then; the way itself is not.
    assert took[len(took) // 2] < 2, took


def test_hours_are_bookable(listed: Callable[[], Sitter]) -> None:
    sitter = listed()
    day = datetime.datetime.now(datetime.UTC).date() + datetime.timedelta(days=10)
    asked = {"starts_at": f"{day}T00:00:00Z", "ends_at": f"{day + datetime.timedelta(days=1)}T00:00:00Z"}
    slots = sitter.person.stack.request("GET", f"/sitters/{sitter.id}/availability", params=asked).json()
    assert slots["time_zone"] == "Europe/London" and len(slots["items"]) == 1
    assert sitter.hit(starts_at=f"{day}T10:00:00Z", ends_at=f"{day}T15:00:00Z")
    assert sitter.hit(starts_at=f"{day}T10:00:00Z", ends_at=f"{day}T23:00:00Z") is None


def test_public_answers_are_not_sent_twice(stack: Stack, listed: Callable[[], Sitter]) -> None:
    sitter = listed()
    first = stack.request("GET", "/sitters?limit=1")
    assert first.headers["cache-control"] == "public, max-age=300"
    assert first.json()["items"][0]["id"] == sitter.id
    again = stack.request("GET", "/sitters?limit=1", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_family_finds_and_keeps_a_sitter(person: Person, listed: Callable[[], Sitter]) -> None:
    sitter = listed()
    assert problem(person.request("GET", "/sitters/recommended"), 409)["code"] == "no_parent_profile"
    latitude, longitude = sitter.place
    child = {
        "name": "Theophania",
        "birth_month": f"{datetime.date.today().year - 2}-01",
        "allergies": "Peanuts and penicillin",
        "needs": "Sleeps with a stuffed walrus",
    }
    SECRETS.update({child["name"], child["allergies"], child["needs"], "9 Secret Lane", repr(latitude), repr(longitude)})
    profile = {
        "address": {"lines": "9 Secret Lane", "town": "Somewhere", "postcode": "HX7 8AD", "country": "GB"},
        "location": {"latitude": latitude, "longitude": longitude},
        "languages": ["fr"],
    }
    assert person.request("PUT", "/me/parent-profile", json=profile).status_code == 200
    created = person.request("POST", "/me/children", json=child)
    assert created.status_code == 201, created.text
    shown = person.request("GET", f"/me/children/{created.json()['id']}").json()
    assert {name: shown[name] for name in child} == child
    listed_children = person.request("GET", "/me/children").text
    assert "Peanuts" not in listed_children and "walrus" not in listed_children
    recommended = person.request("GET", "/sitters/recommended")
    assert recommended.status_code == 200, recommended.text
    (only,) = recommended.json()["items"]
    assert only["sitter"]["id"] == sitter.id and {"near", "languages", "ages"} <= set(only["reasons"])

    assert person.request("PUT", f"/me/favourites/{sitter.id}").status_code == 204
    (favourite,) = person.request("GET", "/me/favourites").json()["items"]
    assert favourite["sitter"]["id"] == sitter.id
    sitter.put(visible=False)
    eventually(lambda: person.request("GET", "/me/favourites").json()["items"][0]["sitter"] is None)
    assert person.request("DELETE", f"/me/favourites/{sitter.id}").status_code == 204
    assert person.request("GET", "/me/favourites").json()["items"] == []


def test_searches_are_counted(stack: Stack, listed: Callable[[], Sitter], admin: Person) -> None:
    sitter = listed()
    word = "".join(random.choices("bcdfghjklmnpqrstvwxz", k=12))
    name = "".join(random.choices("bcdfghjklmnpqrstvwxz", k=12))
    # One in 256 shares another's group; of twelve, fewer than three groups are not to be expected.
    searches = [sitter.search(network=f"203.0.113.{n}", q=word) for n in range(12)]
    for _ in range(3):
        sitter.search(network="203.0.113.99", q=name)
    assert all(search["total"] == 0 for search in searches)
    clicked = stack.request("GET", f"/sitters/{sitter.id}", params={"search_id": searches[0]["search_id"]})
    assert clicked.status_code == 200

    def counted() -> dict[str, Any] | None:
        hours = admin.request("GET", "/admin/search-analytics").json()["hours"]
        found = [hour for hour in hours if {"term": word, "searches": 12} in hour["zero_result_terms"]]
        return found[0] if found and found[0]["clicks"] else None

    hour = eventually(counted)
    assert hour["searches"] >= 15 and hour["zero_results"] >= 15 and hour["p95_milliseconds"]
    assert name not in {term["term"] for term in hour["zero_result_terms"]}, "one person's word is told"


def test_the_index_can_be_made_anew(stack: Stack, listed: Callable[[], Sitter]) -> None:
    sitters = [listed(), listed()]
    table = stack.client("dynamodb")
    name = stack.outputs["SearchTable"]
    for item in table.scan(TableName=name)["Items"]:
        table.delete_item(TableName=name, Key={"pk": item["pk"], "sk": item["sk"]})
    assert all(eventually(sitter.is_gone) for sitter in sitters)
    reindex(stack)
    assert all(eventually(sitter.hit) for sitter in sitters)


def test_searches_go_on_while_the_index_is_made_anew(stack: Stack, listed: Callable[[], Sitter]) -> None:
    sitter, done = listed(), threading.Event()

    def search() -> tuple[int, int]:
        """How often it was asked, and how often nobody was found."""
        asked = gone = 0
        while not done.is_set():
            asked, gone = asked + 1, gone + sitter.is_gone()
            time.sleep(0.1)
        return asked, gone

    with ThreadPoolExecutor(1) as pool:
        searching = pool.submit(search)
        try:
            reindex(stack)
        finally:
            done.set()
        asked, gone = searching.result()
    assert asked > 5 and gone == 0, f"{gone} of {asked} searches found nobody"


def reindex(stack: Stack) -> None:
    script = [ROOT / "scripts/reindex", "dev", "--port", str(stack.emulator.port)]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Indexing" in done.stdout and "were looked at again" in done.stdout, done.stdout
