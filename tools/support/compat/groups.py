"""What is checked of consumer groups: that every record is processed, none is skipped, and none comes twice where
nothing failed, while members come, go and are killed."""

import time
from concurrent.futures import ThreadPoolExecutor

from cases import PREFIX, Wrong, expect, expect_refused, shorten
from client import NotInClient, readings
from membership import Group

PARTITIONS = 6
# Records at a time. They come in several lots, so that members come and go in the middle of the work.
LOT = 1500


class Scene:
    """A group on a topic of its own, into which records flow."""

    def __init__(self, owner, broker, purpose, client):
        name = f"{PREFIX}-group-{purpose}-{client}"
        self.owner = owner
        self.topic = name
        owner.create_topic(name, PARTITIONS)
        self.group = Group(broker, name, name, PARTITIONS)
        self.lots = 0

    def __enter__(self):
        return self

    def __exit__(self, *arguments):
        self.group.__exit__(*arguments)

    def produce(self, count=LOT):
        records = readings(count, seed=self.lots, partitions=PARTITIONS)
        self.lots += 1
        self.owner.produce(self.topic, records, acks="all")
        self.group.produced(records)

    def expect_none_missing(self):
        if missing := self.group.missing():
            raise Wrong(f"{len(missing)} records were skipped: {shorten(missing)}")

    def expect_each_once(self):
        self.expect_none_missing()
        if repeated := self.group.repeated():
            raise Wrong(f"{len(repeated)} records came twice, though nothing failed: {shorten(repeated)}; "
                        f"{self.group.situation()}")

    def expect_nothing_comes(self, client, **options):
        """All is committed: one who comes later finds nothing to do but what is new."""
        self.group.join(client, **options)
        self.group.await_balance()
        self.produce(PARTITIONS)
        self.group.await_all()
        self.expect_each_once()


def goes_on(scene, client, **options):
    """A member ends in order; the next goes on where it was."""
    scene.produce()
    first = scene.group.join(client, **options)
    scene.group.await_all()
    scene.group.stop(first)
    scene.produce()
    second = scene.group.join(client, **options)
    scene.group.await_all()
    scene.expect_each_once()
    expect("records of the second member", len(second.records), LOT)


def come_and_go(scene, client, **options):
    """Three come one after another, two go again, while records flow."""
    scene.produce()
    first = scene.group.join(client, **options)
    scene.group.await_balance()
    scene.group.join(client, **options)
    scene.produce()
    scene.group.await_balance()
    third = scene.group.join(client, **options)
    scene.produce()
    scene.group.await_balance()
    scene.group.stop(first)
    scene.produce()
    scene.group.await_balance()
    scene.group.stop(third)
    scene.produce()
    scene.group.await_balance()
    scene.group.await_all()
    scene.expect_each_once()


def killed(scene, client, **options):
    """A member is killed in the middle of its work: another has its partitions after the session's time."""
    scene.group.join(client, **options)
    second = scene.group.join(client, **options)
    scene.group.await_balance()
    scene.produce()
    scene.group.wait("the member that is to be killed has processed some", lambda: len(second.records) > 100)
    scene.group.kill(second)
    scene.produce()
    scene.group.await_balance()
    scene.group.await_all()
    scene.expect_none_missing()


def static_member(scene, client, **options):
    """A static member is started again: the others do not notice, and it gets the same partitions."""
    first = scene.group.join(client, instance="one", **options)
    second = scene.group.join(client, instance="two", **options)
    scene.group.await_balance()
    scene.produce()
    scene.group.await_all()
    had, seen = set(second.partitions), len(first.events)
    scene.group.stop(second)
    scene.produce()
    second = scene.group.join(client, instance="two", **options)
    scene.group.await_balance()
    scene.group.await_all()
    scene.expect_each_once()
    expect("partitions after the start", second.partitions, had)
    expect("rebalances that the other saw", first.events[seen:], [])


def through_a_crash(scene, client, broker, **options):
    """The broker is killed and comes back: the members go on as they were, and what was committed stays so."""
    members = [scene.group.join(client, **options) for _ in range(2)]
    scene.group.await_balance()
    scene.produce()
    scene.group.await_all()
    # The last commits are on their way.
    time.sleep(1)
    seen = [len(member.events) for member in members]
    broker.crash()
    scene.produce()
    scene.group.await_all()
    for member, count in zip(members, seen):
        expect("rebalances after the crash", member.events[count:], [])
    for member in members:
        scene.group.stop(member)
    scene.expect_none_missing()
    repeated = set(scene.group.repeated())
    scene.group.join(client, **options)
    scene.produce(PARTITIONS)
    scene.group.await_all()
    expect("records that come again after a clean end", set(scene.group.repeated()) - repeated, set())


