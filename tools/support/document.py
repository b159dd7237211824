"""Tables in documents that a command makes, between two lines that name it."""

from pathlib import Path


def write_into(path, command, table):
    """Puts the table where the document has the one of the run before."""
    begin, end = f"<!-- made by {command} -->", f"<!-- end of {command} -->"
    file = Path(path)
    before, found, rest = file.read_text().partition(begin)
    _, also_found, after = rest.partition(end)
    if not (found and also_found):
        raise SystemExit(f"error: {path} has no lines {begin} and {end} to put the table between")
    file.write_text(f"{before}{begin}\n{table}\n{end}{after}")
