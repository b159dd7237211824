"""A broker as a process."""

import re
import subprocess
import threading

START_SECONDS = 20


class Broker:
    def __init__(self, martlet, data, *arguments, listen="127.0.0.1:0"):
        self.process = subprocess.Popen(
            [martlet, "serve", "--data", data, "--listen", listen, *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        # A pipe that is read cannot be waited for with a limit.
        timer = threading.Timer(START_SECONDS, self.process.kill)
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
        # A pipe that nobody reads stops the broker when it is full.
        threading.Thread(target=self.drain, daemon=True).start()

    def drain(self):
        for _ in self.process.stdout:
            pass

    def kill(self):
        self.process.kill()
        self.process.wait()
