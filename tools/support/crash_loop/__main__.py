"""A broker that is killed again and again under clients that live on: see tools/crash-loop --help."""

import argparse
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from clients import PATIENCE, PATIENCE_SECONDS, Checker, Member, Sending, SenderKind
from ledger import Commits, Topic, Violation

CHECK_CYCLES = 25
FULL_CHECK_CYCLES = 2000
# Kills while it starts, and how long it lives otherwise.
EARLY = 0.12
LIFE_SECONDS = 0.55
# So often it lives until something was acknowledged, however long that takes on a busy machine.
SERVING_CYCLES = 5


class BrokerProcess:
    """The broker, on one address for all its lives. What it says goes to a file."""

    def __init__(self, martlet, directory, arguments):
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.address = "127.0.0.1:%d" % probe.getsockname()[1]
        self.log = os.path.join(directory, "broker.log")
        self.command = [
            martlet, "serve", "--data", os.path.join(directory, "data"), "--listen", self.address, *arguments]
        self.process = None
        self.slowest = 0

    def start(self):
        self.output = open(self.log, "ab", buffering=0)
        self.said = self.output.tell()
        self.process = subprocess.Popen(self.command, stdout=self.output, stderr=self.output)

    def wait_until_ready(self):
        began = time.monotonic()
        while True:
            with open(self.log, "rb") as log:
                log.seek(self.said)
                text = log.read()
            if b" listens on " in text:
                self.slowest = max(self.slowest, time.monotonic() - began)
                return
            if self.process.poll() is not None:
                raise Violation(f"the broker did not start (status {self.process.returncode}): {text.decode()[-2000:]}")
            if time.monotonic() - began > PATIENCE_SECONDS:
                raise Violation(f"the broker was not ready within {PATIENCE_SECONDS} s: {text.decode()[-2000:]}")
            time.sleep(0.002)

    def kill(self):
        if self.process.poll() is not None:
            raise Violation(f"the broker ended by itself with status {self.process.returncode}: see {self.log}")
        self.process.kill()
        self.process.wait()
        self.output.close()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            raise Violation(f"the broker did not stop within {PATIENCE_SECONDS} s") from None
        if status != 0:
            raise Violation(f"the broker stopped with status {status}: see {self.log}")
        self.output.close()

    def end(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class CrashLoop:
    def __init__(self, options, directory):
        self.options = options
        self.directory = directory
        self.random = random.Random(options.seed)
        self.lock = threading.Lock()
        self.failures = []
        self.senders = []
        self.burst = options.burst
        self.counts = dict.fromkeys(
            ["cycles", "kills_while_starting", "acknowledged", "read_by_groups", "read_by_checks", "checks", "commits",
             "commits_compared", "compacted_away", "topics_created", "topics_deleted"], 0)
        small = {"segment.bytes": "60000"}
        self.topics = [
            Topic("journaled", 3, small),
            Topic("relaxed", 2, {**small, "flush.messages": "500"}),
            Topic("bounded", 2, {"segment.bytes": "8000", "retention.bytes": "30000"}, loses_some=True),
            Topic("latest", 2, {"segment.bytes": "20000", "cleanup.policy": "compact", "segment.ms": "1000"},
                  loses_some=True, compacted=True),
        ]
        self.topic_named = {topic.name: topic for topic in self.topics}
        journaled, relaxed, bounded, latest = self.topics
        idempotent = {"enable.idempotence": True, "acks": "all"}
        plain = {"enable.idempotence": False, "retries": 2147483647, "max.in.flight.requests.per.connection": 1}
        self.kinds = [
            SenderKind("idempotent", journaled, "once", idempotent),
            SenderKind("idempotent, lz4", journaled, "once", {**idempotent, "compression.type": "lz4"}),
            SenderKind("acks=all", journaled, "in order", {**plain, "acks": "all"}),
            SenderKind("acks=1", journaled, "any", {**plain, "acks": "1"}),
            SenderKind("idempotent, without the journal", relaxed, "once", idempotent),
            SenderKind("idempotent, with retention", bounded, "once", idempotent),
            SenderKind("idempotent, compacted", latest, "once", idempotent),
        ]
        self.commits = {"classic": Commits(), "consumer": Commits()}
        self.broker = BrokerProcess(options.martlet, directory, [
            "--set", "offsets.topic.num.partitions=3", "--set", "group.initial.rebalance.delay.ms=0",
            "--set", "log.retention.check.interval.ms=200", "--set", "log.cleaner.backoff.ms=100",
            "--set", "offsets.history.ms=1000", "--auto-create-partitions", "0"])
        self.address = self.broker.address
        # Topics that come and go: by name, whether it must be there. None: a change is under way, or nobody knows.
        self.passing = {}
        self.starts = {}
        self.changes = []

    # What the clients tell. They have threads of their own.

    def register(self, sender):
        with self.lock:
            self.senders.append(sender)
            return len(self.senders) - 1

    def acknowledge(self, sender, partition, number, offset):
        with self.lock:
            sender.kind.acknowledged += 1
            self.counts["acknowledged"] += 1
            # Nothing is promised of what was acknowledged before it was durable.
            if sender.kind.rule == "any":
                return
            ledger = sender.topic.partitions[partition]
            try:
                ledger.note(offset, sender.number, number, "acknowledged")
                if sender.topic.compacted:
                    self.note_key(ledger, sender.key(partition, number), offset)
            except Violation as violation:
                self.failures.append(str(violation))

    def read(self, ledger, message):
        with self.lock:
            self.counts["read_by_groups"] += 1
            sender, number = ledger.parse(message, self.senders)
            ledger.note(message.offset(), sender, number, "read")
            if ledger.topic.compacted:
                self.note_key(ledger, message.key(), message.offset())

    @staticmethod
    def note_key(ledger, key, offset):
        ledger.newest_of_key[key] = max(offset, ledger.newest_of_key.get(key, -1))

    def fail(self, what):
        with self.lock:
            self.failures.append(what)

    # The course of it.

    def run(self):
        self.broker.start()
        self.broker.wait_until_ready()
        self.admin = AdminClient({"bootstrap.servers": self.address, **PATIENCE})
        for future in self.admin.create_topics([
                NewTopic(topic.name, len(topic.partitions), 1, config=topic.settings)
                for topic in self.topics]).values():
            future.result(20)
        self.checker = Checker(self)
        self.asking = {
            group: Consumer({"bootstrap.servers": self.address, "group.id": group, **PATIENCE})
            for group in self.commits}
        workers = [Sending(self, kind, self.random.random()) for kind in self.kinds]
        members = [
            Member(self, "classic", {"session.timeout.ms": 6000}),
            Member(self, "classic", {"session.timeout.ms": 6000}),
            Member(self, "consumer", {"group.protocol": "consumer"})]
        for worker in workers + members:
            worker.start()
        began = said = time.monotonic()
        while self.counts["cycles"] < self.options.cycles and not self.failures:
            if self.options.seconds and time.monotonic() - began > self.options.seconds:
                break
            self.cycle()
            if time.monotonic() - said > 5:
                said = time.monotonic()
                self.report_progress(said - began)
        for worker in workers:
            worker.end()
        self.raise_failures()
        time.sleep(0.5)
        for member in members:
            member.end()
        self.raise_failures()
        self.check(everything=True)
        self.compare_commits()
        self.broker.stop()
        verified = subprocess.run(
            [self.options.martlet, "verify", os.path.join(self.directory, "data")], capture_output=True, text=True)
        if verified.returncode != 0:
            raise Violation(f"martlet verify, status {verified.returncode}: {verified.stdout}{verified.stderr}")
        # All of it once more, from what a stop in order left.
        self.broker.start()
        self.broker.wait_until_ready()
        self.check(everything=True)
        self.compare_commits()
        self.raise_failures()
        self.checker.close()
        for consumer in self.asking.values():
            consumer.close()
        self.broker.stop()
        self.check_amounts()
        self.check_log()

    def cycle(self):
        number = self.counts["cycles"]
        if number % 7 == 0:
            self.change_topics(number)
        if number % SERVING_CYCLES == 0:
            self.wait_for_acknowledgement()
        time.sleep(self.random.uniform(0, LIFE_SECONDS))
        self.broker.kill()
        self.sabotage(number)
        self.broker.start()
        while self.random.random() < EARLY:
            time.sleep(self.random.uniform(0, 0.03))
            self.broker.kill()
            self.counts["kills_while_starting"] += 1
            self.broker.start()
        self.broker.wait_until_ready()
        self.counts["cycles"] = number + 1
        self.collect_changes()
        if (number + 1) % CHECK_CYCLES == 0:
            self.check(everything=(number + 1) % FULL_CHECK_CYCLES == 0)
            self.compare_commits()

    def wait_for_acknowledgement(self):
        before = self.counts["acknowledged"]
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.counts["acknowledged"] == before:
            self.raise_failures()
            if time.monotonic() > deadline:
                raise Violation(f"nothing was acknowledged for {PATIENCE_SECONDS} s")
            time.sleep(0.005)

    def sabotage(self, number):
        """Puts an old copy of the directory in its place, for who wants to see that this is found out."""
        data = os.path.join(self.directory, "data")
        old = os.path.join(self.directory, "old")
        if number == self.options.sabotage - 3:
            shutil.copytree(data, old)
        elif number == self.options.sabotage:
            shutil.rmtree(data)
            os.rename(old, data)

    def raise_failures(self):
        if self.failures:
            raise Violation("\n".join(self.failures[:10]))

    def report_progress(self, seconds):
        print(
            f"{self.counts['cycles']} of {self.options.cycles} cycles in {seconds:.0f} s: "
            f"{self.counts['acknowledged']} records acknowledged, {self.counts['read_by_groups']} read by groups, "
            f"{sum(commits.count for commits in self.commits.values())} offsets committed",
            file=sys.stderr, flush=True)

    # Topics that come and go.

    def change_topics(self, number):
        there = [name for name, exists in self.passing.items() if exists]
        if len(there) > 3:
            name = self.random.choice(there)
            self.changes.append((name, False, self.admin.delete_topics([name], operation_timeout=0)[name]))
        else:
            name = f"passing-{number}"
            self.changes.append((name, True, self.admin.create_topics([NewTopic(name, 2, 1)])[name]))
        self.passing[name] = None

    def collect_changes(self):
        for change in [change for change in self.changes if change[2].done()]:
            self.changes.remove(change)
            name, exists, future = change
            # Not acknowledged: it may have been carried out or not, and stays unknown.
            if future.exception() is None:
                self.passing[name] = exists
                self.counts["topics_created" if exists else "topics_deleted"] += 1

    def check_topics(self):
        known = {name: exists for name, exists in self.passing.items() if exists is not None}
        found = self.admin.list_topics(timeout=PATIENCE_SECONDS).topics
        for topic in self.topics:
            there = len(found[topic.name].partitions) if topic.name in found else 0
            if there != len(topic.partitions):
                raise Violation(f"topic {topic.name} has {there} partitions, and had {len(topic.partitions)}")
        for name, exists in known.items():
            if exists != (name in found):
                raise Violation(f"topic {name}, whose {'creation' if exists else 'deletion'} was acknowledged, is "
                                f"{'not there' if exists else 'there'}")

    # What must hold.

    def check(self, everything):
        self.counts["checks"] += 1
        self.check_topics()
        for topic in self.topics:
            for ledger in topic.partitions:
                self.check_partition(ledger, everything)

    def check_partition(self, ledger, everything):
        with self.lock:
            known = len(ledger.held)
            newest_of_key = dict(ledger.newest_of_key)
        start, end = self.checker.bounds(ledger)
        if start < self.starts.get(ledger.name, 0):
            raise Violation(f"{ledger.name} begins at {start}, and began at {self.starts[ledger.name]} before")
        self.starts[ledger.name] = start
        if end < known:
            raise Violation(f"{ledger.name} ends at {end}, and offset {known - 1} was acknowledged or read")
        if start > 0 and not ledger.topic.loses_some:
            raise Violation(f"{ledger.name} begins at {start}, and nothing was to be deleted")
        # What is new, and of what was looked at before a part: it may have changed since.
        earliest = start if everything else max(start, min(ledger.verified, self.random.randrange(ledger.verified + 1)))
        if not everything and ledger.verified - earliest > 4000:
            self.check_stretch(ledger, earliest, earliest + 4000)
            earliest = ledger.verified
        keys = self.check_stretch(ledger, earliest, end)
        if ledger.topic.compacted and everything:
            for key, offset in newest_of_key.items():
                if keys.get(key, -1) < offset:
                    raise Violation(f"{ledger.name}: the newest record of key {key}, at {offset}, is gone")

    def check_stretch(self, ledger, start, end):
        expected = start
        keys = {}
        held = ledger.held
        for message in self.checker.read(ledger, start, end):
            offset = message.offset()
            if offset != expected and not ledger.topic.loses_some:
                raise Violation(f"{ledger.name}: offset {offset} follows {expected - 1}")
            if ledger.topic.compacted:
                self.counts["compacted_away"] += offset - expected
                keys[message.key()] = offset
            expected = offset + 1
            with self.lock:
                self.counts["read_by_checks"] += 1
                sender, number = ledger.parse(message, self.senders)
                ledger.note(offset, sender, number, "read")
                if offset >= ledger.verified:
                    ledger.follow(offset, sender, number, self.senders[sender].kind.rule)
                    ledger.verified = offset + 1
        if expected < end and not ledger.topic.loses_some:
            raise Violation(f"{ledger.name}: offsets {expected} to {end - 1} are missing")
        return keys

    def compare_commits(self):
        for group, commits in self.commits.items():
            with commits.lock:
                acknowledged = dict(commits.acknowledged)
            if not acknowledged:
                continue
            answer = self.asking[group].committed([TopicPartition(*key) for key in acknowledged], timeout=PATIENCE_SECONDS)
            with commits.lock:
                attempted = dict(commits.attempted)
            for place in answer:
                key = (place.topic, place.partition)
                self.counts["commits_compared"] += 1
                if not acknowledged[key] <= place.offset <= attempted[key]:
                    raise Violation(
                        f"group {group} has {place.offset} of {place.topic}-{place.partition} committed, where "
                        f"{acknowledged[key]} was acknowledged and {attempted[key]} the last that was sent")
                if place.offset > 0 and place.metadata != str(place.offset):
                    raise Violation(
                        f"the offset {place.offset} of group {group} has the text {place.metadata!r} of another")
        self.counts["commits"] = sum(commits.count for commits in self.commits.values())

    def check_amounts(self):
        """A run in which nothing happens shows nothing."""
        cycles = max(1, self.counts["cycles"])
        for kind in self.kinds:
            if kind.acknowledged < cycles:
                raise Violation(
                    f"the producer '{kind.name}' got {kind.acknowledged} records acknowledged in {cycles} cycles")
        for group, commits in self.commits.items():
            if commits.count < cycles / 5:
                raise Violation(f"group {group} got {commits.count} offsets acknowledged in {cycles} cycles")
        if cycles >= 100:
            if not any(self.starts[ledger.name] for ledger in self.topic_named["bounded"].partitions):
                raise Violation("retention deleted nothing")
            if not self.counts["compacted_away"]:
                raise Violation("compaction took nothing away")

    def check_log(self):
        with open(self.broker.log, errors="replace") as log:
            lines = log.readlines()
        for line in lines:
            if " error martlet" in line or " critical martlet" in line or "Fatal error" in line:
                raise Violation(f"the broker said: {line.strip()}")
        self.counts["warnings"] = sum(" warning martlet" in line for line in lines)


def parse():
    parser = argparse.ArgumentParser(prog="tools/crash-loop")
    parser.add_argument("--martlet", required=True)
    parser.add_argument("--cycles", type=int, default=200)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--burst", type=int, default=12)
    parser.add_argument("--sabotage", type=int, default=-1)
    parser.add_argument("--directory")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.cycles < 1:
        parser.error("--cycles takes a number from 1 on")
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1 << 32)
    return options


