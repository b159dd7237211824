"""What was measured, and how it stands to what it should be."""

import statistics


class Failed(Exception):
    """Something did not run."""


class Figure:
    """One row of a table: what several runs gave, beside C or another yardstick where there is one.

    `target` is text for people; `bound` says what it means: ("ratio" or "value", ">=" or "<=", number), or None."""

    def __init__(self, path, unit, runs, target, bound, command, yardsticks=(), against=None):
        self.path, self.unit, self.target, self.bound, self.command = path, unit, target, bound, command
        self.runs, self.yardsticks, self.against = list(runs), list(yardsticks), against

    @property
    def value(self):
        return statistics.median(self.runs)

    @property
    def ratio(self):
        return self.value / statistics.median(self.yardsticks) if self.yardsticks else None

    @property
    def ratios(self):
        return [ours / theirs for ours, theirs in zip(self.runs, self.yardsticks)]

    @property
    def is_met(self):
        if self.bound is None:
            return None
        kind, sign, number = self.bound
        reached = self.ratio if kind == "ratio" else self.value
        return reached >= number if sign == ">=" else reached <= number

    def row(self):
        reached = f"{number(self.value)} {self.unit}"
        if len(self.runs) > 1:
            reached += f" ({number(min(self.runs))} to {number(max(self.runs))})"
        ratio = ""
        if self.yardsticks:
            ratio = percent(self.ratio)
            if len(self.ratios) > 1:
                ratio += f" ({percent(min(self.ratios))} to {percent(max(self.ratios))})"
            if self.against:
                ratio += f" of {self.against}"
        met = {None: "", True: "yes", False: "**no**"}[self.is_met]
        return f"| {self.path} | {self.target} | {reached} | {ratio} | {met} | {self.command} |"

    HEADING = ("| path | target | reached (least to most of all runs) | ratio | met | by |\n"
               "|---|---|---|---|---|---|")

    def as_json(self):
        return {
            "path": self.path, "unit": self.unit, "value": self.value, "runs": self.runs,
            "yardsticks": self.yardsticks, "ratio": self.ratio, "target": self.target, "isMet": self.is_met,
            "command": self.command,
        }


def number(value):
    """Three figures of it, as people write them."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{round(value):,}"
    return f"{value:.{1 if abs(value) >= 10 else 2}f}"


def percent(ratio):
    return f"{round(ratio * 100)} %"
