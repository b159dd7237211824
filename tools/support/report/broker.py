"""The figures that martlet bench takes of the real binary: latency, connections, partitions, start-up, memory; and what
librdkafka's own load program reaches."""

import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from serving import Broker

from figures import Failed, Figure, number


def bench(options, *arguments, directory=None):
    """Runs martlet bench on a broker of its own, the one that is named, or the directory. Returns its JSON."""
    command = [options.martlet, "bench", *map(str, arguments), "--json"]
    if directory is not None:
        command += [str(directory)]
    elif "--broker" not in arguments:
        command += ["--work-directory", str(options.directory)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise Failed(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return json.loads(done.stdout)


def seconds(options, full):
    return 1 if options.smoke else full


def status(process):
    """Bytes: resident now, and the most so far."""
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{process}/status").read_text().splitlines())
    return tuple(int(lines[name].split()[0]) * 1024 for name in ("VmRSS", "VmHWM"))


class Served:
    """A broker on a directory of its own, which is removed, or kept for whoever removes them all."""

    def __init__(self, options, name, *settings, keeps=False):
        self.data = options.directory / name
        self.keeps = keeps
        shutil.rmtree(self.data, ignore_errors=True)
        arguments = [argument for setting in settings for argument in ("--set", setting)]
        self.options, self.arguments = options, arguments
        self.broker = Broker(options.martlet, str(self.data), *arguments)

    @property
    def address(self):
        return self.broker.address

    @property
    def memory(self):
        return status(self.broker.process.pid)

    def stop(self):
        self.broker.process.terminate()
        self.broker.process.wait()

    def kill(self):
        self.broker.kill()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
        if not self.keeps:
            shutil.rmtree(self.data, ignore_errors=True)


# MARK: Latency

LATENCY = ("latency", "--rate", 10_000, "--linger-ms", 0)


def latency(options, fdatasync_microseconds):
    """Records from producer to consumer, alone and beside a replay."""
    length = seconds(options, 10)
    alone = [
        bench(options, *LATENCY, "--seconds", length)["latencyMilliseconds"]["endToEnd"] for _ in range(options.runs)]
    most = 1.5 * fdatasync_microseconds / 1000 + 0.2 if fdatasync_microseconds else None
    beside = [beside_replay(options, length) for _ in range(options.runs)]
    called = "`martlet bench latency --rate 10000 --linger-ms 0`"
    return [
        Figure("end to end, 10,000 records/s, acks=all, median", "ms", [run["p50"] for run in alone],
               "≤ 1.5 × fdatasync + 0.2 ms" + (f", {number(most)} ms here" if most else ""),
               most and ("value", "<=", most), called),
        Figure("— 99 of 100", "ms", [run["p99"] for run in alone], "", None, called),
        Figure("the same while another client replays at full speed, 99 of 100", "ms",
               [run["p99"] for run in beside], "≤ 5 ms", ("value", "<=", 5),
               called + " beside `martlet bench consume`"),
        Figure("— median", "ms", [run["p50"] for run in beside], "", None, "the same"),
    ]


def beside_replay(options, length):
    with Served(options, "latency") as served:
        fill = 20_000 if options.smoke else 1_000_000
        replay = subprocess.Popen(
            [options.martlet, "bench", "consume", "--broker", served.address, "--seconds", str(length * 3), "--fill",
             str(fill), "--json"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        # It fills its topic first.
        time.sleep(1 if options.smoke else 4)
        answer = bench(options, *LATENCY, "--seconds", length, "--broker", served.address)
        if replay.poll() is not None:
            raise RuntimeError("the replay beside it ended before the measurement did")
        replay.kill()
        replay.wait()
        return answer["latencyMilliseconds"]["endToEnd"]


# MARK: Many connections, many partitions

def connections(options):
    idle, active = (100, 10) if options.smoke else (10_000, 1000)
    settings = ["max.connections=20000", "max.connections.per.ip=20000"]
    bytes_each, p99 = [], []
    for _ in range(options.runs):
        with Served(options, "connections", *settings) as served:
            answer = bench(
                options, "connections", "--idle", idle, "--active", active, "--seconds", seconds(options, 10),
                "--broker", served.address)
            bytes_each.append(answer["bytesPerIdleConnection"] / 1000)
            p99.append(answer["latencyMilliseconds"]["acknowledged"]["p99"])
    called = f"`martlet bench connections --idle {idle} --active {active}`"
    return [
        Figure(f"{idle:,} idle connections: memory of each", "kB", bytes_each, "≤ 10 kB", ("value", "<=", 10), called),
        Figure(f"— {active:,} active producers of a record a second beside them, 99 of 100", "ms", p99, "≤ 10 ms",
               ("value", "<=", 10), called),
    ]


def partitions(options):
    """Directories are kept until the end: for some minutes after so many files were deleted, ext4 takes minutes to make as
    many, since it looks for an inode that was not used of late."""
    many = 100 if options.smoke else 10_000
    few_rates, many_rates, opened, resident = [], [], [], []
    for run in range(options.runs):
        rates = []
        for count in (10, many):
            with Served(options, f"partitions-{count}-{run}", keeps=True) as served:
                answer = bench(
                    options, "produce", "--partitions", count, "-z", "lz4", "--batch-size", "16kB", "--seconds",
                    seconds(options, 10), "--broker", served.address, "--keep")
                rates.append(answer["recordsPerSecond"])
                if count == many:
                    served.stop()
                    start = time.monotonic()
                    served.broker = Broker(options.martlet, str(served.data))
                    opened.append((time.monotonic() - start) * 1000)
                    resident.append(served.memory[0] / 1e6)
        few_rates.append(rates[0])
        many_rates.append(rates[1])
    for kept in options.directory.glob("partitions-*"):
        shutil.rmtree(kept, ignore_errors=True)
    called = f"`martlet bench produce -z lz4 --batch-size 16kB --partitions {many}`, and 10"
    return [
        Figure(f"{many:,} partitions, all active: produce, acks=all", "records/s", many_rates, "≥ 70 %",
               ("ratio", ">=", 0.7), called, few_rates, "10 partitions"),
        Figure("— start after a stop in order", "ms", opened, "≤ 1,500 ms", ("value", "<=", 1500), "the same"),
        Figure("— resident after that", "MB", resident, "≤ 150 MB", ("value", "<=", 150), "the same"),
    ]


# MARK: Start-up and memory

def starts(options):
    empty = [bench(options, "open", "--runs", 5)["medianMilliseconds"] for _ in range(options.runs)]
    figures = [Figure("start on an empty directory", "ms", empty, "≤ 50 ms", ("value", "<=", 50),
                      "`martlet bench open`")]
    for size in (1, 10):
        with Served(options, "open") as served:
            fill(options, served, size)
            served.kill()
            times = [
                bench(options, "open", "--kill", "--runs", 3, directory=served.data)["maxMilliseconds"]
                for _ in range(options.runs)]
        figures.append(Figure(
            f"start after kill -9, {size} GB log", "ms", times, "≤ 1,000 ms, not growing with the log",
            ("value", "<=", 1000), "`martlet bench open DIRECTORY --kill --runs 3`, the worst"))
    return figures


def fill(options, served, gigabytes):
    """Records of 1,000 bytes, in batches as they are: as many as take so much room."""
    count = round(gigabytes * (1000 if options.smoke else 1_000_000))
    bench(options, "produce", "--records", count, "--record-size", "1kB", "--acks", "all", "-z", "none", "--keep",
          "--partitions", 1, "--broker", served.address)


def memory(options):
    idle, busy = [], []
    for _ in range(options.runs):
        with Served(options, "memory") as served:
            time.sleep(2)
            idle.append(served.memory[0] / 1e6)
            length = seconds(options, 10)
            replay = subprocess.Popen(
                [options.martlet, "bench", "consume", "--broker", served.address, "--seconds", str(length), "--fill",
                 "20000" if options.smoke else "1000000", "--json"], stdout=subprocess.DEVNULL)
            bench(options, "produce", "-z", "lz4", "--seconds", length, "--broker", served.address)
            if replay.wait() != 0:
                raise RuntimeError(f"the replay beside it failed with exit status {replay.returncode}")
            busy.append(served.memory[1] / 1e6)
    return [
        Figure("memory: idle", "MB", idle, "≤ 30 MB", ("value", "<=", 30), "`martlet serve`"),
        Figure("memory: ingestion and replay at full speed, the most", "MB", busy, "≤ 128 MB", ("value", "<=", 128),
               "`martlet bench produce -z lz4` beside `martlet bench consume`"),
    ]


# MARK: librdkafka

def librdkafka(options):
    """Beside the same program on the cluster in its own memory that librdkafka brings for tests: what the client can do."""
    count = 100_000 if options.smoke else 3_000_000
    ours, memory_alone = [], []
    load = [options.rdkafka_performance, "-P", "-t", "perf", "-s", "100", "-c", str(count), "-a", "1", "-z", "lz4"]
    for _ in range(options.runs):
        memory_alone.append(rate(load + ["-X", "test.mock.num.brokers=1", "-b", "none"]))
        with Served(options, "librdkafka") as served:
            subprocess.run(
                [options.martlet, "topic", "create", "perf", "--partitions", "4", "--broker", served.address],
                check=True, stdout=subprocess.DEVNULL)
            ours.append(rate(load + ["-b", served.address]))
    return [Figure(
        "librdkafka's rdkafka_performance: 100 B, LZ4, acks=1", "records/s", ours, "≥ 90 %", ("ratio", ">=", 0.9),
        "`rdkafka_performance -P -s 100 -a 1 -z lz4`", memory_alone, "its own broker in memory")]


def rate(command):
    output = subprocess.run(command, check=True, capture_output=True, text=True)
    found = re.findall(r" in \d+ms: (\d+) msgs/s", output.stdout + output.stderr)
    if not found:
        raise Failed(f"{' '.join(command)} said no rate: {output.stdout}{output.stderr}")
    return float(found[-1])
