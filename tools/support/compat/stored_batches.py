"""Looks into a broker's segment files for what a client has sent."""

from pathlib import Path

from kafka.record import MemoryRecords

from cases import Wrong

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
# A client sends a batch as it is where compression would make it larger: not one of so many records.
RECORDS_WORTH_COMPRESSING = 10


def batches(data, topic):
    for path in sorted(Path(data).glob(f"{topic}-[0-9]*/*.log")):
        records = MemoryRecords(path.read_bytes())
        while (batch := records.next_batch()) is not None:
            yield batch


def expect_codec(data, topic, codec):
    compressed = 0
    for batch in batches(data, topic):
        found = CODECS[batch.compression_type]
        if found == codec:
            compressed += 1
        elif found != "none" or len(list(batch)) >= RECORDS_WORTH_COMPRESSING:
            raise Wrong(f"{topic}: a batch of {len(list(batch))} records is stored as {found}, not {codec}")
    if not compressed:
        raise Wrong(f"{topic}: no batch is stored as {codec}")
