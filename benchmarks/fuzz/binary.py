"""Change bytes: anywhere, in the fields of a header, and inside what is packed."""

import bz2
import gzip
import hashlib
import io
import json
import random
import re
import struct
import zipfile
import zlib
from collections.abc import Callable

import numcodecs
from json_values import change_json

Change = Callable[[bytes, random.Random], bytes]

DTYPES = (
    b"|O",
    b"|b1",
    b"<f8",
    b"<i8",
    b"<u8",
    b"<u4",
    b">i8",
    b"<c16",
    b"|S9",
    b"|V0",
)

GONE = (
    ValueError, LookupError, ArithmeticError, EOFError, OSError, RuntimeError,
    struct.error, zlib.error, zipfile.BadZipFile,
)  # fmt: skip
"""What parsing a format raises if an earlier change has left nothing of it."""

EXTREMES = (
    0, 1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 255, 256, 257,
    1000, 4095, 4096, 32767, 32768, 65535, 65536, 99999, 2**20, 2**24, 2**28, 2**31 - 1,
    2**31, 2**32 - 1, 2**32, 2**40, 10**12, 2**48, 2**62, 2**63 - 1, 2**63, 2**64 - 1,
)  # fmt: skip
CODES = {1: "B", 2: "H", 4: "I", 8: "Q"}
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8,
         13: 4, 16: 8, 17: 8, 18: 8}  # fmt: skip
"""Bytes of each type of a TIFF tag."""

TAGS = (256, 257, 258, 259, 262, 266, 270, 273, 277, 278, 279, 282, 284, 305, 317, 322,
        323, 324, 325, 330, 338, 339, 347, 32997, 33550, 34412, 50838, 50839, 51123,
        65000)  # fmt: skip


# ------------------------------------------------------------- anywhere


def flip_bits(content: bytes, rng: random.Random) -> bytes:
    """Flip a few bits."""
    out = bytearray(content or b"\0")
    for _ in range(rng.choice((1, 1, 2, 8, 60))):
        out[_somewhere(out, rng)] ^= 1 << rng.randrange(8)
    return bytes(out)


def truncate(content: bytes, rng: random.Random) -> bytes:
    """Cut the end off."""
    return content[: rng.randrange(len(content) + 1)]


def move_block(content: bytes, rng: random.Random) -> bytes:
    """Remove, double or overwrite a block."""
    size = rng.choice((1, 2, 4, 8, 16, 100, 1000))
    at, to = rng.randrange(len(content) + 1), rng.randrange(len(content) + 1)
    block = content[at : at + size]
    way = rng.randrange(4)
    if way == 0:
        return content[:at] + content[at + size :]
    if way == 1:
        return content[:to] + block * rng.choice((1, 1, 50)) + content[to:]
    if way == 2:
        filler = rng.choice((b"\0", b"\xff")) * len(block)
        return content[:at] + filler + content[at + size :]
    return content[:to] + block + content[to + len(block) :]


def set_integer(content: bytes, rng: random.Random) -> bytes:
    """Write an extreme number over some bytes, most often near the beginning."""
    out = bytearray(content + bytes(8 - min(8, len(content))))
    size = rng.choice((1, 2, 2, 4, 4, 8))
    at = min(_somewhere(out, rng), len(out) - size)
    return _poked(out, at, size, rng.choice("<>"), rng)


def change_digits(content: bytes, rng: random.Random) -> bytes:
    """Replace a number that is written out; the length of the file may change."""
    found = list(re.finditer(rb"[0-9]+", content[:20_000]))
    if not found:
        return flip_bits(content, rng)
    one = rng.choice(found)
    if rng.random() < 0.5:
        new = bytes(rng.choice(b"0123456789") for _ in one.group())
    else:
        new = str(rng.choice((-1, 0, 1e308, 10**400, "nan", "x", *EXTREMES))).encode()
    return content[: one.start()] + new + content[one.end() :]


def change_frame(content: bytes, rng: random.Random) -> bytes:
    """Change the size that a JPEG has, in a file of its own or within a TIFF."""
    places = [found.start() for found in re.finditer(rb"\xff[\xc0-\xc2]\0", content)]
    if not places:
        return set_integer(content, rng)
    at = rng.choice(places) + rng.choice((2, 5, 5, 7, 7))
    return _poked(bytearray(content), at, 2, ">", rng)


def put_bomb(content: bytes, rng: random.Random) -> bytes:
    """Put something there that unpacks to a thousand times its size."""
    zeros = bytes(2 ** rng.choice((20, 24, 26)))
    way = rng.randrange(6)
    if way == 0:
        return zlib.compress(zeros, 1)
    if way == 1:
        return gzip.compress(zeros, 1, mtime=0)
    if way == 2:
        return bz2.compress(zeros[: 2**24], 1)
    if way == 3:
        return bytes(numcodecs.Zstd(1).encode(zeros))
    if way == 4:
        return bytes(numcodecs.Blosc("zstd", 1).encode(zeros))
    return content[: rng.choice((0, 8, 348))] + zlib.compress(zeros, 1)


