"""Reads partitions' .log, .index and .timeindex files as a broker of Kafka's takes them over, by kafka-python's reader.

read_as_kafka.py DIRECTORY [TOPIC=FIRST:END …]: where the files of a partition of TOPIC, at least one, begin and end.

Compacted partitions may lack offsets and have batches without records. Nobody may have the directory open. Checks what
Kafka checks when it loads a log that was not closed, and that look-ups by Kafka's rules find through the index files
what a walk through the log finds. On the first thing that is wrong it says that and fails.
"""

import re
import struct
import sys
from bisect import bisect_right
from collections import defaultdict
from pathlib import Path

from kafka.record import MemoryRecords

SEGMENT = re.compile(r"\d{20}\.log")
OFFSET_ENTRY, TIME_ENTRY = struct.Struct(">II"), struct.Struct(">qI")
BATCH_HEADER = struct.Struct(">qiibIhiqqqhii")


def fail(message):
    print(f"error: {message}", file=sys.stderr)
    sys.exit(1)


class Batch:
    def __init__(self, position, fields):
        self.position = position
        self.base, length, self.epoch, last_delta, self.max_timestamp = *fields[:3], fields[6], fields[8]
        self.count = fields[12]
        self.size = length + 12
        self.last = self.base + last_delta


def read_log(path, base, epoch, totals):
    content = path.read_bytes()
    records = MemoryRecords(content)
    batches, position, next_offset = [], 0, base
    while (decoded := records.next_batch()) is not None:
        at = f"{path}, byte {position}"
        batch = Batch(position, BATCH_HEADER.unpack_from(content, position))
        if decoded.magic != 2 or not decoded.validate_crc():
            fail(f"{at}: no whole batch of format 2")
        if batch.base < next_offset or batch.last < batch.base or batch.last - base > 0x7FFFFFFF:
            fail(f"{at}: offsets {batch.base} to {batch.last} do not fit behind {next_offset}")
        if batch.epoch < epoch:
            fail(f"{at}: leader epoch {batch.epoch} after {epoch}")
        stored = [(record.offset, record.timestamp) for record in decoded] if batch.count else []
        offsets = [offset for offset, _ in stored]
        if len(stored) != batch.count or offsets != sorted(set(offsets)):
            fail(f"{at}: {batch.count} records are said, {len(stored)} are there, or their offsets do not ascend")
        if offsets and not batch.base <= offsets[0] <= offsets[-1] <= batch.last:
            fail(f"{at}: records of other offsets than {batch.base} to {batch.last}")
        if stored and max(timestamp for _, timestamp in stored) != batch.max_timestamp:
            fail(f"{at}: no record has the largest timestamp, {batch.max_timestamp}")
        batches.append(batch)
        totals["missing offsets"] += batch.base - next_offset + batch.last - batch.base + 1 - batch.count
        totals["empty batches"] += batch.count == 0
        totals["records"] += batch.count
        next_offset, epoch = batch.last + 1, batch.epoch
        position += batch.size
    if position != len(content):
        fail(f"{path}: {len(content) - position} bytes after the last batch")
    totals["batches"] += len(batches)
    return batches, next_offset, epoch


def entries(path, layout):
    """Kafka refuses an index whose size is wrong or whose entries do not ascend, and makes it anew."""
    content = path.read_bytes() if path.exists() else fail(f"{path} is missing")
    if len(content) % layout.size:
        fail(f"{path}: {len(content)} bytes are no whole number of entries")
    found = list(layout.iter_unpack(content))
    for before, after in zip(found, found[1:]):
        if not all(a < b for a, b in zip(before, after)):
            fail(f"{path}: {after} does not ascend from {before}")
    return found


def check_offset_index(path, base, batches, totals):
    found = entries(path, OFFSET_ENTRY)
    keys = [relative for relative, _ in found]
    starts = {batch.position: index for index, batch in enumerate(batches)}
    for index, batch in enumerate(batches):
        for target in (batch.base, batch.last):
            place = bisect_right(keys, target - base)
            at = starts.get(found[place - 1][1] if place else 0)
            if at is None:
                fail(f"{path}: the entry for offset {target} names no batch")
            # From there Kafka reads on to the first batch that does not end before the offset.
            while at < len(batches) and batches[at].last < target:
                at += 1
            if at != index:
                fail(f"{path}: offset {target} is found in batch {at}, where it lies in {index}")
    totals["index entries"] += len(found)
    return found


def check_time_index(path, offset_index, base, batches, is_sealed, totals):
    found = entries(path, TIME_ENTRY)
    times, offsets = [time for time, _ in found], [relative for relative, _ in offset_index]
    starts = {batch.position: index for index, batch in enumerate(batches)}
    largest = -1
    for index, batch in enumerate(batches):
        if batch.max_timestamp <= largest:
            continue
        largest = batch.max_timestamp
        # The first batch as new as this is this one. Kafka takes the last entry that is not newer, and by its offset a
        # place to read on from.
        below = bisect_right(times, largest)
        relative = found[below - 1][1] if below else 0
        place = bisect_right(offsets, relative)
        at = starts[offset_index[place - 1][1] if place else 0]
        while at < len(batches) and batches[at].max_timestamp < largest:
            at += 1
        if at != index:
            fail(f"{path}: time {largest} is found in batch {at}, where it is first in {index}")
    if is_sealed and largest >= 0 and (times[-1] if times else -1) != largest:
        fail(f"{path}: the last entry is not the segment's largest timestamp, {largest}")
    totals["time index entries"] += len(found)


def check_partition(directory, totals):
    logs = sorted(path for path in directory.iterdir() if SEGMENT.fullmatch(path.name))
    first, end, epoch = None, None, -1
    for log in logs:
        base = int(log.stem)
        if end is not None and base != end:
            fail(f"{log}: the segment before it ends with offset {end - 1}")
        batches, end, epoch = read_log(log, base, epoch, totals)
        first = base if first is None else first
        if not batches:
            continue
        index = check_offset_index(log.with_suffix(".index"), base, batches, totals)
        check_time_index(log.with_suffix(".timeindex"), index, base, batches, log != logs[-1], totals)
    totals["segments"] += len(logs)
    return first, end


def main(data, *wanted):
    totals, found = defaultdict(int), defaultdict(list)
    for directory in sorted(Path(data).iterdir()):
        topic, dash, partition = directory.name.rpartition("-")
        if directory.is_dir() and dash and partition.isdigit():
            found[topic].append(check_partition(directory, totals))
            totals["partitions"] += 1
    for want in wanted:
        topic, _, ends = want.rpartition("=")
        first, _, end = ends.partition(":")
        if (int(first), int(end)) not in found[topic]:
            fail(f"no partition of {topic} has offsets {first} to {end}: {found[topic]}")
    if not totals["records"]:
        fail(f"{data} holds no records")
    names = ("partitions", "segments", "batches", "empty batches", "records", "missing offsets", "index entries",
             "time index entries")
    print(", ".join(f"{totals[name]:,} {name}" for name in names))


main(*sys.argv[1:])
