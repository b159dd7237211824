"""Requests of every API, made from Kafka's schemas, and what can be done to them.

A request is made as a list of parts, each with its kind: so a change can be made where it means something."""

import json
import re
import struct
from importlib import resources

# What kafka-python has no schemas of, and Martlet's own: field, type, first version, last one.
MORE = {
    68: ("ConsumerGroupHeartbeat", 0, 1, 0, [
        ("GroupId", "string", 0), ("MemberId", "string", 0), ("MemberEpoch", "int32", 0), ("InstanceId", "string?", 0),
        ("RackId", "string?", 0), ("RebalanceTimeoutMs", "int32", 0), ("Names", "[]string?", 0),
        ("Regex", "string?", 1), ("Assignor", "string?", 0),
        ("Owned", [("TopicId", "uuid", 0), ("Partitions", "[]int32", 0)], 0)]),
    69: ("ConsumerGroupDescribe", 0, 1, 0, [("GroupIds", "[]string", 0), ("Operations", "bool", 0)]),
    20000: ("AlterGroupOffsets", 0, 0, 0, [
        ("GroupId", "string", 0), ("Kind", "string", 0), ("OnlyIfEmpty", "bool", 0), ("ValidateOnly", "bool", 0),
        ("Topics", [("Name", "string", 0), ("Partitions", [
            ("Index", "int32", 0), ("Offset", "int64", 0), ("LeaderEpoch", "int32", 0), ("Metadata", "string?", 0)], 0)],
         0)]),
    20001: ("DescribePositions", 0, 0, 0, [
        ("Topics", [("Name", "string", 0), ("Partitions", [("Index", "int32", 0), ("Offset", "int64", 0)], 0)], 0)]),
    20002: ("DescribeSegments", 0, 0, 0, [
        ("Topics", [("Name", "string", 0), ("Partitions", "[]int32", 0)], 0)]),
}


class Schema:
    def __init__(self, key, name, versions, flexible, fields):
        self.key, self.name, self.versions, self.flexible, self.fields = key, name, versions, flexible, fields


def span(text, last=1 << 15):
    """'3-7', '3+', '3' or 'none' as numbers."""
    if not text or text == "none":
        return (1, 0)
    first, _, end = text.rstrip("+").partition("-")
    return (int(first), last if text.endswith("+") else int(end or first))


def of_json(text):
    text = re.sub(r"^\s*//.*$", "", text, flags=re.M)
    # A comment behind a line's end; addresses in texts have no space before their slashes.
    return json.loads(re.sub(r"\s//[^\"]*$", "", text, flags=re.M))


def short_fields(fields):
    return [
        {"name": name, "versions": f"{first}+", "fields": short_fields(kind), "type": "[]"} if isinstance(kind, list)
        else {"name": name, "versions": f"{first}+", "type": kind.rstrip("?"),
              "nullableVersions": "0+" if kind.endswith("?") else "none"}
        for name, kind, first in fields]


def load(offered):
    """The schemas of what a broker offers: (first, last) by API. Of each there must be one: else it would not be attacked."""
    found = {}
    for file in resources.files("kafka.protocol.schemas.resources").iterdir():
        if file.name.endswith("Request.json"):
            schema = of_json(file.read_text())
            flexible = span(schema.get("flexibleVersions", "none"))
            structs = {one["name"]: one["fields"] for one in schema.get("commonStructs", [])}
            found[schema["apiKey"]] = Schema(
                schema["apiKey"], schema["name"].removesuffix("Request"), span(schema["validVersions"]), flexible[0]
                if flexible[0] <= flexible[1] else 1 << 15, resolved(schema["fields"], structs))
    for key, (name, first, last, flexible, fields) in MORE.items():
        found.setdefault(key, Schema(key, name, (first, last), flexible, short_fields(fields)))
    result = []
    for key, (first, last) in sorted(offered.items()):
        schema = found.get(key)
        versions = (max(first, schema.versions[0]), min(last, schema.versions[1])) if schema else (1, 0)
        if versions[0] > versions[1]:
            raise SystemExit(f"error: the broker offers API {key} in versions {first} to {last}, of which there is no schema: add it to MORE")
        schema.versions = versions
        result.append(schema)
    return result


def resolved(fields, structs):
    for field in fields:
        if "fields" not in field and (name := field["type"].removeprefix("[]")) in structs:
            field["fields"] = structs[name]
        if "fields" in field:
            resolved(field["fields"], structs)
    return fields


def varint(number):
    number &= 0xFFFFFFFF
    result = b""
    while number >= 0x80:
        result += bytes([number & 0x7F | 0x80])
        number >>= 7
    return result + bytes([number])