ANYWHERE: tuple[Change, ...] = (flip_bits, truncate, move_block, set_integer)


# --------------------------------------------------------- known formats


def change_tiff(content: bytes, rng: random.Random) -> bytes:
    """Change an entry of a directory: its tag, type, count or value."""
    if b"\xff\xc0\0" in content and rng.random() < 0.3:
        return change_frame(content, rng)
    order = "<" if content[:2] == b"II" else ">"
    entries = _entries(content, order)
    if not entries:
        return set_integer(content, rng)
    out = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 3))):
        at, is_big = rng.choice(entries)
        _change_entry(out, at, order, rng, is_big=is_big)
    return bytes(out)


def _change_entry(
    out: bytearray, at: int, order: str, rng: random.Random, *, is_big: bool
) -> None:
    wide = 8 if is_big else 4
    tag, kind = struct.unpack_from(order + "HH", out, at)
    way = rng.randrange(8)
    if way == 0:
        struct.pack_into(order + "H", out, at, rng.choice(TAGS))
    elif way == 1:
        struct.pack_into(order + "H", out, at + 2, rng.choice((*SIZES, 0, 99, 65535)))
    elif way == 2:
        out[:] = _poked(out, at + 4, wide, order, rng)
    elif way == 3 and tag == 270:
        start = struct.unpack_from(order + CODES[wide], out, at + 4 + wide)[0]
        part = bytes(out[start : start + 2000])
        out[start : start + 2000] = _same_length(change_digits(part, rng), len(part))
    else:
        size = min(SIZES.get(kind, 4), wide)
        out[:] = _poked(out, at + 4 + wide, size, order, rng)


def _entries(content: bytes, order: str) -> list[tuple[int, bool]]:
    """Return where the entries of all directories begin, and whether it is BigTIFF."""
    is_big = content[2:4] in {b"+\0", b"\0+"}
    wide, number, size = ("Q", "Q", 20) if is_big else ("I", "H", 12)
    found: list[tuple[int, bool]] = []
    place, seen = 8 if is_big else 4, set()
    try:
        while (at := struct.unpack_from(order + wide, content, place)[0]) not in seen:
            seen.add(at)
            (n,) = struct.unpack_from(order + number, content, at)
            first = at + struct.calcsize(number)
            place = first + min(n, 200) * size
            found += [(first + i * size, is_big) for i in range(min(n, 200))]
    except struct.error:
        pass
    return [(at, big) for at, big in found if at + size <= len(content)]


def change_png(content: bytes, rng: random.Random) -> bytes:
    """Change the header of a PNG, its checksum put right."""
    out = bytearray(content)
    if rng.random() < 0.7:
        out = bytearray(_poked(out, rng.choice((16, 20)), 4, ">", rng))
    else:
        out[24 + rng.randrange(5)] = rng.choice((0, 1, 2, 3, 4, 6, 8, 16, 255))
    out[29:33] = struct.pack(">I", zlib.crc32(out[12:29]))
    return bytes(out)


def change_nifti(content: bytes, rng: random.Random) -> bytes:
    """Change a field of a NIfTI header."""
    fields = ((40, 2), (42, 2), (44, 2), (46, 2), (48, 2), (70, 2), (72, 2), (123, 1))
    out = bytearray(content)
    if rng.random() < 0.3:
        value = rng.choice((0.0, -1.0, 352.0, 1e9, 1e38, float("nan"), float("inf")))
        struct.pack_into("<f", out, rng.choice((76, 80, 84, 88, 108, 112, 116)), value)
        return bytes(out)
    return _poked(out, *rng.choice(fields), "<", rng)


def change_safetensors(content: bytes, rng: random.Random) -> bytes:
    """Change the header, as JSON or its length."""
    (length,) = struct.unpack_from("<Q", content)
    if rng.random() < 0.2:
        return _poked(bytearray(content), 0, 8, "<", rng)
    head = change_json(content[8 : 8 + length], rng)
    return struct.pack("<Q", len(head)) + head + content[8 + length :]


def change_blosc(content: bytes, rng: random.Random) -> bytes:
    """Change a field at the start of a Blosc chunk."""
    at, size = rng.choice(((0, 1), (1, 1), (2, 1), (3, 1), (4, 4), (8, 4), (12, 4)))
    return _poked(bytearray(content), at, size, "<", rng)


def change_journal(content: bytes, rng: random.Random) -> bytes:
    """Change a record of a journal, its checksum put right."""
    start = content.index(b"\n") + 1
    parts, at = [], start
    while at + 13 <= len(content):
        kind, z, length, _ = struct.unpack_from("<cIII", content, at)
        parts.append((kind, z, content[at + 13 : at + 13 + length]))
        at += 13 + length
    chosen = rng.randrange(len(parts))
    kind, z, payload = parts[chosen]
    if rng.random() < 0.2:
        z = rng.choice(EXTREMES) % 2**32
    elif rng.random() < 0.1:
        kind = rng.choice((b"P", b"N", b"?"))
    elif kind == b"N":
        payload = change_json(payload, rng)
    else:
        inner = change(zlib.decompress(payload), rng, rng.choice((set_integer, None)))
        payload = zlib.compress(inner)
    parts[chosen] = kind, z, payload
    return content[:start] + b"".join(_record(*part) for part in parts)


