"""Reads a data directory's .log, .index and .timeindex files with kafka-python's record reader and Kafka's rules.

read_segments.py DATA [TOPIC=SEGMENTS …] [TOPIC~ …]: TOPIC must have a partition with that many segments or more.
Of a topic with a tilde records may have been compacted: offsets may be missing inside a segment, but not between two.

Nobody may have the directory open. Says what it read; on the first thing that is wrong, says that and fails.
"""

import re
import struct
import sys
from collections import defaultdict
from pathlib import Path

from kafka.record import MemoryRecords

SEGMENT = re.compile(r"\d{20}\.log")
# index.interval.bytes, which no topic here changes.
INTERVAL = 4096
OFFSET_ENTRY, TIME_ENTRY = struct.Struct(">II"), struct.Struct(">qI")
BATCH_HEADER = struct.Struct(">qiibIhiqqqhii")


def fail(message):
    print(f"error: {message}", file=sys.stderr)
    sys.exit(1)


class Batch:
    """Where a batch lies in its file, and what its header says."""

    def __init__(self, position, fields):
        self.position = position
        (self.base_offset, length, _, _, _, _, last_offset_delta, _, self.max_timestamp, _, _, _, _) = fields
        self.size = length + 12
        self.last_offset = self.base_offset + last_offset_delta


def read_log(path, expected, epoch, is_compacted, totals):
    """The batches of a segment, each decoded, and their last leader epoch; offsets go on from `expected`."""
    content = path.read_bytes()
    records = MemoryRecords(content)
    batches, position = [], 0
    while (batch := records.next_batch()) is not None:
        at = f"{path}, byte {position}"
        if batch.magic != 2:
            fail(f"{at}: magic {batch.magic}")
        if not batch.validate_crc():
            fail(f"{at}: the checksum is wrong")
        place = Batch(position, BATCH_HEADER.unpack_from(content, position))
        if place.base_offset < expected or (place.base_offset > expected and not is_compacted):
            fail(f"{at}: offset {place.base_offset} where {expected} was due")
        if batch.leader_epoch < epoch:
            fail(f"{at}: leader epoch {batch.leader_epoch} after {epoch}")
        epoch = batch.leader_epoch
        decoded = [(record.offset, record.timestamp) for record in batch]
        due = range(place.base_offset, place.last_offset + 1)
        offsets = [offset for offset, _ in decoded]
        if offsets != list(due) and not (is_compacted and offsets == [offset for offset in due if offset in set(offsets)]):
            fail(f"{at}: the records' offsets are not {place.base_offset} to {place.last_offset}")
        totals["offsets without a record"] += len(due) - len(offsets) + place.base_offset - expected
        # A batch that has no records left bears no timestamp.
        if max((timestamp for _, timestamp in decoded), default=-1) != place.max_timestamp:
            fail(f"{at}: no record has the largest timestamp, {place.max_timestamp}")
        batches.append(place)
        expected = place.last_offset + 1
        position += place.size
        totals["records"] += len(decoded)
    if position != len(content):
        fail(f"{path}: {len(content) - position} bytes after the last batch")
    totals["batches"] += len(batches)
    return batches, epoch


def read_entries(path, layout, is_sealed):
    # An open segment without entries need not have the file.
    content = path.read_bytes() if is_sealed or path.exists() else b""
    if len(content) % layout.size:
        fail(f"{path}: {len(content)} bytes are no whole number of entries")
    return list(layout.iter_unpack(content))


def check_ascending(path, entries):
    for before, after in zip(entries, entries[1:]):
        if not all(a < b for a, b in zip(before, after)):
            fail(f"{path}: {after} does not ascend from {before}")


