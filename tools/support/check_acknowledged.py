"""After a kill: every acknowledged record is at its offset, and each partition holds the first records that were sent to
it, in order, none twice.

check_acknowledged.py BROKER TOPIC SOURCE ACKNOWLEDGED
"""

import sys

from telemetry import by_device, fail, make_consumer, read_lines, replay

broker, topic, path, acknowledged = sys.argv[1:]
source = read_lines(path)
consumer = make_consumer(broker)
records = replay(consumer, topic)
consumer.close()

held = {(partition, offset): (key, value) for partition, offset, _, key, value in records}
missing = 0
count = 0
with open(acknowledged) as file:
    for line in file:
        partition, offset, number = map(int, line.split())
        count += 1
        if held.get((partition, offset)) != source[number]:
            missing += 1
if missing:
    fail(f"{missing} of {count} acknowledged records are missing or altered")

sent = by_device(source)
for device, lines in by_device((record[3], record[4]) for record in records).items():
    if lines != sent[device][:len(lines)]:
        fail(f"the records of {device.decode()} are not the first that were sent, in order")
print(f"{count} acknowledged records are all there, among {len(records)}")
