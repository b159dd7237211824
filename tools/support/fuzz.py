"""Runs the fuzzers and says what they did: see tools/fuzz --help."""

import argparse
import concurrent.futures
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CORPUS = os.path.join(ROOT, "Tests", "Vectors", "fuzz")

# Of all executions, the share of each target, and the longest input. A whole directory takes a thousand times as long
# as a request.
TARGETS = {
    "requests": (0.36, 1024),
    "batches": (0.20, 1024),
    "files": (0.13, 512),
    "segments": (0.09, 2048),
    "journal": (0.09, 1024),
    "records": (0.10, 512),
    "groups": (0.0295, 256),
    "directory": (0.0005, 64),
}
DONE = re.compile(r"^#(\d+)\s+DONE\s+cov: (\d+) ft: (\d+) corp: (\d+)/\S+", re.MULTILINE)
LINE = re.compile(r"^#\d+\s+\S+\s+cov: (\d+)", re.MULTILINE)
LOADED = re.compile(r"INFO: Loaded \d+ PC tables \((\d+) PCs\)")
# So much code at least is watched, if the flags are right: libraries without them make a fuzzer that is blind.
PLACES_MIN = 20_000


class Fuzzing:
    def __init__(self, options, work):
        self.options = options
        self.work = work

    def environment(self, target, **more):
        # What Swift's runtime keeps for ever is no leak of ours.
        return dict(
            os.environ, MARTLET_FUZZ_TARGET=target, ASAN_OPTIONS="detect_leaks=0:allocator_may_return_null=1",
            SWIFT_BACKTRACE="enable=no", **more)

    def corpus(self, target):
        folder = os.path.join(self.work, target)
        os.makedirs(folder)
        for kept in (os.path.join(CORPUS, target), os.path.join(CORPUS, "found", target)):
            if os.path.isdir(kept):
                for name in os.listdir(kept):
                    shutil.copy(os.path.join(kept, name), folder)
        subprocess.run(
            [self.options.fuzzer], env=self.environment(target, MARTLET_FUZZ_SEEDS=folder), check=True)
        return folder

    def run(self, target, executions, seed):
        folder = self.corpus(target)
        artifacts = os.path.join(self.options.artifacts, target) + "-"
        command = [
            self.options.fuzzer, f"-runs={executions}", f"-seed={seed % (1 << 31) or 1}",
            f"-max_len={TARGETS[target][1]}", "-timeout=20", "-rss_limit_mb=1500", "-print_final_stats=1",
            f"-artifact_prefix={artifacts}", folder]
        if self.options.seconds:
            share = 1 if self.options.target else 1 / len(TARGETS)
            command.insert(1, f"-max_total_time={max(1, round(self.options.seconds * share * self.options.jobs))}")
        began = time.monotonic()
        done = subprocess.run(command, env=self.environment(target), capture_output=True, text=True, errors="replace")
        seconds = time.monotonic() - began
        said = done.stdout + done.stderr
        result = {"target": target, "executions": 0, "seconds": round(seconds, 1), "problem": None}
        loaded = LOADED.search(said)
        if done.returncode != 0:
            result["problem"] = f"status {done.returncode}:\n" + said[-6000:]
        elif not loaded or int(loaded.group(1)) < PLACES_MIN:
            result["problem"] = "it sees nothing of what it runs: coverage was not built in:\n" + said[:2000]
        elif not (ended := DONE.search(said)):
            result["problem"] = "it did not come to its end:\n" + said[-2000:]
        else:
            first = LINE.search(said)
            count, coverage, features, corpus = map(int, ended.groups())
            result |= {
                "executions": count, "coverage": coverage, "features": features, "corpus": corpus,
                "places": int(loaded.group(1)), "coverage_before": int(first.group(1)) if first else 0}
            if coverage < 100 or not result["coverage_before"] < coverage:
                result["problem"] = f"its coverage does not grow: {result['coverage_before']} to {coverage}"
        if result["problem"] is None and self.options.merge:
            self.merge(target, folder)
        return result

    def merge(self, target, folder):
        """Leaves in the repository the fewest inputs that reach what all of them do."""
        kept = os.path.join(CORPUS, target)
        new = os.path.join(self.work, target + "-merged")
        os.makedirs(new)
        subprocess.run(
            [self.options.fuzzer, "-merge=1", f"-max_len={TARGETS[target][1]}", new, folder],
            env=self.environment(target), check=True, capture_output=True)
        shutil.rmtree(kept, ignore_errors=True)
        os.makedirs(kept)
        # A corpus in a repository is to be small, and fuzzers find the rest again: some of every size.
        files = sorted(os.listdir(new), key=lambda name: os.path.getsize(os.path.join(new, name)))
        step = max(1, -(-len(files) // self.options.merge))
        for name in files[::step]:
            shutil.copy(os.path.join(new, name), os.path.join(kept, name[:16]))


def parse():
    parser = argparse.ArgumentParser(prog="tools/fuzz")
    parser.add_argument("--fuzzer", required=True)
    parser.add_argument("--executions", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--target", choices=TARGETS)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--merge", type=int, metavar="INPUTS")
    parser.add_argument("--artifacts", default="fuzz-found")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1 << 31)
    return options


def main():
    options = parse()
    options.artifacts = os.path.abspath(options.artifacts)
    os.makedirs(options.artifacts, exist_ok=True)
    work = tempfile.mkdtemp(prefix="fuzz-")
    fuzzing = Fuzzing(options, work)
    print(f"seed {options.seed}", file=sys.stderr, flush=True)
    began = time.monotonic()
    chosen = [options.target] if options.target else sorted(TARGETS, key=lambda target: -TARGETS[target][0])
    results = []
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        waiting = []
        for number, target in enumerate(chosen):
            share = 1 if options.target else TARGETS[target][0]
            executions = max(1000, int(options.executions * share))
            waiting.append(pool.submit(fuzzing.run, target, executions, options.seed + number))
        for future in concurrent.futures.as_completed(waiting):
            result = future.result()
            results.append(result)
            if result["problem"]:
                print(f"error: {result['target']}: {result['problem']}", file=sys.stderr, flush=True)
            else:
                print(
                    f"{result['target']}: {result['executions']} executions in {result['seconds']} s, coverage "
                    f"{result['coverage_before']} to {result['coverage']} of {result['places']} places, "
                    f"{result['features']} features, {result['corpus']} inputs kept", file=sys.stderr, flush=True)
    shutil.rmtree(work)
    if os.path.isdir(options.artifacts) and not os.listdir(options.artifacts):
        os.rmdir(options.artifacts)
    failed = [result for result in results if result["problem"]]
    total = sum(result["executions"] for result in results)
    seconds = round(time.monotonic() - began, 1)
    if options.json:
        print(json.dumps({"seed": options.seed, "executions": total, "seconds": seconds, "targets": results}))
    else:
        print(f"{total} executions of {len(results)} targets in {seconds} s, {len(failed)} faults")
    if failed:
        print(f"seed {options.seed}; inputs are in {options.artifacts}", file=sys.stderr)
        sys.exit(1)


main()
