"""Plays an operator's evening. tools/evening calls this; its --help says more."""

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import threading
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from play import Play

TOPIC, GROUP, PARTITIONS = "telemetry", "analytics", 6
DEVICES, HOURS = 40, 3
# Of work on a record: a third of forty a second is more than five.
SLOW_SECONDS = 0.2


class Evening(Play):
    def __init__(self, martlet, directory):
        super().__init__(martlet, directory)
        self.collectors = {}
        self.readings = self.feed = None

    # The stage

    def fill(self):
        """Three hours that have gone by, and then a record a device and second, as they come."""
        self.quietly("topic", "create", TOPIC, "--partitions", str(PARTITIONS))
        begin = self.fleet(datetime.now(timezone.utc) - timedelta(hours=HOURS))
        self.quietly("fleet", "produce", TOPIC, *begin, "--records", str(DEVICES * HOURS * 3600))
        following = self.fleet(datetime.now(timezone.utc))
        self.readings = subprocess.Popen(
            [self.martlet, "fleet", "print", *following, "--records", str(DEVICES * 3600)], stdout=subprocess.PIPE)
        self.feed = subprocess.Popen(
            [self.martlet, "produce", TOPIC, "--key-field", "device", "--timestamp-field", "ts", "--quiet", "--broker",
             self.broker.address], stdin=subprocess.PIPE)
        threading.Thread(target=self.send_in_time, daemon=True).start()

    @staticmethod
    def fleet(start):
        return ["--devices", str(DEVICES), "--interval", "1s", "--start", f"{start:%Y-%m-%dT%H:%M:%SZ}"]

    def send_in_time(self):
        """Each reading is sent when its time has come."""
        for line in self.readings.stdout:
            time.sleep(max(0, json.loads(line)["ts"] / 1000 - time.time()))
            try:
                self.feed.stdin.write(line)
                self.feed.stdin.flush()
            except (BrokenPipeError, ValueError):
                return

    def start(self, name, *work):
        self.collectors[name] = subprocess.Popen(
            [sys.executable, "-B", str(Path(__file__).parent / "collector.py"), self.broker.address, GROUP, TOPIC, name,
             *map(str, work)])

    def restart(self, name, *work):
        self.collectors[name].terminate()
        self.collectors[name].wait()
        self.start(name, *work)

    def described(self):
        try:
            return json.loads(self.quietly("group", "describe", GROUP, "--json"))
        except subprocess.CalledProcessError:
            return {"state": "", "members": [], "records": None, "seconds": None}

    def await_calm(self):
        """Everyone has a share, and all is consumed but what came just now."""
        def is_calm():
            group = self.described()
            shares = [len(member["assignment"]) for member in group["members"]]
            return (group["state"] == "Stable" and sorted(shares) == [2, 2, 2] and group["records"] is not None
                    and group["records"] < 2 * DEVICES)

        self.wait("the group is calm", is_calm)

    # The play

    def play(self):
        self.fill()
        for number in (1, 2, 3):
            self.start(f"collector-{number}")
        self.await_calm()

        self.say("""Three collectors of the group `analytics` read the telemetry of a fleet, forty records a second.
                    All is well.""")
        self.run("martlet group list", "martlet group lag")

        self.restart("collector-2", SLOW_SECONDS)
        self.wait("the lag has grown", lambda: (self.described()["seconds"] or 0) > 22)
        self.say("""**Lag grows.** A script that runs each minute takes more than 20 seconds for too much; its exit
                    status 2 rings the bell.""")
        self.run("martlet group lag --max-seconds 20; echo \"status $?\"")
        self.say("""**Find the slow member.** By member, the furthest behind first; `--watch` draws the same anew every
                    two seconds.""")
        self.run("martlet group lag analytics --by member --sort seconds", "martlet group describe analytics")
        self.say("""It is collector-2, with both of its partitions; the others keep up. Its machine has a full disk. It
                    is started on another one and catches up.""")
        self.restart("collector-2")
        self.await_calm()
        self.run("martlet group lag analytics --by member")

        self.say("""**A deploy.** Where the group is now is kept in a file first: it costs nothing.""")
        self.run("martlet group snapshot analytics --output before-deploy.csv", "cat before-deploy.csv")
        time.sleep(5)

        self.say("""**It wrote nonsense**, for two hours, until somebody looked at a chart. The collectors have been
                    mended and started again; what they wrote is to be written anew from the records of the last two
                    hours. The plan comes first, and changes nothing.""")
        for name in self.collectors:
            self.restart(name)
        self.await_calm()
        self.run("martlet group reset analytics --to -2h")
        self.say("""**Rewind two hours on the live group.** With `--execute` the offsets of all partitions move
                    together. The members are put out of the group and join again by themselves, at the new offsets;
                    nobody has to be stopped.""")
        self.run("martlet group reset analytics --to -2h --execute")
        self.wait("the members are back", lambda: len(self.described()["members"]) == 3)
        self.say("""A moment later they are back, and at work on it.""")
        self.run("martlet group lag analytics --by member")
        self.await_calm()
        self.say("""They have gone through the two hours again.""")
        self.run("martlet group lag analytics --by member")

        self.say("""**A slip.** A colleague wants to send the group of a test back to the start, and types the wrong
                    name.""")
        self.run("martlet group reset analytics --to earliest --execute")
        self.say("""**Undo** takes the group to where it was before its last change. What the members have read again
                    since then is skipped this time.""")
        self.run("martlet group undo analytics --execute")
        self.await_calm()
        self.say("""Who did what, and when, stands in the log of committed offsets, together with what each member has
                    committed (`--changes-only` leaves that out).""")
        self.run("martlet group history analytics --changes-only --topic telemetry:0",
                 "martlet group diff analytics --file before-deploy.csv; echo \"status $?\"")

        self.end_consumers()
        self.broker.process.send_signal(signal.SIGTERM)
        self.broker.process.wait()
        self.say("""**The broker is stopped** for the night's maintenance. Its directory answers the same questions, and
                    groups can be moved in it, too; the broker finds the change when it starts.""")
        self.run("martlet group describe analytics --data martlet-data", offline=True)

    def end_consumers(self):
        for process in self.collectors.values():
            process.terminate()
        for process in self.collectors.values():
            process.wait()
        self.end_feed()

    def end_feed(self):
        for process in (self.readings, self.feed):
            if process:
                process.kill()
                process.wait()

    def end(self):
        for process in self.collectors.values():
            process.kill()
            process.wait()
        self.end_feed()
        self.broker.kill()


def main():
    parser = argparse.ArgumentParser(prog="evening", add_help=False)
    parser.add_argument("--martlet", required=True)
    parser.add_argument("--document")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        evening = Evening(arguments.martlet, directory)
        try:
            evening.play()
        finally:
            evening.end()
    evening.finish("tools/evening", arguments.document)


main()
