"""The same records to Martlet, Redis Streams and NATS JetStream, and back. tools/bench-peers calls this; its --help
says more."""

import argparse
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from document import write_into

HERE = Path(__file__).parent
DURABLE, RELAXED = "durable", "not durable"
PROGRAMS = {"kafka": "rdkafka", "wire": "lz4", "redis": "hiredis", "nats": "nats"}
# What a peer may take for all the records. One that is slower gets as many as it can do in that time.
SECONDS_MAX = 10
PROBE_RECORDS = 3200


class Failed(Exception):
    pass


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def bytes_on_disk(directory, name=None):
    total = 0
    for path, _, files in os.walk(directory):
        for file in files:
            if name in (None, file):
                try:
                    total += os.stat(os.path.join(path, file)).st_blocks * 512
                except FileNotFoundError:
                    pass
    return total


class Server:
    """A process that listens, in a directory of its own, until it is stopped."""

    def __init__(self, command, directory, host, port):
        self.directory, self.host, self.port = directory, host, port
        self.log = open(f"{directory}.log", "w+")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=subprocess.STDOUT, cwd=directory)
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection((host, port), timeout=1).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    self.stop()
                    raise Failed(f"{command[0]} does not answer: {Path(self.log.name).read_text()[-500:]}") from None
                time.sleep(0.02)

    @property
    def pid(self):
        return self.process.pid

    def memory(self):
        """Bytes: resident now, and the most so far."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        lines = dict(line.split(":", 1) for line in status.splitlines())
        return tuple(int(lines[name].split()[0]) * 1024 for name in ("VmRSS", "VmHWM"))

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()
        Path(self.log.name).unlink(missing_ok=True)
        shutil.rmtree(self.directory, ignore_errors=True)


class Elsewhere:
    """A broker that somebody else started, and goes on when this has ended."""

    def __init__(self, address, pid, directory):
        self.host, _, port = address.rpartition(":")
        # wire.c takes no names.
        self.host, self.port = socket.gethostbyname(self.host or "127.0.0.1"), int(port)
        self.pid, self.directory = pid or 0, directory

    def memory(self):
        return Server.memory(self) if self.pid else None

    def stop(self):
        pass


class Peer:
    """What is compared: a server and how it is driven. A way has a program with its arguments that produces, and those
    that replay what it wrote, by name."""

    ways = {}
    journal = None

    def __init__(self, options):
        self.options = options

    def version(self, *command):
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def is_durable_possible(self):
        return True


class Kafka(Peer):
    # Each way's topic is made by librdkafka's client, also where another program fills it.
    ways = {
        "librdkafka": (("kafka",), {"librdkafka": ("kafka",), "bare": ("wire",)}),
        "bare": (("wire", "--batch", "1000", "--inflight", "8"), {}),
        "librdkafka, a record a request": (("kafka", "--variant", "single"), {}),
        "bare, a record a request": (("wire", "--batch", "1", "--inflight", "256"), {}),
    }
    name = "Kafka"

    def start(self, directory, durability):
        options = self.options
        return Elsewhere(options.kafka, options.kafka_pid, options.kafka_data)

    def label(self):
        return f"Kafka's protocol at {self.options.kafka}"


class Martlet(Kafka):
    name = "Martlet"
    journal = "journal"

    def start(self, directory, durability):
        port = free_port()
        return Server(
            [self.options.martlet, "serve", "--data", str(directory), "--listen", f"127.0.0.1:{port}"],
            directory, "127.0.0.1", port)

    def label(self):
        return "Martlet"


class Redis(Peer):
    name = "Redis"
    ways = {
        "bare": (("redis", "--window", "1000"), {
            "bare": ("redis", "--count", "5000"),
            "hiredis": ("redis", "--count", "5000", "--variant", "objects"),
        }),
    }

    def start(self, directory, durability):
        port = free_port()
        # Neither snapshots nor a rewritten file beside the append-only one: they would cost it more.
        return Server(
            ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(directory), "--save", "",
             "--appendonly", "yes", "--appendfsync", "always" if durability == DURABLE else "everysec",
             "--auto-aof-rewrite-percentage", "0"],
            directory, "127.0.0.1", port)

    def label(self):
        return f"Redis Streams {self.version('redis-server', '--version').split('v=')[1].split()[0]}"


class NATS(Peer):
    name = "NATS"
    ways = {"libnats": (("nats", "--variant", "core"), {"ordered": ("nats",), "pull": ("nats", "--variant", "pull")}),
            "js_PublishAsync": (("nats", "--variant", "js"), {})}

    def configuration(self, directory, port, durability):
        file = Path(f"{directory}.conf")
        always = "  sync_interval: always\n" if durability == DURABLE else ""
        file.write_text(f'port: {port}\nhost: "127.0.0.1"\njetstream {{\n  store_dir: "{directory}"\n{always}}}\n')
        return file

    def start(self, directory, durability):
        port = free_port()
        file = self.configuration(directory, port, durability)
        try:
            return Server([self.binary(), "-c", str(file)], directory, "127.0.0.1", port)
        finally:
            file.unlink()

    def is_durable_possible(self):
        with tempfile.TemporaryDirectory() as directory:
            file = self.configuration(Path(directory, "x"), 4222, DURABLE)
            return subprocess.run([self.binary(), "-t", "-c", str(file)], capture_output=True).returncode == 0

    def binary(self):
        return self.options.nats or shutil.which("nats-server", path=os.environ["PATH"] + ":/usr/sbin")

    def label(self):
        return f"NATS JetStream {self.version(self.binary(), '--version').split(' v')[1].split()[0]}"


class NewestNATS(NATS):
    """Debian's server has no way to be durable; a newer one has, which PyPI carries as it is released."""

    name = "NATS-newest"
    # What it stores as one it syncs as one.
    ways = NATS.ways | {"libnats, batches": (("nats", "--variant", "batch", "--together", "1000"), {})}

    def binary(self):
        return self.options.newest_nats


