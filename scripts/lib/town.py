"""The people of a small town, and their portraits: what a new developer's NannyRadar is filled with."""

import datetime
import math
import random
import struct
import zlib
from dataclasses import dataclass

# For the emulator alone, whose state ends with it.
PASSWORD = "copper-otter-lantern-93"
SIZE = 640


@dataclass(frozen=True)
class Person:
    name: str
    role: str

    @property
    def chance(self) -> random.Random:
        """What differs from one to another, and never for the same."""
        return random.Random(self.name)

    @property
    def email(self) -> str:
        return f"{self.name.lower().replace(' ', '.').replace(chr(39), '')}@hebden.example"


PARENTS = [Person(name, "parent") for name in ("Amelia Greenwood", "Tom Sutcliffe", "Priya Nair", "Daniel Okafor")]
SITTERS = [
    Person(name, "sitter")
    for name in (
        "Beth Ackroyd", "Callum Shaw", "Chloe Barraclough", "Dafydd Hughes", "Eilidh Mackay",
        "Fatima Rahman", "Grace Holroyd", "Hannah Crossley", "Imran Malik", "Jess Horsfall",
        "Kasia Nowak", "Leah Stansfield", "Megan Uttley", "Nia Pritchard", "Orla O'Brien",
        "Poppy Helliwell", "Ruby Fielden", "Sanjay Patel", "Tess Thackray", "Zoe Kershaw",
    )
]  # fmt: skip

ADMIN = Person("Margaret Hardcastle", "admin")


@dataclass(frozen=True)
class Visit:
    """A sitter who comes to a family, and how far it has come."""

    parent: Person
    sitter: Person
    state: str


def visit(parent: str, sitter: str, state: str) -> Visit:
    people = {person.name: person for person in [*PARENTS, *SITTERS]}
    return Visit(people[parent], people[sitter], state)


# The way of a booking to which nothing happens.
STATES = ["requested", "accepted", "confirmed", "in_progress", "completed", "settled"]
# No two are of the same people.
VISITS = [
    visit("Amelia Greenwood", "Jess Horsfall", "settled"), visit("Amelia Greenwood", "Megan Uttley", "completed"),
    visit("Amelia Greenwood", "Imran Malik", "confirmed"), visit("Amelia Greenwood", "Tess Thackray", "requested"),
    visit("Tom Sutcliffe", "Leah Stansfield", "in_progress"), visit("Tom Sutcliffe", "Fatima Rahman", "requested"),
    visit("Priya Nair", "Callum Shaw", "confirmed"), visit("Daniel Okafor", "Hannah Crossley", "completed"),
]  # fmt: skip
# Week after week.
SERIES = [visit("Daniel Okafor", "Grace Holroyd", "requested")]
SERIES_RULE = "FREQ=WEEKLY;COUNT=6"
HOURS_PER_VISIT = 3

# Where the valley lives: town, latitude, longitude, postcode.
PLACES = [
    ("Hebden Bridge", 53.7416, -2.0133, "HX7 8AD"), ("Heptonstall", 53.7483, -2.0226, "HX7 7NB"),
    ("Mytholmroyd", 53.7305, -1.9823, "HX7 5DZ"), ("Todmorden", 53.7136, -2.0957, "OL14 5AA"),
    ("Sowerby Bridge", 53.7085, -1.9115, "HX6 2AB"), ("Halifax", 53.7248, -1.8658, "HX1 1UJ"),
]  # fmt: skip
HEADLINES = [
    "Patient, playful and always on time", "Primary teacher, free after school", "Nights and weekends, with a car",
    "Newborns and twins are my favourites", "Outdoors in all weathers", "Calm with children who need more",
]  # fmt: skip
SENTENCES = [
    "I have looked after children for {years} years.", "Mine are grown up, and the house is too quiet.",
    "We bake, paint, and go to the park.", "I am a trained nurse and hold a first aid certificate.",
    "Homework gets done before the story.", "French at breakfast is no extra charge.",
    "I drive, and know every playground between here and Halifax.", "Dogs and guinea pigs welcome.",
    "I worked in a Montessori nursery until last summer.", "Bedtime is my speciality.",
]  # fmt: skip
AGES = ["infant", "toddler", "preschool", "school", "teen"]
SKILLS = ["first_aid", "special_needs", "newborns", "twins", "homework", "cooking", "driving", "music", "crafts", "pets"]
WEEK = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


def sitter_profile(person: Person) -> dict:
    """What a sitter tells about themselves."""
    chance = person.chance
    town, latitude, longitude, _ = chance.choice(PLACES)
    sentences = chance.sample(SENTENCES, 4)
    return {
        "headline": chance.choice(HEADLINES),
        "bio": " ".join(sentences).format(years=chance.randint(2, 20)),
        "languages": ["en", *chance.sample(["fr", "pl", "ur", "cy", "es"], chance.randint(0, 2))],
        "age_groups": sorted(chance.sample(AGES, chance.randint(2, 5)), key=AGES.index),
        "skills": sorted(chance.sample(SKILLS, chance.randint(2, 5))),
        "hourly_rate": {"amount_minor": chance.randrange(1100, 2200, 50), "currency": "GBP"},
        "home": {
            "latitude": round(latitude + chance.uniform(-0.01, 0.01), 5),
            "longitude": round(longitude + chance.uniform(-0.01, 0.01), 5),
            "town": town,
        },
        "travel_radius_metres": chance.choice([5_000, 10_000, 15_000, 20_000]),
        "visible": True,
    }


