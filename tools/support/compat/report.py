"""The results: said as they come, printed as a table in the end."""

import json
import sys
import time


class Report:
    def __init__(self):
        self.rows = []
        self.start = time.monotonic()

    @property
    def failed(self):
        return sum(problem is not None for _, _, problem in self.rows)

    def say(self, text):
        print(f"{time.monotonic() - self.start:6.1f} s  {text}", file=sys.stderr, flush=True)

    def add(self, client, check, problem=None):
        self.rows.append((client, check, problem))
        if problem is not None:
            self.say(f"FAILED: {client.name}, {check}: {problem}")

    def table(self):
        rows = [("client", "version", "check", "result")]
        rows += [(client.name, client.version, check, "passed" if problem is None else f"FAILED: {problem}")
                 for client, check, problem in self.rows_by_client()]
        widths = [max(len(row[column]) for row in rows) for column in range(3)]
        lines = ["  ".join([*(cell.ljust(width) for cell, width in zip(row, widths)), row[3]]) for row in rows]
        # Once more at the end, where one looks first.
        failures = [f"FAILED: {client.name}, {check}: {problem}" for client, check, problem in self.rows if problem]
        return "\n".join([*lines, "", *failures, self.summary()])

    def summary(self):
        return f"{len(self.rows) - self.failed} passed, {self.failed} failed"

    def rows_by_client(self):
        clients = list(dict.fromkeys(client for client, _, _ in self.rows))
        return [row for client in clients for row in self.rows if row[0] is client]

    def json(self):
        return json.dumps({
            "passed": len(self.rows) - self.failed,
            "failed": self.failed,
            "results": [
                {"client": client.name, "version": client.version, "check": check,
                 "result": "passed" if problem is None else "failed", "problem": problem}
                for client, check, problem in self.rows_by_client()],
        }, indent=2)

    def markdown(self):
        """A row a check, a column a client. An empty cell: the client has no such call."""
        clients = list(dict.fromkeys(client for client, _, _ in self.rows))
        results = {(client, check): problem for client, check, problem in self.rows}
        lines = ["| check | " + " | ".join(f"{client.name} {client.version}" for client in clients) + " |",
                 "|---|" + "---|" * len(clients)]
        for check in dict.fromkeys(check for _, check, _ in self.rows):
            cells = ["" if (client, check) not in results
                     else "passed" if results[client, check] is None else "**failed**" for client in clients]
            lines.append(f"| {check} | " + " | ".join(cells) + " |")
        return "\n".join([*lines, "", f"{self.summary()}."])
