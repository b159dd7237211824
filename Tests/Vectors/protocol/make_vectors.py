#!/usr/bin/env python3
"""Golden vectors of Kafka's messages, made by kafka-python, for Tests/KafkaProtocolTests/GoldenVectorTests.swift.

    python3 -m venv /tmp/kafka-python && /tmp/kafka-python/bin/pip install kafka-python==3.0.12
    /tmp/kafka-python/bin/python make_vectors.py

Writes one file an API beside itself, and ErrorCodes.txt with the names of the error codes. A vector is a line
`request|response VERSION full|sparse HEX` and then a line `PATH = VALUE` for every field that this version has; paths
are Kafka's names in lower case. `full` sets every field, tagged ones too; `sparse` leaves lists empty and what may be
null null. The values depend on the path alone, so the script writes the same files each time.
"""

import hashlib
import inspect
import os
import re
import uuid
import zlib

import kafka
import kafka.errors
from kafka.protocol import admin, consumer, metadata, producer

APIS = {
    "Produce": (producer, range(0, 14)),
    "Fetch": (consumer, range(4, 19)),
    "ListOffsets": (consumer, range(1, 8)),
    "Metadata": (metadata, range(0, 14)),
    "FindCoordinator": (metadata, range(0, 5)),
    "ApiVersions": (metadata, range(0, 5)),
    "CreateTopics": (admin, range(0, 8)),
    "DeleteTopics": (admin, range(0, 7)),
    "DeleteRecords": (admin, range(0, 3)),
    "InitProducerId": (producer, range(0, 5)),
    "OffsetForLeaderEpoch": (consumer, range(2, 5)),
    "DescribeConfigs": (admin, range(1, 5)),
    "AlterConfigs": (admin, range(0, 3)),
    "DescribeLogDirs": (admin, range(1, 6)),
    "CreatePartitions": (admin, range(0, 4)),
    "ElectLeaders": (admin, range(0, 3)),
    "IncrementalAlterConfigs": (admin, range(0, 2)),
    "ListPartitionReassignments": (admin, range(0, 1)),
    "DescribeCluster": (admin, range(0, 3)),
    "DescribeProducers": (admin, range(0, 1)),
    "DescribeTopicPartitions": (admin, range(0, 1)),
}
BITS = {"int8": 8, "int16": 16, "int32": 32, "int64": 64}
ELEMENTS = 2
# Where kafka-python has names of its own: Kafka's (org.apache.kafka.common.protocol.Errors, the message schemas).
NAMES = {
    -1: "UNKNOWN_SERVER_ERROR",
    0: "NONE",
    6: "NOT_LEADER_OR_FOLLOWER",
    10: "MESSAGE_TOO_LARGE",
    17: "INVALID_TOPIC_EXCEPTION",
    39: "INVALID_REPLICA_ASSIGNMENT",
}
FIELDS = {
    "authorizedoperations": "clusterauthorizedoperations",
    "topics.authorizedoperations": "topics.topicauthorizedoperations",
}


def integer(path, bits):
    number = zlib.crc32(path.encode()) * 0x9E3779B97F4A7C15 & ((1 << 64) - 1)
    return (number >> (64 - bits)) - (1 << (bits - 1))


def scalar(kind, path):
    """The value for kafka-python, and how the vector writes it."""
    if kind in BITS:
        number = integer(path, BITS[kind])
        return number, str(number)
    if kind == "bool":
        return True, "true"
    if kind == "string":
        text = path.rsplit(".", 1)[-1] + "-ä€"
        return text, '"%s"' % text
    if kind in ("bytes", "records"):
        content = hashlib.sha256(path.encode()).digest()[: 5 + len(path) % 20]
        return content, content.hex()
    if kind == "uuid":
        identifier = uuid.UUID(bytes=hashlib.md5(path.encode()).digest())
        return identifier, identifier.hex
    if kind == "bitfield":
        return {3, 8, 10}, str(1 << 3 | 1 << 8 | 1 << 10)
    raise ValueError("no value for a field of type " + kind)


def fill(fields, path, version, full, lines):
    """Values of all fields that the version has, as a dict; adds a line a field to `lines`."""
    values = {}
    for field in fields:
        if not field.for_version_q(version):
            continue
        tagged = field.tagged_field_q(version)
        if tagged and not full:
            continue
        here = path + ("." if path else "") + field.name.replace("_", "")
        for own, kafkas in FIELDS.items():
            if re.sub(r"\[\d+\]", "", here) == own:
                here = here.removesuffix("authorizedoperations") + kafkas.split(".")[-1]
        nullable = field.nullable_for_version_q(version)
        if field.is_struct_array():
            if not full:
                values[field.name] = None if nullable else []
                lines.append("%s = %s" % (here, "null" if nullable else "[]"))
                continue
            values[field.name] = [
                field(version=version, **fill(field.fields.values(), "%s[%d]" % (here, i), version, full, lines))
                for i in range(ELEMENTS)
            ]
        elif field.is_struct() and nullable and not full:
            values[field.name] = None
            lines.append(here + " = null")
        elif field.is_struct():
            values[field.name] = field(version=version, **fill(field.fields.values(), here, version, full, lines))
        elif field.is_array():
            if not full:
                values[field.name] = None if nullable else []
                lines.append("%s = %s" % (here, "null" if nullable else "[]"))
                continue
            kind = field.type_str.removeprefix("[]")
            values[field.name] = []
            for i in range(ELEMENTS):
                value, written = scalar(kind, "%s[%d]" % (here, i))
                values[field.name].append(value)
                lines.append("%s[%d] = %s" % (here, i, written))
        elif not full and nullable:
            values[field.name] = None
            lines.append(here + " = null")
        else:
            values[field.name], written = scalar(field.type_str, here)
            lines.append("%s = %s" % (here, written))
    return values


def main():
    folder = os.path.dirname(os.path.abspath(__file__))
    for api, (module, versions) in APIS.items():
        output = ["# made by make_vectors.py with kafka-python " + kafka.__version__]
        for direction in ("request", "response"):
            message = getattr(module, api + direction.capitalize())
            for version in versions:
                for variant in ("full", "sparse"):
                    lines = []
                    values = fill(message.fields.values(), "", version, variant == "full", lines)
                    encoded = message(version=version, **values).encode()
                    output.append("%s %d %s %s" % (direction, version, variant, bytes(encoded).hex()))
                    output += lines
        with open(os.path.join(folder, api + ".txt"), "w") as file:
            file.write("\n".join(output) + "\n")
    names = {
        error.errno: error.message
        for _, error in inspect.getmembers(kafka.errors, inspect.isclass)
        if isinstance(getattr(error, "errno", None), int) and getattr(error, "message", None)
    }
    names.update(NAMES)
    with open(os.path.join(folder, "ErrorCodes.txt"), "w") as file:
        file.writelines("%d %s\n" % item for item in sorted(names.items()))


main()
