"""A broker of its own that is killed and started again, on the same data and the same port."""

import re
import subprocess
import tempfile
import threading

from client import PATIENCE


class CrashingBroker:
    def __init__(self, martlet):
        self.martlet = martlet
        self.directory = tempfile.TemporaryDirectory()
        self.address = "127.0.0.1:0"

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()
        self.directory.cleanup()

    def start(self):
        self.process = subprocess.Popen(
            [self.martlet, "serve", "--data", f"{self.directory.name}/data", "--listen", self.address],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        # A pipe that is read cannot be waited for with a limit.
        timer = threading.Timer(PATIENCE, self.process.kill)
        timer.start()
        try:
            lines = []
            for line in self.process.stdout:
                lines.append(line)
                if found := re.search(r" listens on (\S+),", line):
                    self.address = found.group(1)
                    break
            else:
                raise RuntimeError(f"the broker did not start: {''.join(lines)}")
        finally:
            timer.cancel()
        # Whoever does not read its log stops it when the pipe is full.
        threading.Thread(target=self.process.stdout.read, daemon=True).start()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def crash(self):
        self.kill()
        self.start()