def check_offset_index(path, base, batches, is_sealed, totals):
    by_position = {batch.position: batch for batch in batches}
    entries = read_entries(path, OFFSET_ENTRY, is_sealed)
    check_ascending(path, entries)
    for relative, position in entries:
        batch = by_position.get(position)
        if batch is None:
            fail(f"{path}: no batch begins at byte {position} of the log")
        if batch is batches[0]:
            fail(f"{path}: the segment's first batch has an entry")
        if batch.last_offset != base + relative:
            fail(f"{path}: the batch at byte {position} ends with offset {batch.last_offset}, not {base + relative}")
    totals["index entries"] += len(entries)
    return entries


def check_time_index(path, base, batches, is_sealed, totals):
    entries = read_entries(path, TIME_ENTRY, is_sealed)
    check_ascending(path, entries)
    # The largest timestamp up to a batch, and the last offset of the first batch that has it.
    maxima, largest = {}, -1
    for batch in batches:
        if batch.max_timestamp > largest:
            largest = batch.max_timestamp
            maxima[batch.last_offset] = largest
    for timestamp, relative in entries:
        if maxima.get(base + relative) != timestamp:
            fail(f"{path}: {timestamp} is not the largest timestamp up to offset {base + relative}, or not new there")
    if is_sealed and (entries[-1][0] if entries else -1) != largest:
        fail(f"{path}: the last entry is not the segment's largest timestamp, {largest}")
    totals["time index entries"] += len(entries)
    return entries


def entries_due(base, batches, is_sealed):
    """The entries that Kafka's recovery makes for a segment, here without the last time entry of an open one."""
    offsets, times = [], []
    last_entry, largest = 0, (-1, 0)
    for batch in batches:
        largest = max(largest, (batch.max_timestamp, batch.last_offset - base), key=lambda entry: entry[0])
        if batch.position - last_entry > INTERVAL:
            offsets.append((batch.last_offset - base, batch.position))
            times.append(largest)
            last_entry = batch.position
    if is_sealed:
        times.append(largest)
    return offsets, [entry for entry, before in zip(times, [(-1, 0), *times]) if entry[0] > before[0]]


def check_partition(directory, is_compacted, totals):
    logs = sorted(path for path in directory.iterdir() if SEGMENT.fullmatch(path.name))
    expected, epoch = None, 0
    for log in logs:
        base, is_sealed = int(log.stem), log != logs[-1]
        if expected is not None and base != expected:
            fail(f"{log}: the segment before it ends before offset {expected}")
        batches, epoch = read_log(log, base, epoch, is_compacted, totals)
        if is_sealed and not batches:
            fail(f"{log}: a sealed segment without a batch")
        expected = batches[-1].last_offset + 1 if batches else base
        offsets = check_offset_index(log.with_suffix(".index"), base, batches, is_sealed, totals)
        times = check_time_index(log.with_suffix(".timeindex"), base, batches, is_sealed, totals)
        if (offsets, times) != entries_due(base, batches, is_sealed):
            fail(f"{log}: its indexes lack an entry, or have one that is not due")
        totals["sealed segments"] += is_sealed
    totals["segments"] += len(logs)
    return len(logs)


def main(data, *arguments):
    wanted = [argument for argument in arguments if not argument.endswith("~")]
    compacted = {argument[:-1] for argument in arguments if argument.endswith("~")}
    totals, segments = defaultdict(int), defaultdict(int)
    for directory in sorted(Path(data).iterdir()):
        topic, dash, partition = directory.name.rpartition("-")
        if directory.is_dir() and dash and partition.isdigit():
            segments[topic] = max(segments[topic], check_partition(directory, topic in compacted, totals))
            totals["partitions"] += 1
    for want in wanted:
        topic, _, count = want.partition("=")
        if segments[topic] < int(count):
            fail(f"no partition of {topic} has {count} segments: {segments[topic]} at most")
    if not totals["records"]:
        fail(f"{data} holds no records")
    names = ("partitions", "segments", "sealed segments", "batches", "records", "index entries", "time index entries")
    if compacted:
        names += ("offsets without a record",)
    print(", ".join(f"{totals[name]:,} {name}" for name in names))


main(*sys.argv[1:])
