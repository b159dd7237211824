"""Groups of member processes, seen from outside: who has which partitions, and who processed which records."""

import json
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

# How long anything in a group may take, in seconds. A member that was killed is missed after six.
PATIENCE = 45
ASSIGNED = re.compile(r"assigned: (.*)$")
PLACE = re.compile(r"(\S+) \[(\d+)\]")


class Member:
    """A member process. `partitions` are what it has, `records` what it says to have processed, in order."""

    # Whether it commits a record that comes while it is told to end, and says nothing of it.
    swallows_at_end = False

    def __init__(self, client, broker, group, topic, **options):
        self.name = client
        self.topic = topic
        self.partitions = set()
        self.records = []
        # (kind, partitions): assigned, revoked, lost.
        self.events = []
        self.remarks = []
        self.is_closed = False
        self.process = subprocess.Popen(
            self.command(client, broker, group, topic, options), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True)
        self.readers = [threading.Thread(target=self.read, args=(stream, take), daemon=True)
                        for stream, take in ((self.process.stdout, self.take), (self.process.stderr, self.take_error))]
        for reader in self.readers:
            reader.start()

    @staticmethod
    def command(client, broker, group, topic, options):
        flags = [text for name, value in options.items() if value for text in (f"--{name}", value)]
        return [sys.executable, "-B", str(Path(__file__).parent / "member.py"), client, broker, group, topic, *flags]

    @staticmethod
    def read(stream, take):
        for line in stream:
            take(line)

    def take(self, line):
        kind, *rest = json.loads(line)
        if kind == "record":
            self.records.append(tuple(rest))
        elif kind in ("assigned", "revoked", "lost"):
            self.change(kind, {partition for _, partition in rest[0]})
        elif kind == "closed":
            self.is_closed = True
            self.partitions = set()
        else:
            self.remarks.append(" ".join([kind, *map(str, rest)]))

    def change(self, kind, partitions):
        self.events.append((kind, partitions))
        # A client that assigns anew says all that it has; one that adds says what is added. Either is in addition to
        # what was not revoked before.
        self.partitions = self.partitions | partitions if kind == "assigned" else self.partitions - partitions

    def take_error(self, line):
        self.remarks.append(line.rstrip())

    def kill(self):
        self.process.kill()
        self.finish()

    def stop(self):
        """Ends it in order. What it processed until then is in `records` afterwards."""
        self.process.terminate()
        self.finish()

    def finish(self):
        self.process.wait(PATIENCE)
        for reader in self.readers:
            reader.join(PATIENCE)
        self.partitions = set()


class KcatMember(Member):
    """kcat commits by time, so it is told to end by what ends it in order."""

    swallows_at_end = True

    @staticmethod
    def command(client, broker, group, topic, options):
        settings = {"auto.offset.reset": "earliest", "session.timeout.ms": "6000", "heartbeat.interval.ms": "300",
                    "auto.commit.interval.ms": "300", "fetch.wait.max.ms": "50"}
        if assignor := options.get("assignor"):
            settings["partition.assignment.strategy"] = assignor
        if instance := options.get("instance"):
            settings["group.instance.id"] = instance
        flags = [text for name, value in settings.items() for text in ("-X", f"{name}={value}")]
        return ["kcat", "-b", broker, "-G", group, "-u", "-f", "%p %o\\n", *flags, topic]

    def take(self, line):
        # Who is killed may have written half a line.
        if not line.endswith("\n"):
            return
        partition, offset = line.split()
        self.records.append((int(partition), int(offset)))

    def take_error(self, line):
        if "rebalanced" not in line:
            return super().take_error(line)
        kind = "assigned" if (found := ASSIGNED.search(line.strip())) else "revoked"
        text = found.group(1) if found else line
        self.change(kind, {int(number) for _, number in PLACE.findall(text)})


def make_member(client, *arguments, **options):
    return (KcatMember if client == "kcat" else Member)(client, *arguments, **options)


class Group:
    """Members of one group on one topic, and what must be true of them together."""

    def __init__(self, broker, name, topic, partitions):
        self.broker = broker
        self.name = name
        self.topic = topic
        self.partitions = set(range(partitions))
        self.members = []
        self.gone = []
        # Records that were produced, by partition.
        self.due = Counter()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for member in self.members:
            member.process.kill()

    def join(self, client, **options):
        member = make_member(client, self.broker, self.name, self.topic, **options)
        self.members.append(member)
        return member

    def stop(self, member):
        if member.swallows_at_end:
            self.await_all()
        member.stop()
        self.remove(member)

    def kill(self, member):
        member.kill()
        self.remove(member)

    def remove(self, member):
        self.members.remove(member)
        self.gone.append(member)

    def produced(self, records):
        self.due.update(record.partition for record in records)

    # What is waited for

    def wait(self, what, is_there):
        deadline = time.monotonic() + PATIENCE
        while not is_there():
            for member in self.members:
                if member.process.poll() is not None:
                    raise RuntimeError(f"{member.name} ended by itself: {' / '.join(member.remarks[-5:])}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"not in {PATIENCE} s: {what}; {self.situation()}")
            time.sleep(0.02)

    def situation(self):
        parts = [f"{member.name} has {sorted(member.partitions)} ({len(member.records)} records, "
                 f"{'; '.join(member.remarks[-2:]) or 'no remarks'})" for member in self.members]
        return ", ".join(parts) or "no member"

    def await_balance(self):
        """Each partition has one owner, and each member a share."""
        self.wait("every partition has one owner, and every member some", self.is_balanced)

    def is_balanced(self):
        owned = [partition for member in list(self.members) for partition in member.partitions]
        shares = [len(member.partitions) for member in self.members]
        return sorted(owned) == sorted(self.partitions) and max(shares) - min(shares) <= 1

    def await_all(self):
        """Every record that was produced has been processed."""
        self.wait("every record is processed", lambda: not self.missing())

    def counts(self):
        return Counter(place for member in [*self.gone, *self.members] for place in list(member.records))

    def missing(self):
        counts = self.counts()
        return [(partition, offset) for partition, count in self.due.items() for offset in range(count)
                if (partition, offset) not in counts]

    def repeated(self):
        return [place for place, count in self.counts().items() if count > 1]