def mixed(scene, clients, **options):
    """Different clients in one group."""
    scene.produce()
    members = []
    for client in clients:
        members.append(scene.group.join(client, **options))
        scene.group.await_balance()
        scene.produce()
    for member in members[:-1]:
        scene.group.stop(member)
        scene.produce()
        scene.group.await_balance()
    scene.group.await_all()
    scene.expect_each_once()


COOPERATIVE = {"assignor": "cooperative-sticky"}
NEW_PROTOCOL = {"protocol": "consumer"}


def checks(client):
    """(name, function, options) of what a client can do."""
    found = [
        ("group: goes on where it was", goes_on, {}),
        ("group: members come and go", come_and_go, {}),
        ("group: members come and go, round robin", come_and_go, {"assignor": "roundrobin"}),
        ("group: a member is killed", killed, {}),
        ("group: a static member starts again", static_member, {}),
    ]
    if client != "kcat":
        found += [
            ("group: commits without waiting", goes_on, {"commit": "async"}),
            ("group: commits by time", goes_on, {"commit": "auto"}),
        ]
    # kcat 1.7.1 cannot assign incrementally, aiokafka has no cooperative assignor.
    if client in ("confluent-kafka", "kafka-python"):
        found += [
            ("group, cooperative: members come and go", come_and_go, COOPERATIVE),
            ("group, cooperative: a member is killed", killed, COOPERATIVE),
        ]
    if client == "confluent-kafka":
        found += [
            ("group.protocol=consumer: goes on where it was", goes_on, NEW_PROTOCOL),
            ("group.protocol=consumer: members come and go", come_and_go, NEW_PROTOCOL),
            ("group.protocol=consumer: members come and go, range", come_and_go, NEW_PROTOCOL | {"assignor": "range"}),
            ("group.protocol=consumer: a static member starts again", static_member, NEW_PROTOCOL),
        ]
    return found


def crash_checks(client):
    # kcat ends by itself when the broker goes.
    if client == "kcat":
        return []
    found = [("group: through a crash of the broker", {})]
    if client == "confluent-kafka":
        found += [
            ("group, cooperative: through a crash of the broker", COOPERATIVE),
            ("group.protocol=consumer: through a crash of the broker", NEW_PROTOCOL),
        ]
    return found


def name_of(check):
    return "".join(letter if letter.isalnum() else "-" for letter in check)


# Admin. Numbers are the protocol's.
NON_EMPTY_GROUP, GROUP_SUBSCRIBED_TO_TOPIC = 68, 86


def administered(scene, client):
    """Listed, described, its offsets read, moved and removed, and deleted in the end."""
    group, topic = scene.group.name, scene.topic
    scene.produce()
    member = scene.group.join("confluent-kafka")
    scene.group.await_all()
    state = client.list_groups()[group]
    if state is not None:
        expect("state in the list", state, "STABLE")
    expect("state and members", client.describe_group(group), ("STABLE", 1))
    try_while_live(client, group, topic)
    scene.group.stop(member)
    expect("state and members of the empty group", client.describe_group(group), ("EMPTY", 0))
    ends = {(topic, partition): LOT // PARTITIONS for partition in range(PARTITIONS)}
    expect("what is committed", client.group_offsets(group), ends)
    move(client, group, topic, ends)


def try_while_live(client, group, topic):
    for what, code, call, *arguments in (
            ("deleting a group with members", NON_EMPTY_GROUP, client.delete_group, group),
            ("deleting offsets that members go by", GROUP_SUBSCRIBED_TO_TOPIC, client.delete_group_offsets, group,
             [(topic, 0)])):
        try:
            expect_refused(what, code, call, *arguments)
        except NotInClient:
            pass


def move(client, group, topic, committed):
    for call, arguments, after in (
            (client.move_offsets, [{(topic, 0): 7, (topic, 3): 0}], {**committed, (topic, 0): 7, (topic, 3): 0}),
            (client.delete_group_offsets, [[(topic, 0)]],
             {place: offset for place, offset in {**committed, (topic, 3): 0}.items() if place != (topic, 0)}),
            (client.delete_group, [], {})):
        try:
            call(group, *arguments)
        except NotInClient:
            continue
        expect(f"what is committed after {call.__name__}", client.group_offsets(group), after)
    if client.list_groups().keys() & {group} and "delete_group" in type(client).__dict__:
        raise Wrong("a group that was deleted is still listed")