class Writer:
    """Writes a request by its schema. Values are chosen by name where they should hit something, else by chance."""

    def __init__(self, schema, version, random, names, records):
        self.version, self.random, self.names, self.records = version, random, names, records
        self.is_flexible = version >= schema.flexible
        self.parts = []
        self.struct(schema.fields)

    def add(self, kind, data):
        self.parts.append((kind, data))

    def length(self, number, is_string=False):
        if self.is_flexible:
            self.add("varint", varint(number + 1))
        else:
            self.add("length", struct.pack(">h" if is_string else ">i", number))

    def struct(self, fields):
        for field in fields:
            first, last = span(field["versions"])
            tagged = span(field.get("taggedVersions", "none"))
            if first <= self.version <= last and not tagged[0] <= self.version <= tagged[1]:
                self.field(field)
        if self.is_flexible:
            self.add("tags", b"\x00")

    def field(self, field):
        kind, name = field["type"], field["name"]
        nullable = span(field.get("nullableVersions", "none"))
        is_nullable = nullable[0] <= self.version <= nullable[1]
        if kind.startswith("[]"):
            if is_nullable and self.random.random() < 0.1:
                return self.length(-1)
            count = self.random.choice([1, 1, 1, 2, 3])
            self.length(count)
            for _ in range(count):
                if "fields" in field:
                    self.struct(field["fields"])
                else:
                    self.value(kind[2:], name, False)
        elif "fields" in field:
            if is_nullable:
                self.add("int", b"\x01")
            self.struct(field["fields"])
        else:
            self.value(kind, name, is_nullable)

    def value(self, kind, name, is_nullable):
        if kind == "string":
            text = self.names.get(name, "sink")
            if is_nullable and name not in self.names or name == "TransactionalId":
                return self.length(-1, True)
            data = text.encode()
            self.length(len(data), True)
            self.add("text", data)
        elif kind in ("bytes", "records"):
            data = self.records if kind == "records" else b"\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00"
            self.length(len(data))
            self.add("bytes", data)
        elif kind == "uuid":
            self.add("uuid", self.names["id"])
        elif kind == "bool":
            self.add("int", b"\x01")
        else:
            number = {"ValidateOnly": 1, "NumPartitions": 1, "ReplicationFactor": 1, "Acks": -1, "MaxWaitMs": 5,
                      "SessionTimeoutMs": 6000, "RebalanceTimeoutMs": 10, "MaxBytes": 100_000,
                      "PartitionMaxBytes": 100_000, "Count": 2, "ReplicaId": -1, "CurrentLeaderEpoch": -1,
                      "ResourceType": 2}.get(name, 0)
            form = {"int8": ">b", "int16": ">h", "uint16": ">H", "int32": ">i", "uint32": ">I", "int64": ">q",
                    "float64": ">d"}
            self.add("int", struct.pack(form[kind], number))


EDGES = [-(1 << 31), -2, -1, 0, 1, 127, 128, 0x7FFF, 0xFFFF, 1 << 20, (1 << 31) - 1]


def changed(parts, random):
    """One to three changes where a reader could be misled."""
    # Some have nothing to say.
    parts = list(parts) or [("bytes", b"")]
    for _ in range(random.choice([1, 1, 1, 2, 3])):
        at = random.randrange(len(parts))
        # Lengths and counts are worth more than what they count.
        for _ in range(3):
            if parts[at][0] in ("varint", "length", "tags"):
                break
            at = random.randrange(len(parts))
        kind, data = parts[at]
        if kind == "varint":
            data = random.choice([
                varint(random.choice(EDGES)), b"\xff" * random.randint(1, 12), b"\x80" * random.randint(1, 6) + b"\x00",
                varint(random.randrange(1 << 32)), b""])
        elif kind == "length":
            form = ">h" if len(data) == 2 else ">i"
            bits = 8 * len(data)
            number = random.choice(EDGES + [random.randrange(1 << 31)])
            data = struct.pack(form, (number + (1 << bits - 1)) % (1 << bits) - (1 << bits - 1))
        elif kind == "tags":
            count = random.choice([1, 2, 100, 5000])
            data = random.choice([
                varint(random.choice(EDGES)), b"\xff\xff\xff\xff\x0f",
                varint(count) + b"".join(varint(random.randrange(8)) + b"\x01\x00" for _ in range(count)),
                b"\x01\x00" + varint(random.choice(EDGES))])
        elif kind in ("int", "uuid") and data:
            data = random.choice([
                bytes(len(data)), b"\xff" * len(data), b"\x7f" + b"\xff" * (len(data) - 1),
                b"\x80" + bytes(len(data) - 1), bytes(random.randrange(256) for _ in data)])
        elif data:
            place = random.randrange(len(data))
            data = random.choice([
                data[:place] + bytes([data[place] ^ 1 << random.randrange(8)]) + data[place + 1:], data[:place],
                data + data, data[:place] + b"\xff\xfe\x00" + data[place:]])
        parts[at] = (kind, data)
    body = b"".join(data for _, data in parts)
    what = random.randrange(12)
    if what == 0:
        body = body[:random.randrange(len(body) + 1)]
    elif what == 1:
        body += bytes(random.randrange(256) for _ in range(random.randrange(1, 40)))
    return body


def framed(schema_key, version, body, is_flexible, random=None):
    """With its header, and a length before it that may be a lie."""
    head = struct.pack(">hhih", schema_key, version, 1, 7) + b"hostile" + (b"\x00" if is_flexible else b"")
    frame = head + body
    length = len(frame)
    if random is not None and random.random() < 0.05:
        length = random.choice([length - 1, length + 1, 0, 3, -1, 1 << 20, 1 << 30, -(1 << 31)])
    return struct.pack(">i", length) + frame
