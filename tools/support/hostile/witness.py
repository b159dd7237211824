"""A producer and a consumer that mean well, each a process of its own: librdkafka's."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from confluent_kafka import Consumer, Producer

TOPIC = "witnessed"
# At least so many, where each is acknowledged before the next one is due; more where the answers come at once.
A_SECOND = 100
# Nothing of an attack is left when records of so long were acknowledged within so long.
CALM_SECONDS, CALM_MILLISECONDS = 0.5, 100


def run_producer(address, path):
    """Writes to the file, for each record: when it was sent, how long until it was acknowledged, in seconds."""
    stopped = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    failed = []
    producer = Producer({
        "bootstrap.servers": address, "enable.idempotence": True, "linger.ms": 0, "message.timeout.ms": 300_000})
    with open(path, "w", buffering=1) as file:
        def delivered(sent, error):
            failed.append(str(error)) if error else file.write(f"{sent} {time.monotonic() - sent}\n")

        count = 0
        due = time.monotonic()
        while not stopped:
            sent = time.monotonic()
            producer.produce(
                TOPIC, str(count).encode() + b" " + bytes(100), key=str(count), partition=0,
                on_delivery=lambda error, _, sent=sent: delivered(sent, error))
            count += 1
            due += 1 / A_SECOND
            producer.poll(max(0, due - time.monotonic()))
        left = producer.flush(300)
    print(json.dumps({"sent": count, "failed": failed[:3], "left": left}))


def run_consumer(address):
    """Reads until it has as many as its input says in the end, and says what was wrong with them."""
    consumer = Consumer({
        "bootstrap.servers": address, "group.id": "witness", "auto.offset.reset": "earliest",
        "enable.auto.commit": True})
    consumer.subscribe([TOPIC])
    stopped = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(time.monotonic() + 300))
    count, wrong, wanted = 0, [], None
    while wanted is None or count < wanted and time.monotonic() < stopped[0]:
        if stopped and wanted is None:
            wanted = int(sys.stdin.readline())
        message = consumer.poll(0.2)
        if message is None:
            continue
        if message.error():
            continue
        number, _, rest = message.value().partition(b" ")
        if int(number) != count or rest != bytes(100) or message.key() != number:
            wrong.append(f"record {number.decode()} where {count} was due")
        count += 1
    consumer.close()
    print(json.dumps({"read": count, "wrong": wrong[:3]}))


class Witness:
    def __init__(self, address, directory):
        self.latencies = f"{directory}/latencies"
        Path(self.latencies).touch()
        self.producer = self.start("produce", address, self.latencies)
        self.consumer = self.start("consume", address)

    def start(self, *arguments):
        return subprocess.Popen(
            [sys.executable, "-B", __file__, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            stderr=subprocess.DEVNULL)

    def between(self, begin, end):
        """What records that were sent then waited, in milliseconds, the shortest first."""
        return self.waited(Path(self.latencies).read_text().splitlines(), begin, end)

    @staticmethod
    def waited(lines, begin, end):
        waited = []
        for line in lines:
            if len(pair := line.split()) == 2 and begin <= float(pair[0]) < end:
                waited.append(float(pair[1]) * 1000)
        return sorted(waited)

    def newest(self):
        """The newest lines, of some seconds: not to take the time of what is measured by reading all of them."""
        with open(self.latencies, "rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - (512 << 10)))
            # The first is a part of one.
            return file.read().decode().splitlines()[1:]

    def calm(self, seconds):
        """Waits until records are acknowledged at once again, for so long at most. Returns when that was."""
        deadline = time.monotonic() + seconds
        while (now := time.monotonic()) < deadline:
            recent = self.waited(self.newest(), now - CALM_SECONDS, now)
            if len(recent) >= CALM_SECONDS * A_SECOND / 2 and recent[-1] < CALM_MILLISECONDS:
                return now
            time.sleep(0.1)
        return now

    def is_served(self, begin, end, seconds):
        """Waits until a record that was sent while an attack went on, or later, is acknowledged."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.between(begin, float("inf")) and (self.between(begin, end) or time.monotonic() > end + 2):
                return True
            time.sleep(0.1)
        return False

    def finish(self):
        """Returns what both have to say, and what is wrong."""
        self.producer.send_signal(signal.SIGTERM)
        produced = json.loads(self.producer.communicate(timeout=400)[0])
        self.consumer.send_signal(signal.SIGTERM)
        consumed = json.loads(self.consumer.communicate(f"{produced['sent']}\n", timeout=400)[0])
        problems = produced["failed"] + consumed["wrong"]
        if produced["left"] or consumed["read"] != produced["sent"]:
            problems.append(f"{produced['sent']} were sent, {produced['left']} not acknowledged, "
                            f"{consumed['read']} read")
        return produced["sent"], problems

    def kill(self):
        for process in (self.producer, self.consumer):
            process.kill()
            process.wait()


if __name__ == "__main__":
    {"produce": run_producer, "consume": run_consumer}[sys.argv[1]](*sys.argv[2:])