class Bench:
    def __init__(self, options, programs, work):
        self.options, self.programs, self.work = options, programs, work
        self.counts = {}   # (peer, way, durability): records to produce
        self.figures = {}  # (durability, what, peer, way): a figure a round
        self.notes = []
        self.failures = 0
        self.serial = 0

    def run_program(self, way, what, server, durability, records, topic=None):
        program, *arguments = way
        options = self.options
        command = [
            self.programs[program], what, server.host, str(server.port), "--records", str(records),
            "--record-size", str(options.record_size), "--connections", str(options.connections),
            "--server", str(server.pid), *arguments]
        if durability == DURABLE:
            command.append("--durable")
        if topic:
            command += ["--topic", topic]
        if program == "wire" and what == "produce":
            self.run_program(("kafka", "--variant", "topic"), what, server, durability, records, topic)
        done = subprocess.run(command, capture_output=True, text=True, timeout=900)
        if done.returncode != 0:
            raise Failed(done.stderr.strip())
        return json.loads(done.stdout) if done.stdout else None

    def server(self, peer, durability):
        self.serial += 1
        directory = self.work / f"{peer.name}-{self.serial}"
        directory.mkdir()
        return peer.start(directory, durability)

    def topic(self, peer):
        """A new one each time: a broker elsewhere has those of before."""
        return f"bench-{os.getpid()}-{self.serial}" if isinstance(peer, Kafka) else None

    def count(self, peer, way, durability):
        """All the records, unless that would take a peer minutes; then so many as it does in the time."""
        key = (peer.name, way, durability)
        if key not in self.counts:
            records = self.options.records
            server = self.server(peer, durability)
            topic = self.topic(peer)
            try:
                probe = max(PROBE_RECORDS, 20 * self.options.connections)
                probe -= probe % self.options.connections
                rate = probe / self.run_program(
                    peer.ways[way][0], "produce", server, durability, probe, topic)["seconds"]
            finally:
                self.end(peer, server, topic, durability)
            if records / rate > 2 * SECONDS_MAX:
                records = max(probe, int(rate * SECONDS_MAX))
                records -= records % self.options.connections
                self.notes.append(f"{peer.label()}, {way}, {durability}: {records:,} records, for it takes "
                                  f"{1 / rate * 1e6:,.0f} µs each")
            self.counts[key] = records
        return self.counts[key]

    def once(self, peer, way, durability):
        produce, replays = peer.ways[way]
        count = self.count(peer, way, durability)
        server = self.server(peer, durability)
        topic = self.topic(peer)
        try:
            for what, name, program in [("produce", way, produce)] + [("replay", *one) for one in replays.items()]:
                figure = self.run_program(program, what, server, durability, count, topic)
                if figure["records"] != count:
                    raise Failed(f"{figure['records']} records instead of {count}")
                memory = server.memory()
                if memory:
                    figure["resident"], figure["resident_most"] = memory
                if server.directory:
                    figure["disk"] = bytes_on_disk(server.directory)
                    figure["journal"] = bytes_on_disk(server.directory, peer.journal) if peer.journal else 0
                self.figures.setdefault((durability, what, peer.name, name), []).append(figure)
        finally:
            self.end(peer, server, topic, durability)

    def end(self, peer, server, topic, durability):
        if isinstance(server, Elsewhere):  # it goes on, and is left as it was
            way = ("kafka", "--variant", "delete")
            self.run_program(way, "replay", server, durability, self.options.connections, topic)
        server.stop()

    def run(self, peers):
        for round in range(self.options.runs):
            for durability in (DURABLE, RELAXED):
                order = [(peer, way) for peer in peers for way in peer.ways]
                # Another one goes first each time, and every other round goes backwards.
                turn = round % len(order)
                order = order[turn:] + order[:turn]
                for peer, way in order if round % 2 == 0 else reversed(order):
                    if durability == DURABLE and not peer.is_durable_possible():
                        continue
                    say(f"round {round + 1} of {self.options.runs}: {durability}: {peer.label()}, {way}")
                    try:
                        self.once(peer, way, durability)
                    except (Failed, subprocess.SubprocessError) as error:
                        self.failures += 1
                        print(f"error: {peer.label()}, {way}, {durability}: {error}", file=sys.stderr)


