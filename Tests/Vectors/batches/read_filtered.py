#!/usr/bin/env python3
"""Prints what kafka-python reads in batches that Martlet took records out of. RecordBatchFilterTests.swift compares it.

    read_filtered.py FILE

FILE holds batches one after the other. A line a batch: its base offset, last offset, attributes, producer, epoch, first
sequence number, largest timestamp and count of records; then a line a record: offset, timestamp, key, value, headers.
"""

import sys

from kafka.record import MemoryRecords


def text(content):
    return "-" if content is None else "'" + content.hex()


def main(path):
    with open(path, "rb") as file:
        records = MemoryRecords(file.read())
    while (batch := records.next_batch()) is not None:
        assert batch.validate_crc(), "wrong checksum"
        found = list(batch)
        print(
            "batch",
            batch.base_offset,
            batch.base_offset + batch.last_offset_delta,
            batch.attributes,
            batch.producer_id,
            batch.producer_epoch,
            batch.base_sequence,
            batch.max_timestamp,
            len(found),
        )
        for record in found:
            headers = ",".join("'%s=%s" % (name.encode().hex(), text(value)) for name, value in record.headers)
            print(record.offset, record.timestamp, text(record.key), text(record.value), headers)


main(sys.argv[1])
