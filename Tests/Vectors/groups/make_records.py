#!/usr/bin/env python3
"""Golden records of `__consumer_offsets`, for Tests/EventLogTests/GroupRecordTests.swift.

    python3 Tests/Vectors/groups/make_records.py

Writes records.txt and placement.txt beside itself. The schemas are those of Apache Kafka's group coordinator
(group-coordinator/src/main/resources/common/message), written down here once more as lists of types: Martlet's own
encoder has no part in it. A line of records.txt is: a name, the version of the value, `tags` where each struct has a
tagged field that nobody knows, the key and the value in hexadecimal, `-` for none. One of placement.txt is: the group's
name in hexadecimal, Java's String.hashCode of it, and its partition of 1, 3, 50 and 128.
"""

import os
import struct
import uuid

FOLDER = os.path.dirname(os.path.abspath(__file__))
TOPIC_1 = uuid.UUID("01234567-89ab-4def-8123-456789abcdef")
TOPIC_2 = uuid.UUID("fedcba98-7654-4210-9edc-ba9876543210")
TIME = 1_700_000_000_123


def varint(n):
    out = b""
    while n >= 0x80:
        out += bytes([n & 0x7F | 0x80])
        n >>= 7
    return out + bytes([n])


class Encoder:
    def __init__(self, flexible, tags):
        self.flexible, self.tags = flexible, tags

    def length(self, n, form):
        if self.flexible:
            return varint(0 if n is None else n + 1)
        return struct.pack(form, -1 if n is None else n)

    def string(self, v):
        raw = b"" if v is None else v.encode()
        return self.length(None if v is None else len(raw), ">h") + raw

    def bytes(self, v):
        return self.length(len(v), ">i") + v

    def array(self, kind, v):
        return self.length(len(v), ">i") + b"".join(self.one(kind, x) for x in v)

    def struct(self, kinds, values, tagged=()):
        assert len(kinds) == len(values)
        out = b"".join(self.one(k, v) for k, v in zip(kinds, values))
        if not self.flexible:
            return out
        fields = list(tagged) + ([(77, b"unknown")] if self.tags else [])
        return out + varint(len(fields)) + b"".join(varint(t) + varint(len(b)) + b for t, b in fields)

    def one(self, kind, v):
        if isinstance(kind, list):
            return self.array(kind[0], v)
        if isinstance(kind, tuple):
            return self.struct(kind, v)
        forms = {"i8": ">b", "i16": ">h", "i32": ">i", "i64": ">q"}
        if kind in forms:
            return struct.pack(forms[kind], v)
        return {"s": self.string, "b": self.bytes, "u": lambda u: u.bytes}[kind](v)


def key(kind, *fields):
    e = Encoder(False, False)
    return struct.pack(">h", kind) + b"".join(e.one("i32" if isinstance(f, int) else "s", f) for f in fields)


def value(version, kinds, values, flexible_from, tagged=lambda e: (), tags=False):
    e = Encoder(version >= flexible_from, tags)
    return struct.pack(">h", version) + e.struct(kinds, values, tagged(e))


def offset_values(version):
    kinds, values = ["i64"], [4_294_967_297]
    if version >= 3:
        kinds, values = kinds + ["i32"], values + [7]
    kinds, values = kinds + ["s", "i64"], values + ["höhe", TIME]
    if version == 1:
        kinds, values = kinds + ["i64"], values + [TIME + 86_400_000]
    return kinds, values


def group_values(version):
    member, fields = ["s"], []
    if version >= 3:
        member.append("s")
    member += ["s", "s"] + (["i32"] if version >= 1 else []) + ["i32", "b", "b"]
    for m in (["m-1", "static-1", "client ä", "/10.0.0.1", 300_000, 45_000, b"\x00\x01meta", b"\x00\x01plan"],
              ["m-2", None, "", "", 1, 2, b"", b""]):
        id, instance, client, host, rebalance, session, metadata, plan = m
        fields.append(
            [id] + ([instance] if version >= 3 else []) + [client, host]
            + ([rebalance] if version >= 1 else []) + [session, metadata, plan])
    kinds = ["s", "i32", "s", "s"] + (["i64"] if version >= 2 else []) + [[tuple(member)]]
    values = ["consumer", 12, "range", "m-1"] + ([TIME] if version >= 2 else []) + [fields]
    return kinds, values


TOPICS = [("u", ["i32"])]
ASSIGNED = [(TOPIC_1, [0, 1, 2]), (TOPIC_2, [])]


