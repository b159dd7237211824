"""Runs the micro benchmarks and says what they took: see tools/bench-micro --help."""

import argparse
import collections
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile

import document

# How often the work is done in one measurement stands behind a benchmark's name.
NAME = re.compile(r"^(?P<name>.*) \(operations: (?P<operations>\d+)\)$")
OF_C = ", C"
SPECIAL = re.compile(r"[()*+?.|^$\[\]\\]")
RAN = re.compile(r"^Debug results for (.*):$", re.MULTILINE)
# What the tool writes before a name where its format is JMH's.
PREFIX = "package.benchmark.martlet-micro."
# The function that a measurement is made in, by its name in the binary.
MEASURED = "*8measured*"

Cost = collections.namedtuple("Cost", "middle high")


def parse_arguments():
    parser = argparse.ArgumentParser(prog="tools/bench-micro")
    parser.add_argument("--micro", required=True)
    parser.add_argument("--tool")
    parser.add_argument("--filter", default=".*")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--directory")
    parser.add_argument("--document")
    for flag in ("--smoke", "--instructions", "--json"):
        parser.add_argument(flag, action="store_true")
    options = parser.parse_args()
    if options.runs < 1:
        parser.error("--runs must be 1 or more")
    try:
        re.compile(options.filter)
    except re.error as error:
        parser.error(f"--filter is no regular expression: {error}")
    return options


class Micro:
    """The benchmarks' program."""

    def __init__(self, options, work):
        self.options = options
        self.work = work

    def time(self):
        """A run of the package's own tool: for each benchmark what an operation took, in ns."""
        said = self.output([
            self.options.tool, "--command", "run", "--format", "jmh", "--path", "stdout", "--grouping", "benchmark",
            "--no-progress", "--baseline-storage-path", self.work, "--targets", "martlet-micro",
            "--benchmark-executable-paths", self.options.micro, "--filter", self.pattern])
        results = next((line for line in said.splitlines() if line.startswith("[")), None)
        if results is None:
            raise SystemExit(f"error: nothing was measured:\n{said}")
        costs = {}
        for result in json.loads(results):
            name, operations = self.parts(result["benchmark"].removeprefix(PREFIX).replace("_", " "))
            microseconds = result["secondaryMetrics"]["Time (wall clock)"]["scorePercentiles"]
            costs[name] = Cost(*(microseconds[p] * 1000 / operations for p in ("50.0", "99.0")))
        return costs

    def count(self):
        """One measurement of each under callgrind, each in a process of its own: the instructions of an operation."""
        # Debian's valgrind gives up over what Swift's compiler says for debuggers.
        bare = os.path.join(self.work, "martlet-micro")
        self.output(["strip", "--strip-debug", "-o", bare, self.options.micro])
        counted = os.path.join(self.work, "callgrind")
        costs = {}
        for ran in self.run_once():
            name, operations = self.parts(ran)
            self.output([
                "valgrind", "--tool=callgrind", f"--callgrind-out-file={counted}", f"--toggle-collect={MEASURED}", bare,
                "--quiet", "true", "--filter", SPECIAL.sub(r"\\\g<0>", ran)], once=True)
            costs[name] = Cost(instructions(counted) / operations, None)
        return costs

    def run_once(self):
        """Runs each once, and returns the names of those that ran."""
        said = self.output([self.options.micro, "--quiet", "true", "--filter", self.full_pattern], once=True)
        ran = RAN.findall(said)
        if not ran:
            raise SystemExit(self.none_matches())
        return ran

    @property
    def pattern(self):
        return f"({self.options.filter})({OF_C})?"

    @property
    def full_pattern(self):
        """For the program itself, which compares with the whole of a name."""
        return self.pattern + r" \(operations: \d+\)"

    def none_matches(self):
        return f"error: no benchmark has a name like '{self.options.filter}': see the names that a run prints"

    def parts(self, name):
        found = NAME.match(name)
        if not found:
            raise SystemExit(f"error: '{name}' does not say of how many operations a measurement is made")
        return found["name"], int(found["operations"])

    def output(self, command, once=False):
        environment = dict(os.environ, MARTLET_MICRO_DIRECTORY=self.options.directory or tempfile.gettempdir())
        if once:
            environment["MARTLET_MICRO_ONCE"] = "1"
        ran = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if ran.returncode != 0 or "Process failed" in ran.stdout:
            problems = [line for line in ran.stderr.splitlines() if line.startswith("error:")]
            raise SystemExit("\n".join(problems) or f"error: a benchmark failed:\n{ran.stdout}{ran.stderr}")
        return ran.stdout


def instructions(path):
    with open(path) as file:
        for line in file:
            if line.startswith(("summary:", "totals:")):
                return int(line.split()[1])
    raise SystemExit(f"error: callgrind counted nothing in {path}: is {MEASURED} still the name of what is measured?")


def middle(runs):
    """Of each benchmark the middle of its runs: neighbours on the machine disturb single ones."""
    return {
        name: Cost(*(None if values[0] is None else statistics.median(values) for values in zip(*(run[name] for run in runs))))
        for name in runs[0]
    }


def pairs(costs):
    """Each of ours beside C's."""
    return [(name, costs[name], costs[name + OF_C]) for name in sorted(costs) if not name.endswith(OF_C)]


def ratio(ours, theirs):
    return ours.middle / theirs.middle if theirs.middle else None


def number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def table(costs, unit):
    has_high = unit == "ns"
    columns = ["an operation, " + unit] + (["Martlet", "p99", "C", "p99"] if has_high else ["Martlet", "C"]) + ["ratio"]
    rows = [columns, ["---"] * len(columns)]
    for name, ours, theirs in pairs(costs):
        figures = [figure for cost in (ours, theirs) for figure in (cost if has_high else cost[:1])]
        share = ratio(ours, theirs)
        rows.append([name] + [number(figure) for figure in figures] + ["" if share is None else f"{share * 100:.0f} %"])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def as_json(costs, unit, runs):
    def cost(value):
        return {"median": value.middle} if value.high is None else {"median": value.middle, "p99": value.high}

    return json.dumps({
        "unit": unit,
        "runs": runs,
        "machine": {"processor": processor(), "cores": os.cpu_count(), "system": platform.release()},
        "load": os.getloadavg()[0],
        "benchmarks": [
            {"name": name, "martlet": cost(ours), "c": cost(theirs), "ratio": ratio(ours, theirs)}
            for name, ours, theirs in pairs(costs)
        ],
    }, indent=2)


def processor():
    with open("/proc/cpuinfo") as file:
        return next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), platform.machine())


def aligned(text):
    """A table of Markdown with columns as wide as they need to be."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    rows.pop(1)
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])])
        for row in rows)


def main():
    options = parse_arguments()
    with tempfile.TemporaryDirectory() as work:
        micro = Micro(options, work)
        if options.smoke:
            names = [micro.parts(ran)[0] for ran in micro.run_once()]
            return print(f"{len(names)} benchmarks ran, and each does the same as C" if not options.json
                         else json.dumps({"ran": names}, indent=2))
        if options.instructions:
            costs, unit, runs = micro.count(), "instructions", 1
        else:
            costs, unit, runs = middle([micro.time() for _ in range(options.runs)]), "ns", options.runs
        if not costs:
            raise SystemExit(micro.none_matches())
    text = table(costs, unit)
    if options.document:
        document.write_into(options.document, "tools/bench-micro", text)
    print(as_json(costs, unit, runs) if options.json else aligned(text))


if __name__ == "__main__":
    sys.exit(main())
