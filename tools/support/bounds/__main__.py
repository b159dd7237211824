"""Plays a log that is kept in bounds. tools/bounds calls this; its --help says more."""

import argparse
import json
import signal
import sys
import tempfile
from datetime import datetime, timedelta, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from play import Play

DAYS, DEVICES, INTERVAL = 3, 40, 10


class Bounds(Play):
    def fill(self):
        """Three days that have gone by: a record a device each ten seconds, in segments of a few hours."""
        self.quietly("topic", "create", "telemetry", "--partitions", "4", "--set", "segment.ms=6h")
        self.quietly("topic", "create", "devices", "--set", "cleanup.policy=compact")
        start = datetime.now(timezone.utc) - timedelta(days=DAYS)
        self.quietly(
            "fleet", "produce", "telemetry", "--devices", str(DEVICES), "--interval", f"{INTERVAL}s",
            "--start", f"{start:%Y-%m-%dT%H:%M:%SZ}", "--records", str(DAYS * 86_400 // INTERVAL * DEVICES))

    def records(self):
        described = json.loads(self.quietly("topic", "describe", "telemetry", "--json"))
        return sum(partition["records"] for partition in described["partitions"])

    def play(self):
        self.fill()
        everything = self.records()
        self.say("""The telemetry of a fleet has come in for three days. `martlet disk` shows what each topic takes, how
                    much the last day has brought, and how long there is room at that rate.""")
        self.run("martlet disk")
        self.say("""Nothing holds `telemetry`: that is what a topic does that was not told anything. Two days of it are
                    enough. A change that deletes records is not done but shown: what would go, to the segment.""")
        self.run("martlet topic alter telemetry --set retention.ms=2d; echo \"status $?\"")
        self.say("""That is what was meant. What goes is gone for good, so it has to be said once more.""")
        self.run("martlet topic alter telemetry --set retention.ms=2d --execute")
        self.wait("the old segments are gone", lambda: self.records() < everything)
        self.say("""The broker looks each minute (`log.retention.check.interval.ms`). Then the disk holds what was asked
                    for and at most one segment more, however long it goes on.""")
        self.run("martlet topic describe telemetry", "martlet disk")
        self.broker.process.send_signal(signal.SIGTERM)
        self.broker.process.wait()
        self.say("""The directory of a broker that is stopped answers the same.""")
        self.run("martlet topic list --data martlet-data", offline=True)


def main():
    parser = argparse.ArgumentParser(prog="bounds", add_help=False)
    parser.add_argument("--martlet", required=True)
    parser.add_argument("--document")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        bounds = Bounds(arguments.martlet, directory)
        try:
            bounds.play()
        finally:
            bounds.broker.kill()
    bounds.finish("tools/bounds", arguments.document)


main()
