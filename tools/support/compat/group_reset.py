"""What is checked of moving a group while its members run: they go on, and read from where it was moved to."""

import json
import subprocess
import time
from collections import Counter

from cases import Wrong, expect, shorten
from groups import COOPERATIVE, LOT, NEW_PROTOCOL, PARTITIONS


class Operator:
    """Whoever moves the group, with Martlet's own command."""

    def __init__(self, martlet, scene):
        self.martlet = martlet
        self.scene = scene

    def __call__(self, command, *arguments):
        found = subprocess.run(
            [self.martlet, "group", command, self.scene.group.name, *arguments, "--broker", self.scene.group.broker,
             "--json"], capture_output=True, text=True)
        if found.returncode:
            raise Wrong(f"martlet group {command}: {found.stderr.strip()}")
        return json.loads(found.stdout)

    def committed(self):
        return {place["partition"]: place["committed"] for place in self("describe")["partitions"]}

    def owned(self):
        """The partitions that members have, as the broker sees it."""
        return {place["partition"] for member in self("describe")["members"] for place in member["assignment"]}


def await_counts(scene, what, due):
    """Waits until every record has come as often as it should."""
    scene.group.wait(what, lambda: all(scene.group.counts()[place] >= count for place, count in due.items()))
    # What should not come would come now.
    time.sleep(1)
    more = {place: count for place, count in scene.group.counts().items() if count > due[place]}
    if more:
        raise Wrong(f"{what}: {len(more)} records came too often: {shorten(more)}")


def moved_while_live(scene, client, martlet, **options):
    """All that two members have read comes again, once; then half of it; nothing else is skipped or repeated."""
    operator = Operator(martlet, scene)
    members = [scene.group.join(client, **options) for _ in range(2)]
    scene.group.await_balance()
    scene.produce()
    scene.group.await_all()
    ends = {partition: LOT // PARTITIONS for partition in range(PARTITIONS)}
    scene.group.wait("all is committed", lambda: operator.committed() == ends)
    due = Counter({(partition, offset): 1 for partition in ends for offset in range(ends[partition])})

    planned = operator("reset", "--to", "earliest")
    expect("records that the plan replays", (planned["replayed"], planned["executed"]), (LOT, False))
    done = operator("reset", "--to", "earliest", "--execute")
    expect("members that were put out", done["fencedMembers"], 2)
    due.update(list(due))
    await_counts(scene, "every record comes a second time", due)
    scene.group.await_balance()
    scene.group.wait("all is committed again", lambda: operator.committed() == ends)

    half = LOT // PARTITIONS // 2
    operator("reset", "--shift", f"-{half}", "--execute")
    due.update(place for place in list(due) if place[1] >= ends[place[0]] - half)
    await_counts(scene, "the later half comes a third time", due)
    scene.group.await_balance()

    # What comes next is read once, by the same members: they have never ended.
    scene.produce()
    due.update((partition, offset) for partition in ends for offset in range(ends[partition], 2 * ends[partition]))
    await_counts(scene, "new records come once", due)
    expect("members that have run from first to last", scene.group.members, members)


def skipped_and_undone(scene, client, martlet, **options):
    """A live group is moved on, past records that nobody has read, and the move is taken back."""
    operator = Operator(martlet, scene)
    scene.produce()
    scene.group.join(client, **options)
    scene.group.await_all()
    ends = {partition: LOT // PARTITIONS for partition in range(PARTITIONS)}
    scene.group.wait("all is committed", lambda: operator.committed() == ends)
    due = Counter({(partition, offset): 1 for partition in ends for offset in range(ends[partition])})
    # Back by mistake, and at once to where it was: what was read in between has come again, the rest has not.
    operator("reset", "--to", "earliest", "--execute")
    operator("undo", "--execute")
    scene.group.wait("the member has come back", lambda: operator.owned() == set(ends))
    scene.group.await_balance()
    scene.produce()
    scene.group.await_all()
    scene.expect_none_missing()
    due.update(list(due))
    due.update((partition, offset) for partition in ends for offset in range(ends[partition], 2 * ends[partition]))
    more = {place: count for place, count in scene.group.counts().items() if count > due[place]}
    if more:
        raise Wrong(f"{len(more)} records came too often after the undo: {shorten(more)}")


def checks(client):
    """(name, function, options) of what a client can do; each function wants `martlet`, the binary, too."""
    found = [
        ("group: moved while it runs", moved_while_live, {}),
        ("group: moved while it runs, and taken back", skipped_and_undone, {}),
    ]
    if client in ("confluent-kafka", "kafka-python"):
        found.append(("group, cooperative: moved while it runs", moved_while_live, COOPERATIVE))
    if client == "confluent-kafka":
        found.append(("group.protocol=consumer: moved while it runs", moved_while_live, NEW_PROTOCOL))
    return found