def say(text):
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def summary(figures):
    """The median of the rounds, with the least and the most."""
    rates = [figure["records"] / figure["seconds"] for figure in figures]
    result = {"rate": statistics.median(rates), "rate_least": min(rates), "rate_most": max(rates), "rates": rates}
    for name in ("server_cpu", "client_cpu"):
        values = [figure[name] / figure["records"] * 1e6 for figure in figures]
        result[name], result[f"{name}_all"] = statistics.median(values), values
    for name in ("resident", "resident_most", "disk", "journal"):
        values = [figure[name] for figure in figures if name in figure]
        result[name] = statistics.median(values) if values else None
    result["records"] = figures[0]["records"]
    return result


def ratio(ours, theirs):
    """Round by round, since a machine drifts; then the one in the middle."""
    pairs = [(one, other) for one, other in zip(ours, theirs) if other > 0]
    return statistics.median(one / other for one, other in pairs) if pairs else None


def rows(bench, peers):
    """One a cell and way, with each of Martlet's ways beside it."""
    result = []
    for durability in (DURABLE, RELAXED):
        for what in ("produce", "replay"):
            cell = {}
            for peer in peers:
                for (*key, name, way), figures in bench.figures.items():
                    if key == [durability, what] and name == peer.name:
                        cell[peer, way] = summary(figures)
            for (peer, way), figure in cell.items():
                row = {"durability": durability, "work": what, "peer": peer.label(), "way": way,
                       "is_kafka": isinstance(peer, Kafka), **figure}
                if peer.name != "Martlet":
                    for (one, ours), mine in cell.items():
                        if one.name == "Martlet":
                            row.setdefault("against", {})[ours] = {
                                "rate": ratio(mine["rates"], figure["rates"]),
                                "server_cpu": ratio(mine["server_cpu_all"], figure["server_cpu_all"])}
                result.append(row)
    return result


def number(value):
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def table(rows, options):
    lines = [
        "| | records/s (least to most) | server's CPU a record | client's | resident | on disk |",
        "|---|---|---|---|---|---|"]
    cell = None
    for row in rows:
        if cell != (row["durability"], row["work"]):
            cell = row["durability"], row["work"]
            lines.append(f"| **{row['work']}, {row['durability']}** | | | | | |")
        memory = f"{row['resident'] / 1e6:,.0f} MB" if row["resident"] else ""
        disk = ""
        if row["disk"] is not None:
            disk = f"{(row['disk'] - (row['journal'] or 0)) / row['records']:,.0f} B a record"
            if row["journal"]:
                disk += f", and the journal's {row['journal'] / 1e6:,.0f} MB"
        server = f"{row['server_cpu']:.2f} µs" if row["server_cpu"] or row["resident"] else ""
        lines.append(
            f"| {row['peer']}, {row['way']} | {number(row['rate'])} ({number(row['rate_least'])} to "
            f"{number(row['rate_most'])}) | {server} | {row['client_cpu']:.2f} µs | {memory} | {disk} |")
    return "\n".join(lines)


