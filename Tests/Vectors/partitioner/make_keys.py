#!/usr/bin/env python3
"""Keys, their hashes and their partitions as kafka-python has them, for Tests/RecordFormatTests/PartitionerTests.swift.

    python3 -m venv /tmp/kafka-python && /tmp/kafka-python/bin/pip install kafka-python==3.0.12
    /tmp/kafka-python/bin/python make_keys.py

Writes keys.txt beside itself. A line is: the key in hexadecimal or `-` for none of its bytes, murmur2 as the signed
number that Java has, and the partition among 1, 2, 3, 7, 12, 100 and 1000.
"""

import hashlib
import os
from types import SimpleNamespace

import kafka
from kafka.partitioner.default import DefaultPartitioner, murmur2

COUNTS = [1, 2, 3, 7, 12, 100, 1000]


def keys():
    for length in range(41):
        yield bytes(length)
        yield b"\xff" * length
        yield bytes(range(length))
        # All bytes, valid UTF-8 hardly ever.
        yield (hashlib.sha256(b"%d" % length).digest() * 2)[:length]
        yield ("gerät-ä€😀" * 3).encode()[:length]
    for i in range(300):
        yield b"device-%d" % i
    yield hashlib.sha512(b"long").digest() * 100


def cluster(count):
    partitions = set(range(count))
    return SimpleNamespace(
        topics=lambda: {"t"},
        partitions_for_topic=lambda _: partitions,
        available_partitions_for_topic=lambda _: partitions,
    )


def main():
    lines = ["# made by make_keys.py with kafka-python " + kafka.__version__]
    partitioner = DefaultPartitioner()
    clusters = [cluster(count) for count in COUNTS]
    for key in dict.fromkeys(keys()):
        unsigned = murmur2(key)
        signed = unsigned - (1 << 32) if unsigned >= 1 << 31 else unsigned
        chosen = [partitioner.partition("t", None, key, None, None, cluster) for cluster in clusters]
        lines.append(" ".join([key.hex() or "-", str(signed), *map(str, chosen)]))
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "keys.txt"), "w") as file:
        file.write("\n".join(lines) + "\n")


main()
