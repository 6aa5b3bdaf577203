"""Messages that are no rings: of every size, type, depth and encoding, as an attacker or a careless program sends them."""

import base64
import json
import pickle
import random
import zlib
from collections.abc import Iterator
from typing import Any

from datacenter.ledger.doorbell import RING_TASK

MIB = 1 << 20
RING = json.dumps([["import", "x"], {}, {}]).encode()
PLAIN = {"lang": "py", "task": RING_TASK, "id": "1"}
JSON = "application/json"


class Evil:
    """To unpickle it ends the process."""

    def __reduce__(self) -> tuple[Any, ...]:
        import os

        return os._exit, (9,)


BODIES: tuple[bytes, ...] = (
    b'{"task":"x"}',
    b"",
    b"null",
    b"[]",
    b"{}",
    b"\xff\xfe",
    b"[" * 100_000,
    b'{"a":' * 50_000,
    b"1e999",
    b'[["import"], {}, {}]',
    b'[["import", 5], {}, {}]',
    b'[["import", "x"], {}, {}, {}]',
    b'[["import", "' + b"x" * 500 + b'"], {}, {}]',
    b'{"task": "datacenter.ring", "args": ["import", "x"], "id": "1", "kwargs": 5}',
    b'{"task": "datacenter.ring", "id": {}}',
    pickle.dumps(Evil()),
    zlib.compress(b"0" * 64 * MIB),
    b"x" * MIB,
    b"[" + b"[]," * 3_000_000 + b"0]",
    RING,
)
HEADERS: tuple[dict[str, Any], ...] = (
    {},
    PLAIN,
    {"task": "x"},
    {"task": RING_TASK},
    {"task": ["a"]},
    {"task": None},
    {**PLAIN, "compression": "application/x-gzip"},
    {**PLAIN, "compression": "zlib"},
    {**PLAIN, "compression": ["a"]},
    {**PLAIN, "eta": "tomorrow"},
    {**PLAIN, "eta": "9999-12-31T23:59:59.999999+00:00"},
    {**PLAIN, "eta": 5},
    {**PLAIN, "expires": []},
    {**PLAIN, "expires": "2020-01-01"},
    {**PLAIN, "retries": "many"},
    {**PLAIN, "timelimit": [0.001, 0.001]},
    {**PLAIN, "timelimit": "x"},
    {**PLAIN, "root_id": {}, "parent_id": []},
    {**PLAIN, "id": {"a": 1}},
    {**PLAIN, "group": 1, "chord": {"a": 1}, "errbacks": ["x"]},
    {**PLAIN, "argsrepr": "x" * 100_000},
    {**PLAIN, "stamped_headers": 5, "replaced_task_nesting": "x"},
    {**PLAIN, "reject_on_worker_lost": True, "shadow": 7},
)
TYPES = (
    JSON,
    "application/x-python-serialize",
    "application/x-yaml",
    "application/data",
    "text/plain",
    "",
    "x/y",
    "application/x-msgpack",
)
ENCODINGS = ("utf-8", "binary", "no-such", "", "utf-16", "rot13")
PROPERTIES: tuple[dict[str, Any], ...] = (
    {},
    {"reply_to": "import", "correlation_id": "1"},
    {"priority": 9},
    {"expiration": 100},
    {"correlation_id": "x" * 200, "message_id": "1", "timestamp": 5},
)


def messages(count: int, seed: int) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """Bodies with the arguments of a publisher: each body once as plain as possible, then mixtures; two are very long."""
    chance = random.Random(seed)
    yield b"x" * (12 * MIB), {"headers": {}, "content_type": JSON, "content_encoding": "utf-8"}
    yield (
        b"[" + b"0," * (6 * MIB) + b"0]",
        {"headers": PLAIN, "content_type": JSON, "content_encoding": "utf-8"},
    )
    for body in BODIES[:-1]:
        yield body, {"headers": {}, "content_type": JSON, "content_encoding": "utf-8"}
    for headers in HEADERS:
        yield (
            chance.choice(BODIES[:16]),
            {"headers": headers, "content_type": JSON, "content_encoding": "utf-8"},
        )
    for _ in range(count - len(BODIES) - len(HEADERS) - 1):
        yield (
            chance.choice((*BODIES[:17], RING, chance.randbytes(chance.randrange(1, 2000)))),
            {
                "headers": chance.choice(HEADERS),
                "content_type": chance.choice(TYPES),
                "content_encoding": chance.choice(ENCODINGS),
                **chance.choice(PROPERTIES),
            },
        )


def entries(count: int, seed: int) -> Iterator[bytes]:
    """What may be in a list of Redis instead of an envelope, and envelopes that are wrong in one part."""
    chance = random.Random(seed)
    good: dict[str, Any] = {
        "body": base64.b64encode(b"[[], {}, {}]").decode(),
        "content-type": JSON,
        "content-encoding": "utf-8",
        "headers": PLAIN,
        "properties": {
            "delivery_tag": "1",
            "delivery_info": {"exchange": "", "routing_key": "x"},
            "body_encoding": "base64",
            "priority": 0,
        },
    }
    wrong: tuple[Any, ...] = (None, 5, "x", [], {}, [[]], {"a": {"b": []}}, "\ud800", True, 1e300)
    yield from (body for body in BODIES[:-1])
    yield b"[" + b"[]," * (4 * MIB) + b"0]"
    for _ in range(count - len(BODIES)):
        envelope = json.loads(json.dumps(good))
        part = chance.choice([*good, *good["properties"]])
        section = envelope if part in good else envelope["properties"]
        if chance.random() < 0.3:
            del section[part]
        else:
            section[part] = chance.choice(wrong)
        yield json.dumps(envelope).encode()