def comparison(rows):
    """Martlet beside each peer's best way: how many times its records a second, and how much of the processor's time
    a record that its thriftiest way takes."""
    tables, behind = [], []
    for work in ("produce", "replay"):
        peers = {}
        for row in rows:
            if row["work"] == work and "against" in row:
                peers.setdefault((row["durability"], row["peer"]), []).append(row)
        ways = list(next(iter(peers.values()))[0]["against"]) if peers else []
        if not ways:
            continue
        lines = [f"| {work}: Martlet by | {' | '.join(ways)} |", f"|---|{'---|' * len(ways)}"]
        for (durability, peer), others in peers.items():
            cells = []
            by_wire = {row["way"] for row in others if row["is_kafka"]}
            for way in ways:
                # Another broker of Kafka's protocol has the same ways.
                alike = [row for row in others if row["way"] == way] if way in by_wire else others
                ratios = [row["against"][way] for row in alike if way in row["against"]]
                if not ratios:
                    cells.append("")
                    continue
                rate = min(one["rate"] for one in ratios)
                cpus = [one["server_cpu"] for one in ratios if one["server_cpu"] is not None]
                cells.append(f"{rate:.2f} × records/s" + (f", {max(cpus):.2f} × CPU" if cpus else ""))
                if rate <= 1 or (cpus and max(cpus) > 0.5):
                    behind.append(f"- {work}, {durability}, by {way}, beside {peer}: {cells[-1]}")
            lines.append(f"| {durability}: {peer} | {' | '.join(cells)} |")
        tables.append("\n".join(lines))
    if tables:
        tables.append("Not ahead, or more than half of the processor's time a record:\n\n" + "\n".join(behind) if behind
                      else "Ahead everywhere, by at most half of the processor's time a record.")
    return "\n\n".join(tables)


def compile_programs(directory):
    programs = {}
    for name, library in PROGRAMS.items():
        programs[name] = str(directory / name)
        subprocess.run(
            ["cc", "-O2", "-std=gnu11", "-Wall", "-Wextra", str(HERE / f"{name}.c"), "-o", programs[name],
             f"-l{library}", "-lpthread"], check=True)
    return programs


def main():
    parser = argparse.ArgumentParser(prog="bench-peers", add_help=False)
    parser.add_argument("--martlet", required=True)
    parser.add_argument("--newest-nats", default="")
    parser.add_argument("--nats", default="")
    parser.add_argument("--kafka")
    parser.add_argument("--kafka-pid", type=int)
    parser.add_argument("--kafka-data")
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--record-size", type=int, default=100)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", action="append")
    parser.add_argument("--directory")
    parser.add_argument("--json")
    parser.add_argument("--document")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # with the servers
    if options.quick:
        options.records, options.runs = min(options.records, 100_000), 1
    if options.connections < 1 or options.runs < 1 or options.records < options.connections:
        raise SystemExit("error: there must be a run, a connection, and a record for each connection")
    options.records -= options.records % options.connections

    peers = [Martlet(options), Redis(options), NATS(options)]
    if options.newest_nats:
        peers.append(NewestNATS(options))
    if options.kafka:
        peers.append(Kafka(options))
    if options.only:
        unknown = set(options.only) - {peer.name for peer in peers}
        if unknown:
            raise SystemExit(f"error: there is no peer {', '.join(unknown)}: {', '.join(peer.name for peer in peers)}")
        peers = [peer for peer in peers if peer.name in options.only]

    with tempfile.TemporaryDirectory(prefix="bench-peers-", dir=options.directory) as directory:
        directory = Path(directory)
        bench = Bench(options, compile_programs(directory), directory)
        load = os.getloadavg()[0]
        bench.run(peers)
    say("")
    result = rows(bench, peers)
    for peer in peers:
        if not peer.is_durable_possible():
            bench.notes.append(f"{peer.label()} has no setting by which an acknowledged record is on disk: "
                               "sync_interval came with 2.10, and it syncs every two minutes")
    runs = f"medians of {options.runs} runs by turns" if options.runs > 1 else "one run"
    head = (f"{options.records:,} records of {options.record_size} B, {options.connections} connections, {runs}, "
            f"{os.cpu_count()} cores that clients and servers share, load average {load:.1f} at the beginning.")
    parts = [head, table(result, options), comparison(result)]
    if bench.notes:
        parts.append("\n".join(f"- {note}." for note in bench.notes))
    text = "\n\n".join(parts)
    print(text)
    if options.document:
        write_into(options.document, "tools/bench-peers", text)
    if options.json:
        settings = {name: getattr(options, name) for name in ("records", "record_size", "connections", "runs")}
        report = {"settings": settings, "notes": bench.notes, "cells": result}
        Path(options.json).write_text(json.dumps(report, indent=1) + "\n")
    if bench.failures:
        raise SystemExit(f"error: {bench.failures} did not run to their end")


if __name__ == "__main__":
    main()
