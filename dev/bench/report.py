"""Writes RESULTS.md and plots/ from the figures of a run, or prints them with --print.

report.py <figures> <figures of scale/>
report.py --print <figures>
"""

import datetime
import json
import math
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys
import tomllib

import expected
import goals
import pairs
import scale

BENCH = pathlib.Path(__file__).parent
MEMORY = (128, 256, 512)
# The list price of a GB-second on arm64 in us-east-1, in dollars, as of November 2026.
GB_SECOND = 0.0000133334
COLORS = {"Latchkey": "#2563eb", "limit": "#94a3b8", "floor": "#94a3b8"}
OTHER = "#d97706"


def median(values):
    return statistics.median(values)


def shown(value):
    """Three digits that mean something."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def cell(values):
    """A median with its spread: half of all figures lie between the two."""
    if not values:
        return "–"
    if len(values) < 4:
        return shown(median(values))
    low, _, high = statistics.quantiles(values, n=4)
    return f"{shown(median(values))} ({shown(low)}–{shown(high)})"


def table(figures, columns):
    """A Markdown table of variants with columns of figures: a heading and a name each."""
    lines = ["| | " + " | ".join(heading for heading, _ in columns) + " |", "|---|" + "--:|" * len(columns)]
    for variant, figure in figures.items():
        cells = [cell(figure.get(name, [])) for _, name in columns]
        lines.append(f"| {variant} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def groups(figures):
    """The variants by their work, which comes before the colon, in the order of variants.toml."""
    variants = tomllib.loads((BENCH / "variants.toml").read_text())["variant"]
    grouped = {}
    for variant in variants:
        work, _, who = variant["name"].partition(": ")
        grouped.setdefault(work, {})[who] = figures[variant["name"]]
    # Floors do no work, so they come last.
    grouped["floor"] = grouped.pop("floor")
    return grouped


def plot(path, title, unit, bars):
    """Writes horizontal bars, on a logarithmic scale, with the middle half of the figures as whiskers."""
    bars = [(name, values) for name, values in bars if values]
    lowest = min(min(values) for _, values in bars)
    highest = max(max(values) for _, values in bars)
    first, last = math.floor(math.log10(lowest)), math.ceil(math.log10(highest) + 1e-9)
    left, width, row, top = 190, 470, 30, 52
    height = top + row * len(bars) + 34

    def x(value):
        return left + width * (math.log10(value) - first) / max(last - first, 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + width + 90} {height}" '
        f'font-family="system-ui, sans-serif" font-size="13" role="img" aria-label="{title}">',
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        f'<text x="16" y="26" font-size="15" font-weight="600" fill="#0f172a">{title}</text>',
    ]
    for power in range(first, last + 1):
        at = x(10**power)
        label = f"{10**power:g} {unit}"
        parts.append(f'<line x1="{at:.0f}" y1="{top - 8}" x2="{at:.0f}" y2="{height - 30}" stroke="#e2e8f0"/>')
        parts.append(f'<text x="{at:.0f}" y="{height - 12}" text-anchor="middle" fill="#64748b">{label}</text>')
    for place, (name, values) in enumerate(bars):
        y = top + row * place
        middle = median(values)
        color = next((color for word, color in COLORS.items() if word in name), OTHER)
        parts.append(f'<text x="{left - 10}" y="{y + 15}" text-anchor="end" fill="#0f172a">{name}</text>')
        parts.append(f'<rect x="{left}" y="{y}" width="{max(x(middle) - left, 1):.0f}" height="20" rx="3" fill="{color}"/>')
        if len(values) >= 4:
            low, _, high = statistics.quantiles(values, n=4)
            parts.append(f'<line x1="{x(low):.0f}" y1="{y + 10}" x2="{x(high):.0f}" y2="{y + 10}" stroke="#0f172a" stroke-width="2"/>')
            end = max(x(high), x(middle))
        else:
            end = x(middle)
        parts.append(f'<text x="{end + 8:.0f}" y="{y + 15}" fill="#0f172a">{shown(middle)}</text>')
    parts.append("</svg>")
    path.write_text("\n".join(parts) + "\n")


def machine():
    cpu = next(line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name"))
    memory = int(next(line.split()[1] for line in open("/proc/meminfo") if line.startswith("MemTotal")))
    cores = subprocess.run(["nproc"], capture_output=True, text=True).stdout.strip()
    return f"{cores} cores of {cpu}, {memory // 1024 // 1024} GiB, {platform.freedesktop_os_release()['PRETTY_NAME']}"


COLD = [
    ("CPU from spawn to first response, ms", "cold CPU, ms"),
    ("wall, ms", "spawn to first response, ms"),
    *((f"first invoke at {memory} MB, ms", f"first invoke at {memory} MB, ms") for memory in MEMORY),
    ("memory, MiB", "memory, MiB"),
]
WARM = [
    ("CPU, µs", "warm CPU, us"),
    ("p50, ms", "warm p50, ms"),
    ("p99, ms", "warm p99, ms"),
    ("calls to DynamoDB", "calls"),
]
RATES = [
    (f"{rate}, {part} at {memory} MB, ms", f"{rate} {part} at {memory} MB, ms")
    for memory in MEMORY
    for rate in ("back to back", "paced")
    for part in ("p50", "p99")
]


def memory_sizes(figures):
    """What each memory size costs and brings, for a key that Latchkey creates and one that it verifies."""
    lines = ["| | memory, MB | paced p50, ms | back to back p50, ms | back to back p99, ms | Lambda's time for a million, $ |",
             "|---|--:|--:|--:|--:|--:|"]
    for text, variant in (("create", "create a key: Latchkey (LakeSail)"), ("verify", "verify a key: Latchkey (authorizer)")):
        for memory in MEMORY:
            paced, busy, slow = (median(figures[variant].get(f"{name} at {memory} MB, ms", [math.nan]))
                                 for name in ("paced p50", "back to back p50", "back to back p99"))
            dollars = paced / 1e3 * memory / 1024 * GB_SECOND * 1e6
            lines.append(f"| {text} | {memory} | {shown(paced)} | {shown(busy)} | {shown(slow)} | {dollars:.3f} |")
    return "\n".join(lines)


MEMORY_VERDICT = """\
At 128 MB, the third key in a row uses up the CPU time of a period of 20 ms, so it waits for the next period.
A control group counts as strictly as this; Lambda may be kinder.
With 256 MB, the template's default, keys in a row wait for DynamoDB only, for about two cents more per million requests."""


