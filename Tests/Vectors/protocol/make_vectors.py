#!/usr/bin/env python3
"""Golden vectors of Kafka's messages, made by kafka-python, for Tests/KafkaProtocolTests/GoldenVectorTests.swift. What it
has no schemas of is described in own_schemas.py.

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

import own_schemas

APIS = {
    "Produce": (producer, range(0, 14)),
    "Fetch": (consumer, range(4, 19)),
    "ListOffsets": (consumer, range(1, 8)),
    "Metadata": (metadata, range(0, 14)),
    "FindCoordinator": (metadata, range(0, 7)),
    "JoinGroup": (consumer, range(0, 10)),
    "SyncGroup": (consumer, range(0, 6)),
    "Heartbeat": (consumer, range(0, 5)),
    "LeaveGroup": (consumer, range(0, 6)),
    "OffsetCommit": (consumer, range(2, 10)),
    "OffsetFetch": (consumer, range(1, 10)),
    "DescribeGroups": (admin, range(0, 7)),
    "ListGroups": (admin, range(0, 6)),
    "DeleteGroups": (admin, range(0, 3)),
    "OffsetDelete": (consumer, range(0, 1)),
    "ConsumerGroupHeartbeat": (own_schemas, range(0, 2)),
    "ConsumerGroupDescribe": (own_schemas, range(0, 2)),
    "AlterGroupOffsets": (own_schemas, range(0, 1)),
    "DescribePositions": (own_schemas, range(0, 1)),
    "DescribeSegments": (own_schemas, range(0, 1)),
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
    """The value for kafka-python."""
    if kind in BITS:
        return integer(path, BITS[kind])
    if kind == "bool":
        return True
    if kind == "string":
        return path.rsplit(".", 1)[-1] + "-ä€"
    if kind in ("bytes", "records"):
        return hashlib.sha256(path.encode()).digest()[: 5 + len(path) % 20]
    if kind == "uuid":
        return uuid.UUID(bytes=hashlib.md5(path.encode()).digest())
    if kind == "bitfield":
        return {3, 8, 10}
    raise ValueError("no value for a field of type " + kind)


def path_of(field, parent):
    path = parent + ("." if parent else "") + field.name.replace("_", "")
    kafkas = FIELDS.get(re.sub(r"\[\d+\]", "", path))
    return path.removesuffix("authorizedoperations") + kafkas.split(".")[-1] if kafkas else path


def fill(fields, path, version, full):
    """Values of all fields that the version has, as a dict."""
    values = {}
    for field in fields:
        if not field.for_version_q(version) or (field.tagged_field_q(version) and not full):
            continue
        here = path_of(field, path)
        nullable = field.nullable_for_version_q(version)
        if not full and nullable:
            value = None
        elif field.is_struct_array():
            value = [
                field(version=version, **fill(field.fields.values(), "%s[%d]" % (here, i), version, full))
                for i in range(ELEMENTS if full else 0)
            ]
        elif field.is_struct():
            value = field(version=version, **fill(field.fields.values(), here, version, full))
        elif field.is_array():
            kind = field.type_str.removeprefix("[]")
            value = [scalar(kind, "%s[%d]" % (here, i)) for i in range(ELEMENTS if full else 0)]
        else:
            value = scalar(field.type_str, here)
        values[field.name] = value
    return values


def written(kind, value):
    """How a vector writes a value."""
    # kafka-python has None for the value of these that means none.
    if kind == "uuid":
        return "0" * 32 if value is None else value.hex
    if kind == "bitfield":
        bits = sum(1 << bit for bit in ({31} if value is None else value))
        return str(bits - (1 << 32) if bits >> 31 else bits)
    if value is None:
        return "null"
    if kind == "bool":
        return "true" if value else "false"
    if kind == "string":
        return '"%s"' % value
    if kind in ("bytes", "records"):
        return bytes(value).hex()
    return str(value)


def describe(container, version, path=""):
    """Paths and written values of all fields that the version has, but for tagged ones at their default."""
    for field in container.fields.values():
        if not field.for_version_q(version):
            continue
        value = getattr(container, field.name)
        if field.tagged_field_q(version) and value == field.default:
            continue
        here = path_of(field, path)
        if field.is_array():
            if not value:
                yield here, "null" if value is None else "[]"
                continue
            for i, element in enumerate(value):
                if field.is_struct_array():
                    yield from describe(element, version, "%s[%d]" % (here, i))
                else:
                    yield "%s[%d]" % (here, i), written(field.type_str.removeprefix("[]"), element)
        elif field.is_struct() and value is not None:
            yield from describe(value, version, here)
        else:
            yield here, written(field.type_str, value)


# What consumers tell each other inside JoinGroup and SyncGroup; it begins with its version.
DATA = {
    "ConsumerProtocolSubscription": (consumer.ConsumerProtocolSubscription, range(0, 4)),
    "ConsumerProtocolAssignment": (consumer.ConsumerProtocolAssignment, range(0, 4)),
}


def main():
    folder = os.path.dirname(os.path.abspath(__file__))
    for name, (kind, versions) in DATA.items():
        output = ["# made by make_vectors.py with kafka-python " + kafka.__version__]
        for version in versions:
            for variant in ("full", "sparse"):
                values = fill(kind._struct.fields.values(), "", version, variant == "full")
                data = kind(version=version, **values)
                output.append("data %d %s %s" % (version, variant, bytes(data.encode()).hex()))
                output += ["%s = %s" % line for line in describe(data, version)]
        with open(os.path.join(folder, name + ".txt"), "w") as file:
            file.write("\n".join(output) + "\n")
    for api, (module, versions) in APIS.items():
        output = ["# made by make_vectors.py with kafka-python " + kafka.__version__]
        for direction in ("request", "response"):
            kind = getattr(module, api + direction.capitalize())
            for version in versions:
                for variant in ("full", "sparse"):
                    values = fill(kind.fields.values(), "", version, variant == "full")
                    message = kind(version=version, **values)
                    output.append("%s %d %s %s" % (direction, version, variant, bytes(message.encode()).hex()))
                    output += ["%s = %s" % line for line in describe(message, version)]
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


if __name__ == "__main__":
    main()
