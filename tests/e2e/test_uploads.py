"""A photo's way: announced, sent straight to S3, checked, stripped, published. And what is refused on that way."""

import io
from collections.abc import Callable

import photos
import pytest
import requests
from conftest import Person, eventually, post, problem
from PIL import Image

VARIANTS = {(size, kind) for size in ("thumbnail", "card", "full") for kind in ("jpeg", "webp")}


def test_a_photo_becomes_the_avatar(person: Person) -> None:
    done = person.upload(photos.from_a_phone())
    assert (done["state"], done["reason"]) == ("ready", None)
    assert {(variant["size"], variant["format"]) for variant in done["variants"]} == VARIANTS
    avatar = person.me()["avatar"]
    assert avatar["upload_id"] == done["id"]
    assert {(variant["size"], variant["format"]) for variant in avatar["variants"]} == VARIANTS

    dimensions = {"thumbnail": (128, 128), "card": (300, 300), "full": (512, 1024)}
    for variant in avatar["variants"]:
        response = requests.get(variant["url"], timeout=10)
        assert response.status_code == 200
        assert response.headers["content-type"] == f"image/{variant['format']}"
        picture = Image.open(io.BytesIO(response.content))
        assert picture.format == variant["format"].upper()
        assert picture.size == (variant["width"], variant["height"]) == dimensions[variant["size"]]
        assert not picture.getexif() and not {"exif", "icc_profile", "comment", "xmp"} & picture.info.keys()
        assert b"Nokia" not in response.content and b"garden" not in response.content
        assert is_like(picture, 0.1, photos.RED) and is_like(picture, 0.9, photos.BLUE), "it is not upright"
        assert requests.get(variant["url"].split("?")[0], timeout=10).status_code == 403, "it is public"


