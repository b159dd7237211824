"""Produces until so many records are acknowledged, kills the broker with SIGKILL in the middle of it, and writes down
what was acknowledged: lines of `partition offset line-number`.

produce_and_kill.py BROKER PROCESS TOPIC SOURCE ACKNOWLEDGED COUNT COMPRESSION
"""

import os
import signal
import sys

from confluent_kafka import Producer

from telemetry import fail, read_lines

broker, process, topic, path, output, count, compression = sys.argv[1:]
source = read_lines(path)
acknowledged = []


def delivered(number):
    def callback(error, message):
        if error is None:
            acknowledged.append((message.partition(), message.offset(), number))

    return callback


producer = Producer({
    "bootstrap.servers": broker,
    "acks": "all",
    "enable.idempotence": True,
    "compression.type": compression,
    "linger.ms": 2,
    "batch.num.messages": 200,
    "partitioner": "murmur2_random",
    "message.timeout.ms": 3000,
    "log_level": 0,
})
sent = 0
for number, (device, line) in enumerate(source):
    while True:
        try:
            producer.produce(topic, value=line, key=device, on_delivery=delivered(number))
            break
        except BufferError:
            producer.poll(0.01)
    sent += 1
    producer.poll(0)
    if len(acknowledged) >= int(count):
        break
else:
    fail("everything was sent before the broker was to be killed: give fewer acknowledgements to wait for")

os.kill(int(process), signal.SIGKILL)
before = len(acknowledged)
# What was answered before the kill may still be on its way.
producer.poll(0.5)
producer.purge()
producer.flush(5)
with open(output, "w") as file:
    for entry in acknowledged:
        print(*entry, file=file)
print(f"killed after {before} acknowledgements with {sent - before} records under way")
