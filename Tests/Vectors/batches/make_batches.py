#!/usr/bin/env python3
"""Golden record batches, as real clients write them, for GoldenBatchTests.swift in Tests/RecordFormatTests.

    python3 -m venv /tmp/clients
    /tmp/clients/bin/pip install kafka-python==3.0.12 confluent-kafka==2.16.1 \
        lz4==4.4.5 python-snappy==0.7.3 zstandard==0.25.0
    tools/build-release martlet
    /tmp/clients/bin/python Tests/Vectors/batches/make_batches.py .build/static/release/martlet

kafka-python's batches come from its own builder (DefaultRecordBatchBuilder in kafka.record.default_records). librdkafka
has none that could be called, so confluent-kafka produces to a broker whose topic stores batches as they come, and its
segment is read from disk: the broker sets base offset and leader epoch to 0, which librdkafka sends as 0 too, and the
checksum is the client's.

Each batch is a file CLIENT-CASE.batch, and CASE.jsonl says what it must be: the fields of each client's header, a line
a client, then a record a line. Bytes that are no text are {"hex": …}. Everything expected is what the client was given,
not what some decoder found. The same versions write the same files each time, but for gzip: it holds the time.
"""

import json
import os
import struct
import subprocess
import sys
import tempfile

import confluent_kafka
import confluent_kafka.admin
import kafka
from kafka.record.default_records import DefaultRecordBatchBuilder
from kafka.record.util import calc_crc32c

from cases import CASES, CODECS

FOLDER = os.path.dirname(os.path.abspath(__file__))
IDEMPOTENT = {"producerID": 4711, "producerEpoch": 3, "baseSequence": 2_000_000_000}


def text(content):
    if content is None:
        return None
    try:
        return content.decode()
    except UnicodeDecodeError:
        return {"hex": content.hex()}


def write(client, version, name, batch, producer):
    """The batch's file; returns what its header must be."""
    records, options = CASES[name]
    times = [record["timestamp"] for record in records]
    (attributes,) = struct.unpack_from(">h", batch, 21)
    assert attributes == CODECS[options.get("codec")] | (0x10 if "transactional" in options else 0), (name, attributes)
    with open(os.path.join(FOLDER, "%s-%s.batch" % (client, name)), "wb") as file:
        file.write(batch)
    return {
        "client": client,
        "version": version,
        "baseOffset": 0,
        "sizeInBytes": len(batch),
        "crc": calc_crc32c(batch[21:]),
        "attributes": attributes,
        "lastOffsetDelta": len(records) - 1,
        "baseTimestamp": times[0],
        "maxTimestamp": max(times),
        "recordCount": len(records),
        **producer,
    }


def write_expected(name, headers):
    lines = list(headers)
    for offset, record in enumerate(CASES[name][0]):
        lines.append(
            {
                "offset": offset,
                "timestamp": record["timestamp"],
                "key": text(record["key"]),
                "value": text(record["value"]),
                "headers": [{"name": name, "value": text(value)} for name, value in record["headers"]],
            }
        )
    with open(os.path.join(FOLDER, name + ".jsonl"), "w") as file:
        file.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


def kafka_python():
    """The header of each case's batch."""
    headers = {}
    for name, (records, options) in CASES.items():
        producer = {"producerID": -1, "producerEpoch": -1, "baseSequence": -1}
        if "idempotent" in options or "transactional" in options:
            producer = IDEMPOTENT
        builder = DefaultRecordBatchBuilder(
            magic=2,
            compression_type=CODECS[options.get("codec")],
            is_transactional="transactional" in options,
            producer_id=producer["producerID"],
            producer_epoch=producer["producerEpoch"],
            base_sequence=producer["baseSequence"],
            batch_size=1 << 30,
        )
        for offset, record in enumerate(records):
            assert builder.append(offset=offset, **record) is not None
        headers[name] = write("kafka-python", kafka.__version__, name, bytes(builder.build()), producer)
    return headers


def produce(broker, name):
    records, options = CASES[name]
    topic = confluent_kafka.admin.NewTopic(name, 1, config={"compression.type": "producer"})
    admin = confluent_kafka.admin.AdminClient({"bootstrap.servers": broker})
    admin.create_topics([topic])[name].result()
    producer = confluent_kafka.Producer(
        {
            "bootstrap.servers": broker,
            "compression.type": options.get("codec") or "none",
            "enable.idempotence": "idempotent" in options,
            # One batch: it is sent when `flush` asks for it.
            "linger.ms": 60_000,
            "batch.num.messages": 100_000,
        }
    )
    for record in records:
        producer.produce(name, **record)
    assert producer.flush(30) == 0


def librdkafka(martlet):
    """The header of each case's batch, but for transactions: they need their coordinator."""
    names = [name for name, (_, options) in CASES.items() if "transactional" not in options]
    headers = {}
    with tempfile.TemporaryDirectory() as data:
        command = [martlet, "serve", "--data", data, "--listen", "127.0.0.1:0"]
        broker = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            line = next(line for line in broker.stdout if " listens on " in line)
            address = line.split(" listens on ")[1].split(",")[0]
            for name in names:
                produce(address, name)
        finally:
            broker.terminate()
            broker.communicate()
        for name in names:
            with open("%s/%s-0/00000000000000000000.log" % (data, name), "rb") as file:
                batch = file.read()
            assert struct.unpack_from(">i", batch, 8)[0] + 12 == len(batch), name + ": more than one batch"
            ID, epoch, sequence = struct.unpack_from(">qhi", batch, 43)
            if "idempotent" in CASES[name][1]:
                assert ID >= 0 and epoch == 0 and sequence == 0, (ID, epoch, sequence)
            else:
                assert (ID, epoch) == (-1, -1), (ID, epoch)
            producer = {"producerID": ID, "producerEpoch": epoch, "baseSequence": sequence}
            headers[name] = write("librdkafka", confluent_kafka.libversion()[0], name, batch, producer)
    return headers


def main():
    clients = [kafka_python(), librdkafka(sys.argv[1])]
    for name in CASES:
        write_expected(name, [headers[name] for headers in clients if name in headers])


main()
