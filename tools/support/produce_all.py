"""Produces every line, spread over some seconds, however often the broker goes away meanwhile; fails where a record is
not acknowledged in the end.

produce_all.py BROKER TOPIC SOURCE SECONDS
"""

import sys
import time

from confluent_kafka import Producer

from telemetry import fail, read_lines

broker, topic, path, seconds = sys.argv[1:]
source = read_lines(path)
failures = []


def delivered(error, message):
    if error is not None:
        failures.append(error)


producer = Producer({
    "bootstrap.servers": broker,
    "acks": "all",
    "enable.idempotence": True,
    "linger.ms": 2,
    "batch.num.messages": 500,
    "message.timeout.ms": 60000,
    "reconnect.backoff.max.ms": 200,
    "retry.backoff.max.ms": 200,
    "partitioner": "murmur2_random",
    "log_level": 0,
})
start = time.monotonic()
for number, (device, line) in enumerate(source):
    while True:
        try:
            producer.produce(topic, value=line, key=device, on_delivery=delivered)
            break
        except BufferError:
            producer.poll(0.01)
    if number % 100 == 0:
        producer.poll(0)
        ahead = number / len(source) * float(seconds) - (time.monotonic() - start)
        if ahead > 0:
            producer.poll(ahead)
left = producer.flush(60)
if failures or left:
    fail(f"{len(failures)} records failed, {left} were not acknowledged; the first: {failures[:1]}")
