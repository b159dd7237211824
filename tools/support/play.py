"""A play of commands against a broker, for a document: what is said, typed and answered."""

import subprocess
import textwrap
import time

from document import write_into
from serving import Broker

PATIENCE = 120


class Play:
    def __init__(self, martlet, directory):
        self.martlet = martlet
        self.directory = directory
        self.broker = Broker(martlet, f"{directory}/martlet-data")
        self.text = []

    def quietly(self, *command):
        return subprocess.run(
            [self.martlet, *command, "--broker", self.broker.address], check=True, capture_output=True, text=True,
            cwd=self.directory).stdout

    def wait(self, what, is_there):
        deadline = time.monotonic() + PATIENCE
        while not is_there():
            if time.monotonic() > deadline:
                raise TimeoutError(f"not in {PATIENCE} s: {what}")
            time.sleep(0.1)

    def say(self, text):
        self.text += [textwrap.fill(" ".join(text.split()), 118, break_on_hyphens=False), ""]

    def run(self, *lines, offline=False):
        """Commands as an operator types them, one below the other, with what they say."""
        self.text.append("```console")
        for line in lines:
            self.text.append(f"$ {line}")
            script = f'martlet() {{ "{self.martlet}" "$@" {"" if offline else "--broker " + self.broker.address}; }}\n'
            found = subprocess.run(
                ["bash", "-c", script + line], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                cwd=self.directory, stdin=subprocess.DEVNULL)
            self.text += found.stdout.rstrip("\n").splitlines()
        self.text += ["```", ""]

    def finish(self, command, document):
        """Prints it, and puts it into a document."""
        text = "\n".join(self.text).rstrip("\n").replace(f"{self.directory}/", "/var/lib/")
        for place in (self.martlet, self.directory):
            assert place not in text, f"{place} stands in what was printed"
        print(text)
        if document:
            write_into(document, command, text)
