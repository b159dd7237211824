#!/usr/bin/env python3
"""Messages of random values for and from kafka-python. Tests/KafkaProtocolTests/RandomMessageTests.swift calls it.

    random_messages.py make FOLDER SEED COUNT
    random_messages.py read FOLDER

`make` reads the versions of each API from FOLDER/apis.json, `{"Produce": [0, 13]}`, and writes COUNT requests and COUNT
responses of each version to FOLDER/made.json. `read` decodes the messages of FOLDER/ours.json, encodes them again and
writes the outcome to FOLDER/read.json. Paths and values of fields are written as make_vectors.py writes them.

Where kafka-python is no measure of the protocol, and what is done instead:
- It decodes the body of an ApiVersionsResponse that has an error as version 0, whatever its version is. Here the body is
  decoded in its version.
- It writes a tagged struct whose fields are all at their defaults; Kafka leaves it out. None is made here.
- It keeps no tagged fields that it does not know, and wants none inside a tagged struct. None are made here.
"""

import json
import random
import sys
import uuid

from kafka.protocol import admin, consumer, metadata, producer
from kafka.protocol.api_message import ApiMessage

import own_schemas
from make_vectors import BITS, describe

# Lengths around which the number of a varint's bytes changes; Kafka's longest string.
LENGTHS = [0, 1, 2, 126, 127, 128, 300]
STRING_MAX = 32767


def kind_of(api, direction):
    modules = (admin, consumer, metadata, producer, own_schemas)
    return next(getattr(m, api + direction.capitalize()) for m in modules if hasattr(m, api + direction.capitalize()))


class Maker:
    def __init__(self, seed):
        self.chance = random.Random(seed)

    def integer(self, bits):
        least, most = -1 << (bits - 1), (1 << (bits - 1)) - 1
        if self.chance.random() < 0.3:
            return self.chance.choice([least, least + 1, -2, -1, 0, 1, 2, most - 1, most])
        return self.chance.randint(least, most) >> self.chance.randrange(bits)

    def length(self):
        return self.chance.choice(LENGTHS) if self.chance.random() < 0.3 else self.chance.randrange(12)

    def string(self):
        if self.chance.random() < 0.002:
            return "x" * self.chance.choice([16382, 16383, 16384, STRING_MAX])
        tops = [0x7F, 0x7F, 0xFF, 0x7FF, 0xFFFF, 0x10FFFF]
        points = (self.chance.randint(0, self.chance.choice(tops)) for _ in range(self.length()))
        # Surrogates are no characters.
        return "".join("?" if 0xD800 <= point < 0xE000 else chr(point) for point in points)

    def scalar(self, kind):
        if kind in BITS:
            return self.integer(BITS[kind])
        if kind == "bool":
            return self.chance.random() < 0.5
        if kind == "string":
            return self.string()
        if kind in ("bytes", "records"):
            return self.chance.randbytes(self.length())
        if kind == "uuid":
            return None if self.chance.random() < 0.2 else uuid.UUID(int=self.chance.getrandbits(128))
        if kind == "bitfield":
            return {bit for bit in range(32) if self.chance.random() < 0.3}
        raise ValueError("no value for a field of type " + kind)

    def value(self, field, version):
        if field.nullable_for_version_q(version) and self.chance.random() < 0.25:
            return None
        if field.is_struct_array():
            return [field(version=version, **self.fields(field, version)) for _ in range(self.chance.randrange(4))]
        if field.is_struct():
            return field(version=version, **self.fields(field, version))
        if field.is_array():
            return [self.scalar(field.type_str.removeprefix("[]")) for _ in range(self.length())]
        return self.scalar(field.type_str)

    def fields(self, container, version):
        values = {}
        for field in container.fields.values():
            if not field.for_version_q(version):
                continue
            tagged = field.tagged_field_q(version)
            if tagged and self.chance.random() < 0.5:
                continue
            value = self.value(field, version)
            if tagged and field.is_struct() and all(
                getattr(value, inner.name) == inner.default for inner in field.fields.values()
            ):
                continue
            values[field.name] = value
        return values

    def message(self, api, direction, version):
        kind = kind_of(api, direction)
        message = kind(version=version, **self.fields(kind, version))
        header = {"correlation_id": self.integer(32)}
        if direction == "request":
            header["client_id"] = None if self.chance.random() < 0.25 else self.string()
        message.with_header(**header)
        return written(api, direction, version, message)


def written(api, direction, version, message):
    header = message.header
    return {
        "api": api,
        "direction": direction,
        "version": version,
        "correlationID": header.correlation_id,
        "clientID": header.client_id if direction == "request" else None,
        "frame": bytes(message.encode(header=True, framed=True)).hex(),
        "bodyLength": len(message.encode()),
        "fields": dict(describe(message, version)),
    }


def read(ours):
    kind, version, frame = kind_of(ours["api"], ours["direction"]), ours["version"], bytes.fromhex(ours["frame"])
    # ApiMessage's own: that of ApiVersionsResponse decodes another version than it is told.
    message = ApiMessage.decode.__func__(kind, frame, version=version, header=True, framed=True)
    return written(ours["api"], ours["direction"], version, message)


def main(command, folder, *arguments):
    if command == "make":
        seed, count = map(int, arguments)
        maker = Maker(seed)
        with open(folder + "/apis.json") as file:
            apis = json.load(file)
        outcome = [
            maker.message(api, direction, version)
            for api, (first, last) in sorted(apis.items())
            for direction in ("request", "response")
            for version in range(first, last + 1)
            for _ in range(count)
        ]
    else:
        with open(folder + "/ours.json") as file:
            outcome = [read(ours) for ours in json.load(file)]
    with open(folder + ("/made.json" if command == "make" else "/read.json"), "w") as file:
        json.dump(outcome, file)


main(*sys.argv[1:])
