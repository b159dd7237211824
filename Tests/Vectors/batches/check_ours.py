#!/usr/bin/env python3
"""Reads batches of Martlet's builder with kafka-python. GoldenBatchTests.swift writes them and calls it.

    check_ours.py FOLDER

FOLDER holds the golden cases as Martlet encodes them: CASE.batch, and CASE.appended.batch with the time of an append,
1800000000000, for all records. Fails unless there is one of each at least and kafka-python reads the case's records.
"""

import os
import sys

from kafka.record import MemoryRecords

from cases import CASES

APPENDED = 1_800_000_000_000


def read(content):
    records = MemoryRecords(content)
    batch = records.next_batch()
    assert batch.validate_crc(), "wrong checksum"
    found = [
        (r.offset, {"key": r.key, "value": r.value, "timestamp": r.timestamp, "headers": r.headers}) for r in batch
    ]
    assert records.next_batch() is None, "more than one batch"
    return found


def main(folder):
    counts = [0, 0]
    for file in sorted(os.listdir(folder)):
        parts = file.removesuffix(".batch").split(".")
        expected = CASES[parts[0]][0]
        is_appended = parts[1:] == ["appended"]
        if is_appended:
            expected = [{**record, "timestamp": APPENDED} for record in expected]
        with open(os.path.join(folder, file), "rb") as content:
            found = read(content.read())
        assert found == list(enumerate(expected)), "%s: %r" % (file, found)
        counts[is_appended] += 1
    assert all(counts), counts
    print("kafka-python reads %d batches, and %d with the time of the append" % tuple(counts))


main(sys.argv[1])