def main():
    options = parse()
    directory = tempfile.mkdtemp(prefix="crash-loop-", dir=options.directory)
    print(f"seed {options.seed}", file=sys.stderr)
    loop = CrashLoop(options, directory)
    began = time.monotonic()
    failure = None
    try:
        loop.run()
    except Violation as violation:
        failure = str(violation)
    except KeyboardInterrupt:
        loop.broker.end()
        shutil.rmtree(directory, ignore_errors=True)
        os._exit(130)
    seconds = time.monotonic() - began
    loop.broker.end()
    result = {
        "seed": options.seed, "seconds": round(seconds, 1), **loop.counts,
        "slowest_start_ms": round(loop.broker.slowest * 1000), "producers": len(loop.senders), "failure": failure}
    if options.json:
        print(json.dumps(result))
    elif not failure:
        print(
            f"{result['cycles']} cycles and {result['kills_while_starting']} kills while starting in {seconds:.0f} s: "
            f"{result['acknowledged']} records of {result['producers']} producers acknowledged, "
            f"{result['read_by_groups']} read by groups, {result['commits']} offsets committed, "
            f"{result['checks']} checks of {result['read_by_checks']} records; "
            f"the slowest start took {result['slowest_start_ms']} ms. All promises held.")
    if failure:
        print(f"error: {failure}\nseed {options.seed}; the directory is kept: {directory}", file=sys.stderr)
    else:
        shutil.rmtree(directory, ignore_errors=True)
    sys.stdout.flush()
    # Clients that wait for a broker would keep the interpreter from ending.
    os._exit(1 if failure else 0)


main()