def _record(kind: bytes, z: int, payload: bytes) -> bytes:
    checksum = zlib.crc32(struct.pack("<cI", kind, z) + payload)
    return struct.pack("<cIII", kind, z, len(payload), checksum) + payload


def change_gzip(content: bytes, rng: random.Random) -> bytes:
    """Change what is inside, or put something that unpacks to a great deal there."""
    inner = gzip.decompress(content)
    if rng.random() < 0.1:
        inner += bytes(rng.choice((2**20, 2**24)))
    else:
        inner = change(inner, rng)
    return gzip.compress(inner, 1, mtime=0)


def change_zip(content: bytes, rng: random.Random) -> bytes:
    """Change a member of an archive, its bytes or its name."""
    names = ("../evil", "/etc/evil", "..\\evil", "a/../../evil", "", "a" * 300, "x\0y")
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as old,
        zipfile.ZipFile(out, "w") as new,
    ):
        members = [(info, old.read(info)) for info in old.infolist()]
        chosen = rng.randrange(len(members))
        before = members[chosen][1]
        after = change(before, rng)
        for n, (info, inner) in enumerate(members):
            if n == chosen and rng.random() < 0.2:
                info.filename = rng.choice(names)
            elif n == chosen and rng.random() < 0.1:
                info.external_attr = 0o120777 << 16  # a symbolic link
            renewed = inner.replace(_checksum(before), _checksum(after))
            new.writestr(info, after if n == chosen else renewed)
    return out.getvalue()


def _checksum(content: bytes) -> bytes:
    """Return what a description of files calls this one."""
    return hashlib.sha256(content).hexdigest().encode()


def change_npy(content: bytes, rng: random.Random) -> bytes:
    """Change values of an array, or what its header says."""
    (length,) = struct.unpack_from("<H", content, 8)
    start = 10 + length
    if rng.random() < 0.6 and len(content) > start:
        return content[:start] + set_integer(content[start:], rng)
    head = content[10:start]
    if rng.random() < 0.3:
        kinds = rng.choice(DTYPES)
        head = re.sub(rb"[<>|][a-zA-Z]\d+", kinds, head, count=1)
    else:
        head = change_digits(head, rng)
    return content[:8] + struct.pack("<H", len(head) % 2**16) + head + content[start:]


def change_pickle(content: bytes, rng: random.Random) -> bytes:
    """Swap operations of a pickle, which `torch.load` reads a safe subset of."""
    out = bytearray(content)
    for _ in range(rng.choice((1, 2, 5))):
        out[rng.randrange(len(out))] = rng.choice(b"cRibjlst]}()NKMJG.q\x80\x93\x94")
    return bytes(out)


# ----------------------------------------------------------------- choice


def change(content: bytes, rng: random.Random, how: Change | None = None) -> bytes:
    """Change bytes once, as befits what they are, or in a given way."""
    if how is None:
        known = _known(content)
        how = known if known and rng.random() < 0.7 else rng.choice(ANYWHERE)
    try:
        return how(content, rng)
    except GONE:
        return rng.choice(ANYWHERE)(content, rng)


def _known(content: bytes) -> Change | None:
    starts: dict[bytes, Change] = {
        b"II*\0": change_tiff,
        b"MM\0*": change_tiff,
        b"II+\0": change_tiff,
        b"\x89PNG": change_png,
        b"\x1f\x8b": change_gzip,
        b"PK": change_zip,
        b"\x80\x02": change_pickle,
        b"NRRD": change_digits,
        b"mitoseg": change_journal,
        b"\x93NUMPY": change_npy,
    }
    for start, how in starts.items():
        if content.startswith(start):
            return how
    if len(content) > 348 and content[344:347] in {b"n+1", b"ni1"}:
        return change_nifti
    if content[8:9] == b"{":
        return change_safetensors
    if content.startswith(b"\xff\xd8"):
        return change_frame
    if content[:2] in {b"\x02\x01", b"\x02\x02"}:
        return change_blosc
    return change_json if _is_json(content) else None


def _is_json(content: bytes) -> bool:
    if content.lstrip()[:1] not in {b"{", b"["}:
        return False
    try:
        json.loads(content)
    except (ValueError, RecursionError):
        return False
    return True


def _somewhere(content: bytearray, rng: random.Random) -> int:
    """Choose a place: headers, at the beginning, matter most."""
    limit = rng.choice((32, 256, 1024, len(content)))
    return rng.randrange(max(1, min(limit, len(content))))


def _poked(out: bytearray, at: int, size: int, order: str, rng: random.Random) -> bytes:
    struct.pack_into(order + CODES[size], out, at, rng.choice(EXTREMES) % 256**size)
    return bytes(out)


def _same_length(content: bytes, length: int) -> bytes:
    return content[:length].ljust(length, b"\0")
