"""Files that people send, good and bad."""

import io
import struct
import zlib

from PIL import ExifTags, Image, ImageDraw

RED, BLUE = (220, 20, 20), (20, 20, 220)


def from_a_phone(width: int = 2000, height: int = 1000) -> bytes:
    """Lies on its side: the stored picture is red on the left, so the upright one is red at the top. Knows where it was taken."""
    picture = Image.new("RGB", (width, height), BLUE)
    ImageDraw.Draw(picture).rectangle((0, 0, width // 2, height), fill=RED)
    exif = picture.getexif()
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.Base.Make] = "Nokia"
    exif.get_ifd(ExifTags.IFD.GPSInfo).update({1: "N", 2: (53.0, 44.0, 31.0), 3: "W", 4: (2.0, 0.0, 47.0)})
    return saved(picture, "JPEG", quality=92, exif=exif, comment=b"our garden")


def saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def plain(kind: str, size: tuple[int, int] = (300, 200)) -> bytes:
    return saved(Image.new("RGB", size, RED), kind)


def bomb(side: int = 50_000) -> bytes:
    """A PNG of a few kilobytes that says it has billions of pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress(bytes(2_000_000), 9)
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
