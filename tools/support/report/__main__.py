"""Runs the agreed set of benchmarks and writes the tables and plots of docs/PERFORMANCE.md. tools/bench-report calls
this; its --help says more."""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from document import write_into

import broker
import curves
import library
from figures import Figure

COMMAND = "tools/bench-report"
ROOT = Path(__file__).parent.parent.parent.parent


def fdatasync(figures):
    """Microseconds, as the same run had it; None where that part was left out."""
    for figure in figures:
        if figure.against == "fdatasync" and figure.yardsticks:
            return sorted(figure.yardsticks)[len(figure.yardsticks) // 2]
    return None


# In this order, each with what it takes: the options and the figures before it. Partitions come first: see there.
PARTS = {
    "partitions": lambda options, _: broker.partitions(options),
    "library": lambda options, _: library.measure(options, "append", "scan", "lookup", "durable", "replay"),
    "rounds": lambda options, _: library.measure(options, "rounds"),
    "network": lambda options, _: library.measure(options, "network"),
    "latency": lambda options, before: broker.latency(options, fdatasync(before)),
    "librdkafka": lambda options, _: broker.librdkafka(options),
    "connections": lambda options, _: broker.connections(options),
    "starts": lambda options, _: broker.starts(options) + library.measure(options, "open", "recovery"),
    "memory": lambda options, _: broker.memory(options),
    "curves": None,
}


def machine(options):
    processor = next(
        (line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    swift = subprocess.run(["swift", "--version"], capture_output=True, text=True).stdout
    disk = subprocess.run(
        ["df", "--output=fstype", options.directory], capture_output=True, text=True).stdout.split()[-1]
    return {
        "processor": processor, "cores": os.cpu_count(), "memoryGiB": round(memory), "fileSystem": disk,
        "linux": platform.release(), "swift": next(iter(swift.splitlines()), "?"),
        "martlet": subprocess.run([options.martlet, "--version"], capture_output=True, text=True).stdout.strip(),
        "date": time.strftime("%Y-%m-%d"), "loadBefore": os.getloadavg()[0],
    }


def machine_line(of):
    return (f"{of['cores']} cores of {of['processor']}, {of['memoryGiB']} GiB, {of['fileSystem']}, Linux {of['linux']}, "
            f"{of['swift']}, Martlet {of['martlet']}, {of['date']}; load average before: {of['loadBefore']:.2f}.")


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--martlet", required=True)
    parser.add_argument("--bench", required=True)
    parser.add_argument("--rdkafka-performance")
    parser.add_argument("--only", action="append", choices=PARTS)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--directory")
    parser.add_argument("--json")
    parser.add_argument("--write", action="store_true")
    return parser.parse_args()


def main():
    options = arguments()
    if options.smoke:
        options.runs = 1
    work = Path(tempfile.mkdtemp(prefix="bench-report-", dir=options.directory))
    options.directory = work
    try:
        if not run(options):
            sys.exit(1)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def run(options):
    """Prints each part's rows when it has them: what takes an hour is not to be lost by its last minute. Returns whether
    all parts ran."""
    of, figures, plots, failed = machine(options), [], [], []
    print(machine_line(of), Figure.HEADING, sep="\n\n", flush=True)
    for part in options.only or PARTS:
        start = time.monotonic()
        print(f"{part} …", file=sys.stderr, flush=True)
        try:
            new = [] if part == "curves" else PARTS[part](options, figures)
            if part == "curves":
                # One by one: those that were drawn stay where a later one fails.
                for plot in curves.draw(options):
                    plots.append(plot)
        except Exception as error:
            new = []
            failed.append(part)
            print(f"error: {part}: {error}", file=sys.stderr, flush=True)
        figures += new
        for figure in new:
            print(figure.row(), flush=True)
        print(f"{part}: {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)
        result = {
            "machine": of, "figures": [figure.as_json() for figure in figures],
            "curves": {name: dict(points) for name, _, points in plots},
        }
        if options.json:
            Path(options.json).write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    if options.write and not failed:
        table = "\n".join([Figure.HEADING, *(figure.row() for figure in figures)])
        write(options, of, table, plots, result)
    return not failed


def write(options, of, table, plots, result):
    document = ROOT / "docs/PERFORMANCE.md"
    results = ROOT / "Benchmarks/results" / f"{of['martlet']}.json"
    results.parent.mkdir(exist_ok=True)
    kept = json.loads(results.read_text()) if results.exists() else {}
    if not options.only or set(options.only) >= set(PARTS) - {"curves"}:
        write_into(document, COMMAND, f"{machine_line(of)}\n\n{table}")
        # Curves may have been drawn by a run of their own.
        kept = result | {"curves": result["curves"] or kept.get("curves", {})}
    if plots:
        kept["curves"] = result["curves"]
        pictures = ROOT / "docs/plots"
        pictures.mkdir(exist_ok=True)
        for name, image, _ in plots:
            (pictures / f"{name}.svg").write_text(image)
        write_into(document, f"{COMMAND} --only curves", "\n\n".join(
            f"![{name}](plots/{name}.svg)" for name, _, _ in plots))
    if kept:
        results.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")


main()
