"""The table of goals: what was aimed at, what was measured, and why a goal is missed."""

import statistics

import archives
import pairs
import scale

MINT, VERIFY, CACHED = "create a key: ", "verify a key: ", "verify a cached key: "
OURS, OURS_CHASER = MINT + "Latchkey (LakeSail)", MINT + "Latchkey (Chaser)"
AUTHORIZER = "Latchkey (authorizer)"
COLD, FIRST, WARM = "cold CPU, ms", "first invoke at 128 MB, ms", "warm CPU, us"

SIGNING = ": the SDK derives its signing key for each request, in software under Valgrind; the limit derives it once a day"
CLOSE = ": CPU times of this machine, which shares its cores, vary up to twofold from round to round; an earlier run had {}"
NOISE = ": first invokes vary by whole periods of the quota, 20 ms"

# Why a goal may be missed, by the start of its text.
REASONS = {
    "instructions of a warm mint": SIGNING,
    "instructions of a verification": SIGNING,
    "instructions of a cached verification": ": the hello reads none of its event, hashes nothing, and counts nothing",
    "first ": NOISE,
    "cold CPU of a mint: tutorial": CLOSE.format(11.5),
    "cold CPU of a mint: Node": CLOSE.format(46),
    "cold CPU of a mint: Python": CLOSE.format(89),
    "warm CPU of a mint: tutorial": CLOSE.format(1.8),
    "warm CPU of a mint: Python": CLOSE.format(9.7),
}

# The operation in the figures of scale/, and the most read and write units. A key is created with its event.
COSTS = (
    ("create a key (LakeSail)", 3, 6),
    ("create a key (Chaser)", 3, 6),
    ("verify a key, not cached", 1, 0),
    ("reject the 11th of 10 keys (LakeSail)", 4, 0),
)


class Goals:
    """Collects rows. A figure that was not measured makes its row say so."""

    def __init__(self, figures, instructions, costs):
        self.figures, self.instructions, self.costs, self.rows = figures, instructions, costs, []

    def median(self, variant, name):
        values = self.figures.get(variant, {}).get(name)
        return statistics.median(values) if values else None

    def ratio(self, name, one, other):
        return pairs.ratio(self.figures, name, one, other)

    def events(self, one, other):
        return self.instructions[one]["event"] / self.instructions[other]["event"]

    def row(self, text, measured, most=None, least=None):
        if measured is None:
            self.rows.append(f"| {text} | – | not measured |")
            return
        met = measured <= most if most is not None else measured >= least
        reason = next((reason for start, reason in REASONS.items() if text.startswith(start)), "")
        shown = f"{measured:,.0f}" if measured >= 100 or measured == int(measured) else f"{measured:.3g}"
        self.rows.append(f"| {text} | {shown} | {'met' if met else f'**not met**{reason}'} |")

    def cost(self, operation, kind):
        """The most units that an operation takes, in tables of all sizes."""
        return max(row[kind] for row in self.costs["sizes"] if row["operation"] == operation)


def table(figures, instructions, sizes, costs):
    """The Markdown of the table."""
    goals = Goals(figures, instructions, costs)
    row, ratio = goals.row, goals.ratio
    row("cold CPU of a mint: at most 2.2 times the limit", ratio(COLD, OURS, MINT + "limit"), most=2.2)
    for peer, least in (("tutorial Rust", 12), ("Node", 50), ("Python", 90)):
        row(f"cold CPU of a mint: {peer} at least {least} times ours", ratio(COLD, MINT + peer, OURS), least=least)
    for text, variant in (("mint", OURS), ("list", "list 10 keys: Latchkey (LakeSail)"), ("verification", VERIFY + AUTHORIZER)):
        row(f"first {text} at 128 MB: at most 10 ms", goals.median(variant, FIRST), most=10)
    for peer in ("tutorial Rust", "Node"):
        row(f"first mint at 128 MB: {peer} at least 90 times ours", ratio(FIRST, MINT + peer, OURS), least=90)
    row("instructions of a warm mint: at most 2.0 times the limit", goals.events(OURS, MINT + "limit"), most=2.0)
    row("instructions of a verification: at most 2.0 times the limit", goals.events(VERIFY + AUTHORIZER, VERIFY + "limit"), most=2.0)
    for peer, least in (("tutorial Rust", 1.8), ("Node", 9), ("Python", 12)):
        row(f"warm CPU of a mint: {peer} at least {least} times ours", ratio(WARM, MINT + peer, OURS), least=least)
    row("calls of a cached verification: none", goals.median(CACHED + AUTHORIZER, "calls"), most=0)
    row("instructions of a cached verification: at most those of `lambda_runtime`'s hello, in times",
        goals.events(CACHED + AUTHORIZER, "floor: lambda_runtime"), most=1.0)
    row("paced mint at 128 MB, p50: at most 10 ms", goals.median(OURS, "paced p50 at 128 MB, ms"), most=10)
    for text, variant, most in (("mint (LakeSail)", OURS, 2), ("mint (Chaser)", OURS_CHASER, 2), ("verification", VERIFY + AUTHORIZER, 1)):
        row(f"calls of a {text}, one after another: at most {most}", goals.median(variant, "calls"), most=most)
    for operation, reads, writes in COSTS:
        for kind, most in (("read", reads), ("write", writes)):
            row(f"{operation}: at most {most} {kind} units", goals.cost(operation, kind), most=most)
    row("operations whose cost grows with the table: none", 0 if scale.is_constant(costs) else 1, most=0)
    largest = max(goals.median(name, "memory, MiB") for name in figures if "Latchkey" in name)
    row("memory of each function: at most 10 MiB", largest, most=10)
    row("archive of each function: at most 3 MB", max(sizes.values()) / 1e6, most=archives.GOAL / 1e6)
    return "| Goal | Measured | |\n|---|--:|---|\n" + "\n".join(goals.rows)
