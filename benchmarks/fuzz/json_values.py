"""Change JSON as somebody might who means harm, or who edits it by hand."""

import json
import random
from typing import Any

NUMBERS = (
    0, -1, 1, 2, 7, 255, 256, 2**15, 2**16, 2**31 - 1, 2**31, 2**32, 2**53, 2**63,
    2**64, 10**12, 10**30, 10**400, -(2**31), -(2**63), 0.5, -0.0, 1e-320, 1e308, 5.9,
    float("nan"), float("inf"), -float("inf"),
)  # fmt: skip
TEXTS = (
    "", " ", "0", "-1", "1e999", "NaN", "None", "a" * 70_000, "\x00", "\ud800", "é" * 9,
    "../../..", "..", ".", "/", "/etc/passwd", "/dev/zero", "C:\\x", "s0/../../x", "~",
    "http://127.0.0.1:9/a", "s3://bucket/a", "file:///etc/passwd", "%2e%2e/", "labels",
    "|O", "|b1", "|u1", "<u2", ">f8", "<f2", "<i8", "<c16", "<M8[ns]", "|V8", "|S9",
    "|S1000000000", "<U99999999", "uint8", "float64", "r999", "string", "variable",
    "pickle", "json2", "zlib", "zstd", "blosc", "gzip", "bz2", "lzma", "lz4", "delta",
    "vlen-utf8", "categorize", "msgpack2", "n5_wrapper", "fixedscaleoffset", "crc32c",
    "sharding_indexed", "bytes", "transpose", "numcodecs.zlib", "rectilinear", "C", "F",
    "nanometer", "parsec", "z", "t", "c", "channel", "scale", "translation", "fast",
    "unet2d", "fusion-fcn", "threshold", "watershed", "restore", "register", "cuda",
)  # fmt: skip
CODECS = (
    {"id": "pickle"}, {"id": "json2"}, {"id": "zlib", "level": 99}, {"id": "lz4"},
    {"id": "zstd"}, {"id": "blosc"}, {"id": "gzip"}, {"id": "bz2"}, {"id": "lzma"},
    {"id": "delta", "dtype": "<f8"}, {"id": "shuffle", "elementsize": 0},
    {"id": "quantize", "digits": 9, "dtype": "<f4"}, {"id": "packbits"},
    {"id": "base64"}, {"id": "adler32"}, {"id": "fletcher32"}, {"id": "vlen-bytes"},
    {"id": "astype", "encode_dtype": "<f4", "decode_dtype": "|O"},
    {"name": "blosc"}, {"name": "zstd", "configuration": {"level": 1, "checksum": 1}},
    {"name": "gzip", "configuration": {"level": 1}}, {"name": "vlen-utf8"},
    {"name": "transpose", "configuration": {"order": [0, 0, 9]}}, {"name": "crc32c"},
    {"name": "numcodecs.pickle"}, {"name": "bytes", "configuration": {"endian": "x"}},
    {"step": "threshold"}, {"step": "register"}, {"step": "dense-crf", "sigma": 1e99},
)  # fmt: skip
DEPTHS = (50, 900, 5_000, 100_000)
LENGTHS = (100, 3_000, 100_000)
LONGEST = 3 * 10**6
HOLE = "\uffff hole"
"""Stands for a piece of text that no JSON value can give."""

Path = tuple[Any, ...]


def change_json(content: bytes, rng: random.Random) -> bytes:
    """Change one to three places of a JSON text."""
    value = json.loads(content)
    text = None
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        value, hole = _changed(value, rng)
        text = hole or text
    out = json.dumps(value, indent=rng.choice((None, 1)))
    if text is not None:
        out = out.replace(json.dumps(HOLE), text)
    return _encoded(out, rng)


def _encoded(text: str, rng: random.Random) -> bytes:
    kind = rng.randrange(40)
    if kind == 0:
        return text.encode("utf-16")
    if kind == 1:
        return b"\xef\xbb\xbf" + text.encode()
    if kind == 2:
        return text.encode().replace(b'"', b'"\xff', 1)
    return text.encode()


def _changed(value: Any, rng: random.Random) -> tuple[Any, str | None]:
    """Return the value with one place changed, and what goes into a hole."""
    places = list(_places(value, ()))
    at = rng.choice(places)
    old = _get(value, at)
    ways = [_replace, _replace, _nest, _lengthen]
    ways += [_members] * 3 if isinstance(old, dict | list) and old else []
    ways += [_nudge] * 3 if isinstance(old, int | float) else []
    new, hole = rng.choice(ways)(old, rng)
    return _put(value, at, new), hole


def _replace(_: Any, rng: random.Random) -> tuple[Any, None]:
    pool = rng.choice((NUMBERS, NUMBERS, TEXTS, TEXTS, CODECS, (None, True, [], {})))
    new = rng.choice(pool)
    return (([new] if rng.random() < 0.3 else new), None)


def _nudge(old: float, rng: random.Random) -> tuple[Any, None]:
    ways = (old + 1, old - 1, -old, old * 2, old * 1000, float(old), str(old), [old])
    return rng.choice(ways), None


def _nest(old: Any, rng: random.Random) -> tuple[Any, str]:
    depth = rng.choice(DEPTHS)
    start, end = rng.choice((("[", "]"), ('{"a":', "}")))
    inner = "0" if rng.random() < 0.5 else json.dumps(old)
    return HOLE, start * depth + inner + end * depth


def _lengthen(old: Any, rng: random.Random) -> tuple[Any, str]:
    length = rng.choice(LENGTHS)
    if isinstance(old, str):
        return HOLE, json.dumps(old * min(length, LONGEST // max(1, len(old))))
    if isinstance(old, int) and rng.random() < 0.3:
        return HOLE, "9" * length
    one = json.dumps(old[0] if isinstance(old, list) and old else old)
    return HOLE, "[" + ",".join([one] * min(length, LONGEST // len(one))) + "]"


def _members(old: Any, rng: random.Random) -> tuple[Any, None]:
    """Leave out, double, rename, reorder or add a member."""
    if isinstance(old, list):
        at, new = rng.randrange(len(old)), list(old)
        way = rng.randrange(3)
        if way == 0:
            del new[at]
        elif way == 1:
            new.insert(at, old[rng.randrange(len(old))])
        else:
            rng.shuffle(new)
        return new, None
    key, new = rng.choice(list(old)), dict(old)
    kept = new.pop(key)
    if rng.random() < 0.5:
        new[rng.choice((key.upper(), key + "_", "", "name", "path", "shape"))] = kept
    if rng.random() < 0.3:
        new[key] = new.get(rng.choice(list(old)))
    return new, None


def _places(value: Any, at: Path) -> Any:
    yield at
    if len(at) > 30:
        return
    members = ()
    if isinstance(value, dict):
        members = tuple(value.items())
    elif isinstance(value, list):
        members = tuple(enumerate(value[:50]))
    for key, inner in members:
        yield from _places(inner, (*at, key))


def _get(value: Any, at: Path) -> Any:
    for key in at:
        value = value[key]
    return value


def _put(value: Any, at: Path, new: Any) -> Any:
    if not at:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[at[0]] = _put(value[at[0]], at[1:], new)
    return copy