def availability(person: Person) -> dict:
    """When a sitter works."""
    chance = person.chance
    shifts = [("07:30", "13:00"), ("15:00", "19:00"), ("18:00", "23:30"), ("19:00", "01:00")]
    start, end = chance.choice(shifts)
    days = chance.sample(WEEK, chance.randint(3, 7))
    weekly = {day: [{"start": start, "end": end}] for day in WEEK if day in days}
    return {"time_zone": "Europe/London", "weekly": weekly}


def next_visit(person: Person) -> dict:
    """The first hours that a sitter works from the day after tomorrow on."""
    hours = availability(person)["weekly"]
    days = (datetime.date.today() + datetime.timedelta(days=ahead) for ahead in range(2, 9))
    day = next(day for day in days if WEEK[day.weekday()] in hours)
    start = hours[WEEK[day.weekday()]][0]["start"]
    end = f"{(int(start[:2]) + HOURS_PER_VISIT) % 24:02}{start[2:]}"
    return {"date": day.isoformat(), "start": start, "end": end, "time_zone": "Europe/London"}


def parent_profile(person: Person) -> dict:
    """Where a family lives, and what it looks for."""
    chance = person.chance
    town, latitude, longitude, postcode = chance.choice(PLACES[:4])
    return {
        "address": {"lines": f"{chance.randint(1, 90)} Mill Lane", "town": town, "postcode": postcode, "country": "GB"},
        "location": {"latitude": latitude, "longitude": longitude},
        "languages": ["en"],
        "skills": chance.sample(SKILLS, 1),
        "max_rate": {"amount_minor": 1800, "currency": "GBP"},
    }


def child(person: Person) -> dict:
    """A child of a family."""
    chance = person.chance
    born = f"{datetime.date.today().year - chance.randint(1, 9)}-{chance.randint(1, 12):02}"
    return {"name": chance.choice(["Byron", "Elsie", "Noor", "Rafe"]), "birth_month": born, "allergies": "Peanuts"}


def background_check() -> dict:
    """One that is good for a year."""
    today = datetime.date.today()
    return {
        "title": "Enhanced DBS check",
        "issuer": "Disclosure and Barring Service",
        "reference": "001234567890",
        "issued_on": (today - datetime.timedelta(days=30)).isoformat(),
        "expires_on": (today + datetime.timedelta(days=365)).isoformat(),
    }


Colour = tuple[int, int, int]
SKINS: list[Colour] = [(255, 219, 188), (241, 194, 150), (224, 172, 120), (188, 132, 86), (141, 92, 58), (96, 62, 42)]
HAIRS: list[Colour] = [(38, 28, 24), (92, 58, 34), (150, 98, 48), (206, 160, 84), (168, 74, 40), (120, 116, 112)]
CLOTHES: list[Colour] = [(44, 98, 148), (188, 72, 76), (60, 128, 92), (224, 164, 60), (122, 84, 150), (52, 60, 72)]


def portrait(person: Person) -> bytes:
    """A PNG of somebody in a few ellipses. The same person always looks the same, and nobody like another."""
    chance = person.chance
    skin, hair, cloth = chance.choice(SKINS), chance.choice(HAIRS), chance.choice(CLOTHES)
    sky = tuple(chance.randint(150, 235) for _ in range(3))
    long_hair, width = chance.random() < 0.6, chance.randint(105, 130)
    smile = chance.randint(20, 34)
    rows = [bytearray(bytes(min(255, level + row // 16) for level in sky) * SIZE) for row in range(SIZE)]
    ellipse(rows, 320, 640, 250, 210, cloth)
    if long_hair:
        ellipse(rows, 320, 330, width + 45, 190, hair)
    ellipse(rows, 320, 440, 52, 80, skin)
    ellipse(rows, 320, 250, width + 18, 150, hair)
    ellipse(rows, 320, 290, width, 145, skin)
    for side in (-1, 1):
        ellipse(rows, 320 + side * 45, 275, 12, 15, (40, 32, 30))
    ellipse(rows, 320, 355, 40, smile, (176, 64, 68))
    ellipse(rows, 320, 355 - smile // 2, 46, smile, skin)
    return png(rows)


def ellipse(rows: list[bytearray], x: int, y: int, width: int, height: int, colour: Colour) -> None:
    for row in range(max(0, y - height), min(SIZE, y + height)):
        half = int(width * math.sqrt(1 - ((row - y) / height) ** 2))
        left, right = max(0, x - half), min(SIZE, x + half)
        rows[row][left * 3 : right * 3] = bytes(colour) * (right - left)


def png(rows: list[bytearray]) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", len(rows[0]) // 3, len(rows), 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows), 6)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
