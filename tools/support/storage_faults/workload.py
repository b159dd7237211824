"""A small life of a log, of every kind of change to its files, and what must hold of it afterwards."""

from collections import defaultdict

from wire import Connection, Gone, batch

RECORDS = 4
FILLER = b"." * 60
# What a client may try again: anything else would make it give up over a disk that comes back.
RETRIED = {5, 6, 7, 14, 15, 16, 56}
STORAGE_ERROR = 56
# More often than faults last.
REPEATS = 20
ROUNDS = 4
TOPICS = {
    "journaled": (2, {"segment.bytes": "1500"}),
    "relaxed": (1, {"segment.bytes": "1500", "flush.messages": "15"}),
    "compacted": (1, {"segment.bytes": "1200", "cleanup.policy": "compact"}),
}
GROUP = "readers"
# The partition that an idempotent producer writes to, and nobody else.
IDEMPOTENT = "journaled", 1


class Violation(Exception):
    """The broker broke a promise."""


def value(topic, partition, number):
    return b"%s %d %d %s" % (topic.encode(), partition, number, FILLER)


class Known:
    """What was sent, and what of it was acknowledged."""

    def __init__(self):
        self.sent = defaultdict(int)
        self.acknowledged = defaultdict(dict)
        self.idempotent = None
        self.sequence = 0
        self.unanswered = None
        self.created = {}
        self.attempted_commits = defaultdict(set)
        self.commits = {}
        self.attempted_starts = defaultdict(int)
        self.starts = defaultdict(int)
        self.refusals = defaultdict(int)

    def places(self):
        return [(topic, partition) for topic, (count, _) in TOPICS.items() if self.created.get(topic)
                for partition in range(count)]

    def refuse(self, code, what):
        """An answer that says no. It must be one after which clients try again."""
        self.refusals[code] += 1
        if code not in RETRIED:
            raise Violation(f"{what} was answered with error {code}, at which clients give up")


class Life:
    """The workload, on one connection; it goes on over refusals, as clients do."""

    def __init__(self, known, connection):
        self.known = known
        self.connection = connection

    def create(self, name, partitions, settings):
        self.known.created.setdefault(name, None)
        code = self.connection.create_topic(name, partitions, settings)
        # 36: it is there. It was created before the answer got lost.
        if code in (0, 36):
            self.known.created[name] = True
        else:
            self.known.refuse(code, f"CreateTopics of {name}")

    def delete(self, name):
        if not self.known.created.get(name):
            return
        self.known.created[name] = None
        code = self.connection.delete_topic(name)
        if code == 0:
            self.known.created[name] = False
        else:
            self.known.refuse(code, f"DeleteTopics of {name}")

    def produce(self, topic, partition):
        known = self.known
        place = topic, partition
        first = known.sent[place]
        known.sent[place] += RECORDS
        records = batch([value(topic, partition, number) for number in range(first, first + RECORDS)])
        code, offset = self.connection.produce(topic, partition, records)
        if code:
            known.refuse(code, f"Produce to {topic}-{partition}")
            return False
        for i in range(RECORDS):
            known.acknowledged[place][offset + i] = first + i
        return True

    def produce_once(self):
        """By an idempotent producer, which sends again what was not answered."""
        known = self.known
        if known.idempotent is None:
            code, producer, epoch = self.connection.new_producer()
            if code:
                return known.refuse(code, "InitProducerId")
            known.idempotent = producer, epoch
        place = IDEMPOTENT
        if known.unanswered is None:
            known.unanswered = known.sent[place]
            known.sent[place] += RECORDS
        first = known.unanswered
        records = batch(
            [value(*place, number) for number in range(first, first + RECORDS)], *known.idempotent, known.sequence)
        code, offset = self.connection.produce(*place, records)
        if code:
            return known.refuse(code, "Produce by an idempotent producer")
        known.unanswered = None
        known.sequence += RECORDS
        for i in range(RECORDS):
            known.acknowledged[place][offset + i] = first + i

    def commit(self):
        """Whether all of it was taken."""
        known = self.known
        offsets = {}
        for place in known.places():
            ends = known.acknowledged[place]
            if ends:
                offsets[place] = max(ends) + 1
        if not offsets:
            return True
        for place, offset in offsets.items():
            known.attempted_commits[place].add(offset)
        codes = self.connection.commit(GROUP, offsets)
        for place, code in codes.items():
            if code:
                known.refuse(code, "OffsetCommit")
            else:
                known.commits[place] = offsets[place]
        return not any(codes.values())

    def delete_records(self, topic, partition, offset):
        known = self.known
        place = topic, partition
        if not known.acknowledged[place] or max(known.acknowledged[place]) < offset:
            return
        known.attempted_starts[place] = max(known.attempted_starts[place], offset)
        code, start = self.connection.delete_records(topic, partition, offset)
        if code:
            known.refuse(code, "DeleteRecords")
        else:
            known.starts[place] = max(known.starts[place], start)

    def run(self, part):
        for name, (partitions, settings) in TOPICS.items():
            if not self.known.created.get(name):
                self.create(name, partitions, settings)
        if part == 0:
            self.create("passing", 1, {})
        self.connection.find_coordinator(GROUP)
        for round in range(ROUNDS):
            for place in self.known.places():
                if place != IDEMPOTENT:
                    self.produce(*place)
            if self.known.created.get("journaled"):
                self.produce_once()
            if round % 2:
                self.commit()
        if part == 0:
            self.delete_records("journaled", 0, 9)
            self.delete("passing")
        else:
            self.delete_records("journaled", 0, 9 + 8 * part)


