"""The people of a small town, and their portraits: what a new developer's NannyRadar is filled with."""

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

Colour = tuple[int, int, int]
SKINS: list[Colour] = [(255, 219, 188), (241, 194, 150), (224, 172, 120), (188, 132, 86), (141, 92, 58), (96, 62, 42)]
HAIRS: list[Colour] = [(38, 28, 24), (92, 58, 34), (150, 98, 48), (206, 160, 84), (168, 74, 40), (120, 116, 112)]
CLOTHES: list[Colour] = [(44, 98, 148), (188, 72, 76), (60, 128, 92), (224, 164, 60), (122, 84, 150), (52, 60, 72)]


def portrait(person: Person) -> bytes:
    """A PNG of somebody in a few ellipses. The same person always looks the same, and nobody like another."""
    chance = random.Random(person.name)
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