def in_short(figures):
    """The figures that the README quotes, word for word."""
    ours = "create a key: Latchkey (LakeSail)"

    def times(name, peer):
        return f"{pairs.ratio(figures, name, f'create a key: {peer}', ours):.0f} times"

    first, cold, warm = "first invoke at 128 MB, ms", "cold CPU, ms", "warm CPU, us"
    limit = pairs.ratio(figures, cold, ours, "create a key: limit")
    lines = [
        f"The first key at 128 MB: Rust as in tutorials takes {times(first, 'tutorial Rust')} as long as Latchkey.",
        f"The first key at 128 MB: Node takes {times(first, 'Node')} as long as Latchkey.",
        f"The first key at 128 MB: Python takes {times(first, 'Python')} as long as Latchkey.",
        f"Each further key: Node takes {times(warm, 'Node')} as much CPU time as Latchkey.",
        f"A cold start with its first key: {limit:.1f} times the CPU time of the same requests written by hand, without an SDK.",
    ]
    return "\n".join(f"- {line}" for line in lines)


def versions():
    def said(*command):
        return subprocess.run(command, capture_output=True, text=True).stdout.strip()

    node = json.loads((BENCH / "peers/node/package.json").read_text())["dependencies"]["@aws-sdk/client-dynamodb"]
    boto3 = re.search(r"^boto3==(.*)", (BENCH / "peers/python/requirements.in").read_text(), re.M)[1]
    return ", ".join([said("rustc", "--version").rsplit(" (")[0], f"Node {said('node', '--version')} with AWS SDK {node}",
                      f"{said('python3', '--version')} with boto3 {boto3}"])