def classic_member(e):
    protocols = e.array(("s", "b"), [("range", b"\x00\x03sub"), ("cooperative-sticky", b"")])
    return [(0, b"\x01" + protocols + e.struct((), ()))]


def records():
    offset_key = key(1, "analytics", "readings", 3)
    for version in range(5):
        kinds, values = offset_values(version)
        yield "offset", version, False, offset_key, value(version, kinds, values, 4)
        kinds, values = group_values(version)
        yield "classic", version, False, key(2, "analytics"), value(version, kinds, values, 4)
    for name, (kinds, values) in {"offset": offset_values(4), "classic": group_values(4)}.items():
        yield name, 4, True, offset_key if name == "offset" else key(2, "analytics"), value(
            4, kinds, values, 4, tags=True)
    yield "old-key", 3, False, key(0, "analytics", "readings", 3), value(3, *offset_values(3), 4)
    yield "empty-classic", 3, False, key(2, "analytics"), value(
        3, ["s", "i32", "s", "s", "i64", [("s",)]], ["", 0, None, None, -1, []], 4)
    hash_tag = lambda e: [(0, struct.pack(">q", -123_456_789_012))]
    for tags in (False, True):
        flexible = lambda kinds, values, tagged=lambda e: (): value(0, kinds, values, 0, tagged, tags)
        yield "consumer-group", 0, tags, key(3, "analytics"), flexible(["i32"], [9], hash_tag)
        yield "consumer-group-plain", 0, tags, key(3, "analytics"), flexible(["i32"], [9])
        yield "partition-metadata", 0, tags, key(4, "analytics"), flexible(
            [[("u", "s", "i32", [("i32", ["s"])])]], [[(TOPIC_1, "readings", 4, [])]])
        member = ["s", "s", "s", "s", ["s"], "s", "i32", "s"]
        yield "member", 0, tags, key(5, "analytics", "m-1"), flexible(
            member, ["static-1", None, "client", "/10.0.0.1", ["readings", "events"], None, 300_000, "uniform"])
        yield "classic-member", 0, tags, key(5, "analytics", "m-1"), flexible(
            member, [None, "rack-1", "", "", [], "read.*", -1, None], classic_member)
        yield "target", 0, tags, key(6, "analytics"), flexible(["i32"], [10])
        yield "member-target", 0, tags, key(7, "analytics", "m-1"), flexible([TOPICS], [ASSIGNED])
        yield "member-current", 0, tags, key(8, "analytics", "m-1"), flexible(
            ["i32", "i32", "i8", TOPICS, TOPICS], [10, 9, 1, ASSIGNED, [(TOPIC_2, [5])]])
        yield "regex", 0, tags, key(16, "analytics", "read.*"), flexible(
            [["s"], "i64", "i64"], [["readings", "reads"], 77, TIME])
    for name, k in {
        "offset": offset_key, "classic": key(2, "analytics"), "consumer-group": key(3, "analytics"),
        "partition-metadata": key(4, "analytics"), "member": key(5, "analytics", "m-1"),
        "target": key(6, "analytics"), "member-target": key(7, "analytics", "m-1"),
        "member-current": key(8, "analytics", "m-1"), "regex": key(16, "analytics", "read.*"),
    }.items():
        yield "remove-" + name, -1, False, k, None


def java_hash(text):
    hash = 0
    raw = text.encode("utf-16-be")
    for i in range(0, len(raw), 2):
        hash = (hash * 31 + (raw[i] << 8 | raw[i + 1])) & 0xFFFFFFFF
    return hash - (1 << 32) if hash >> 31 else hash


def groups():
    yield from ["", "a", "analytics", "console-consumer-12345", "Gruppe-ä€", "😀", "polygenelubricants", "x" * 300]
    yield from (f"group-{i}" for i in range(200))


def main():
    with open(os.path.join(FOLDER, "records.txt"), "w") as file:
        print("# Made by make_records.py.", file=file)
        for name, version, tags, k, v in records():
            print(name, version, "tags" if tags else "-", k.hex(), "-" if v is None else v.hex(), file=file)
    # The one hash that has no positive counterpart.
    assert java_hash("polygenelubricants") == -(1 << 31)
    with open(os.path.join(FOLDER, "placement.txt"), "w") as file:
        print("# Made by make_records.py.", file=file)
        for group in groups():
            hash = java_hash(group)
            positive = 0 if hash == -(1 << 31) else abs(hash)
            print(group.encode().hex() or "-", hash, *[positive % n for n in (1, 3, 50, 128)], file=file)


main()