def check(known, connection, writing):
    """What must hold, whatever went wrong before. `writing`: nothing goes wrong any more, so it takes more, too."""
    names = connection.topics()
    for name, exists in known.created.items():
        if exists is not None and exists != (name in names):
            raise Violation(f"topic {name} is {'not there' if exists else 'there'}, and the opposite was acknowledged")
    for place in known.places():
        check_partition(known, connection, place)
    if known.commits:
        check_commits(known, connection)
    if not writing:
        return
    life = Life(known, connection)
    for name, (partitions, settings) in TOPICS.items():
        if known.created.get(name) is None:
            life.create(name, partitions, settings)
    # What was never answered is sent again: it must be there once.
    life.produce_once()
    life.commit()
    refused = [place for place in known.places() if place != IDEMPOTENT and not life.produce(*place)]
    if refused:
        raise Violation(f"without any fault, {refused} take nothing")
    for place in known.places():
        check_partition(known, connection, place)
    check_commits(known, connection)


def patiently(ask):
    """As clients do: what cannot be opened or read for the moment can be later."""
    answer = ask()
    for _ in range(REPEATS):
        if answer[0] != STORAGE_ERROR:
            break
        answer = ask()
    return answer


def check_partition(known, connection, place):
    name = "%s-%d" % place
    compacted = place[0] == "compacted"
    code, start, end = patiently(lambda: connection.bounds(*place))
    if code:
        raise Violation(f"ListOffsets of {name} is answered with error {code}")
    acknowledged = known.acknowledged[place]
    if not known.starts[place] <= start <= known.attempted_starts[place]:
        raise Violation(f"{name} begins at {start}: {known.starts[place]} was acknowledged, "
                        f"{known.attempted_starts[place]} asked for")
    if acknowledged and end <= max(acknowledged):
        raise Violation(f"{name} ends at {end}, and {max(acknowledged)} was acknowledged")
    found = {}
    at = start
    while at < end:
        code, records = patiently(lambda: connection.fetch(*place, at))
        if code:
            raise Violation(f"Fetch of {name} at {at} is answered with error {code}")
        if not records:
            raise Violation(f"{name} has nothing at {at}, before its end {end}")
        for offset, data in records:
            if offset != at and not compacted:
                raise Violation(f"{name}: offset {offset} comes after {at - 1}")
            at = offset + 1
            number = int(data.split(b" ")[2])
            if data != value(*place, number) or number >= known.sent[place]:
                raise Violation(f"{name} offset {offset}: nobody sent {data!r}")
            found[offset] = number
    numbers = list(found.values())
    if numbers != sorted(set(numbers)):
        raise Violation(f"{name}: records are not in the order in which they were sent, or there twice: {numbers}")
    for offset, number in acknowledged.items():
        if compacted and offset not in found and offset < max(found, default=-1):
            continue
        if offset >= start and found.get(offset) != number:
            raise Violation(f"{name} offset {offset}: record {number} was acknowledged, there is {found.get(offset)}")


def check_commits(known, connection):
    answer = connection.committed(GROUP, known.places())
    for _ in range(REPEATS):
        if not any(code in RETRIED for code, _, _ in answer.values()):
            break
        answer = connection.committed(GROUP, known.places())
    for place, (code, offset, told) in answer.items():
        if code:
            raise Violation(f"OffsetFetch is answered with error {code}")
        acknowledged = known.commits.get(place, -1)
        if offset != acknowledged and not (offset > acknowledged and offset in known.attempted_commits[place]):
            raise Violation(f"{place} has {offset} committed: {acknowledged} was acknowledged")
        if offset >= 0 and told != str(offset):
            raise Violation(f"{place} has {offset} committed with the text {told!r}")