def write(figures, sizes_of_tables):
    known = expected.load()[expected.machine()]
    instructions, sizes = known["instructions"], known["archives"]
    works = groups(figures)
    rounds = len(figures["floor: lambda_runtime"]["warm CPU, us"])
    plots = BENCH / "plots"
    plots.mkdir(exist_ok=True)
    mint = works["create a key"]

    def bars(name, variants=mint):
        return [(who, figure.get(name, [])) for who, figure in variants.items()]

    plot(plots / "cold.svg", "Create a key: CPU from spawn to first response", "ms", bars("cold CPU, ms"))
    plot(plots / "first-invoke.svg", "Create a key: first invoke at 128 MB", "ms", bars("first invoke at 128 MB, ms"))
    plot(plots / "warm.svg", "Create a key: CPU of a warm event", "µs", bars("warm CPU, us"))
    ours = mint["Latchkey (LakeSail)"]
    cliff = [(f"{memory} MB, {rate}", ours.get(f"{rate} p50 at {memory} MB, ms", [])) for memory in MEMORY for rate in ("back to back", "paced")]
    plot(plots / "memory.svg", "Latchkey creates a key: p50 by memory size", "ms", cliff)
    parts = [
        "# Results",
        "`dev/bench/run` wrote this page. Figures are medians, and ratios medians of the ratios within each round; in parentheses, the range of the middle half.",
        f"{datetime.date.today()}, {rounds} rounds, each of which measured all variants one after another, on {machine()}: {versions()}.\n"
        "All programs call a canned DynamoDB over TLS 1.3 on the same machine.\n"
        "At memory sizes, a control group gives the program the share of a core that Lambda gives, after its start, and DynamoDB takes 3 ms.\n"
        "Compare figures with each other, not with those of another machine.",
        "## In short", in_short(figures),
        "## Goals", goals.table(figures, instructions, sizes, sizes_of_tables),
        "What one fault costs is in [the tests with faults](../../docs/faults.md#what-a-fault-costs).",
        "## Create a key",
        "![CPU time of a cold start](plots/cold.svg)\n\n![First invoke at 128 MB](plots/first-invoke.svg)\n\n![CPU time of a warm event](plots/warm.svg)",
    ]
    for work, variants in works.items():
        if work != "create a key":
            parts.append(f"## {work[0].upper()}{work[1:]}")
        parts.append(table(variants, COLD))
        parts.append(table(variants, WARM))
    parts += ["## Memory sizes", "![Latency by memory size](plots/memory.svg)",
              memory_sizes(figures), MEMORY_VERDICT, table(mint, RATES)]
    parts += ["## Instructions", "| | start with one event | warm event |\n|---|--:|--:|\n" + "\n".join(
        f"| {name} | {figure['start']:,} | {figure['event']:,} |" for name, figure in instructions.items())]
    parts += ["## Sizes", "| Function | archive, bytes |\n|---|--:|\n" + "\n".join(
        f"| {name} | {size:,} |" for name, size in sizes.items())]
    parts += scale.sections(sizes_of_tables)
    scale.curves(sizes_of_tables, plots)
    (BENCH / "RESULTS.md").write_text("\n\n".join(parts) + "\n")


def main():
    if sys.argv[1] == "--print":
        figures = json.loads(pathlib.Path(sys.argv[2]).read_text())
        for name, figure in figures.items():
            print(name)
            for what, values in sorted(figure.items()):
                print(f"  {what}: {cell(values)}")
        return
    write(*(json.loads(pathlib.Path(file).read_text()) for file in sys.argv[1:]))


main()