def is_like(picture: Image.Image, height: float, colour: tuple[int, int, int]) -> bool:
    found = picture.convert("RGB").getpixel((picture.width // 2, int(picture.height * height)))
    return all(abs(seen - wanted) < 40 for seen, wanted in zip(found, colour, strict=True))


def test_nothing_that_was_sent_stays(person: Person) -> None:
    done = person.upload(photos.plain("JPEG"))
    assert stored(person, done["id"]) == []


def stored(person: Person, upload: str) -> list[str]:
    listing = person.stack.client("s3").list_objects_v2(Bucket=person.stack.outputs["UploadsBucket"])
    return [found["Key"] for found in listing.get("Contents", []) if upload in found["Key"]]


@pytest.mark.parametrize(
    ("kind", "content_type"), [("PNG", "image/png"), ("WEBP", "image/webp"), ("JPEG", "image/jpeg")]
)
def test_the_types_that_are_taken(person: Person, kind: str, content_type: str) -> None:
    assert person.upload(photos.plain(kind), content_type)["state"] == "ready"


def test_a_form_that_is_used_again_publishes_one_photo(person: Person) -> None:
    photo = photos.plain("JPEG")
    form = person.announce(len(photo))
    for _ in range(10):
        assert post(form, photo).ok
    eventually(lambda: person.request("GET", f"/uploads/{form['id']}").json()["state"] == "ready")
    eventually(lambda: versions(person, form["id"]) == [])
    assert rendered(person, form["id"]) == 1


def versions(person: Person, upload: str) -> list[str]:
    listing = person.stack.client("s3").list_object_versions(Bucket=person.stack.outputs["UploadsBucket"])
    return [found["VersionId"] for found in listing.get("Versions", []) if upload in found["Key"]]


def rendered(person: Person, upload: str) -> int:
    logs = person.stack.client("logs").filter_log_events(logGroupName="/aws/lambda/nannyradar-dev-MediaProcess")
    return sum("image rendered" in event["message"] and upload in event["message"] for event in logs["events"])


def test_a_newer_photo_replaces_the_avatar(person: Person) -> None:
    person.upload(photos.plain("JPEG"))
    second = person.upload(photos.plain("PNG"), "image/png")
    assert person.me()["avatar"]["upload_id"] == second["id"]


@pytest.mark.parametrize(
    ("file", "content_type", "reason"),
    [
        (b"Dear diary, " * 500, "image/jpeg", "not_an_image"),
        (photos.from_a_phone()[:6000], "image/jpeg", "corrupt"),
        (photos.plain("PNG")[:100], "image/png", "corrupt"),
        (photos.bomb(), "image/png", "too_many_pixels"),
        (photos.plain("GIF"), "image/png", "unsupported_type"),
        (b"\xff\xd8\xff\xe0" + bytes(100), "image/jpeg", "corrupt"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "image/png", "unsupported_type"),
    ],
    ids=["text", "truncated JPEG", "truncated PNG", "bomb", "GIF", "JPEG's first bytes", "SVG"],
)
def test_what_is_refused_and_why(person: Person, file: bytes, content_type: str, reason: str) -> None:
    calls = invocations(person)
    done = person.upload(file, content_type)
    assert (done["state"], done["reason"], done["variants"]) == ("rejected", reason, [])
    assert stored(person, done["id"]) == []
    assert person.me()["avatar"] is None
    assert invocations(person) == calls + 1, "it was tried again"


def invocations(person: Person) -> int:
    logs = person.stack.client("logs").filter_log_events(logGroupName="/aws/lambda/nannyradar-dev-MediaProcess")
    return sum(event["message"].startswith("START") for event in logs["events"])


def test_s3_bounds_what_is_sent(person: Person) -> None:
    form = person.announce(1000)
    photo = photos.plain("JPEG")
    assert post(form, bytes(15 * 1024 * 1024 + 1)).status_code == 400
    assert post(form, b"").status_code == 400
    assert post(form, photo, key="incoming/something-else").status_code == 403
    assert post(form, photo, **{content_type_field(form): "text/html"}).status_code == 403
    assert post(form, photo, policy="e30=").status_code == 403
    assert requests.post(form["url"], files={"file": photo}, timeout=10).status_code in (400, 403)
    assert post(form, photo).ok


def content_type_field(form: dict) -> str:
    return next(name for name in form["fields"] if name.lower() == "content-type")


@pytest.mark.parametrize(
    "changed",
    [{"size_bytes": 0}, {"size_bytes": -1}, {"size_bytes": 15 * 1024 * 1024 + 1}, {"size_bytes": "5"}, {"size_bytes": 1.5},
     {"size_bytes": 10**30}, {"content_type": "image/gif"}, {"content_type": "text/html"}, {"content_type": None},
     {"purpose": "passport"}, {"purpose": 1}, {"key": "incoming/x"}],
    ids=repr,
)  # fmt: skip
def test_what_cannot_be_announced(person: Person, changed: dict[str, object]) -> None:
    person.verify()
    wish = {"purpose": "avatar", "content_type": "image/jpeg", "size_bytes": 1000, **changed}
    problem(person.request("POST", "/uploads", json=wish))


def test_an_upload_belongs_to_one_person(newcomer: Callable[..., Person]) -> None:
    owner, other = newcomer(), newcomer()
    form = owner.announce(1000)
    mine = owner.request("GET", f"/uploads/{form['id']}").json()
    assert (mine["state"], mine["reason"], mine["purpose"]) == ("awaiting", None, "avatar")
    foreign = problem(other.request("GET", f"/uploads/{form['id']}"), 404)
    unknown = problem(other.request("GET", f"/uploads/{form['id'][:-1]}0"), 404)
    assert foreign["code"] == unknown["code"]


@pytest.mark.parametrize("identifier", ["x", "usr_01h455vb4pex5vsknk084sn02q", "%2e%2e", "upl_" + "z" * 300])
def test_nonsense_is_not_an_upload(person: Person, identifier: str) -> None:
    problem(person.request("GET", f"/uploads/{identifier}"))


def test_a_browser_may_send_a_photo_from_our_site_only(person: Person) -> None:
    form = person.announce(1000)

    def preflight(origin: str) -> requests.Response:
        headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        return requests.options(form["url"], headers=headers, timeout=10)

    assert preflight("http://localhost:3000").headers["access-control-allow-origin"] == "http://localhost:3000"
    assert "access-control-allow-origin" not in preflight("https://evil.example").headers
