"""The part of RESULTS.md about the size of the table: what `cargo run -p latchkey-scale` measured."""

import math

COLORS = ("#2563eb", "#d97706", "#16a34a", "#94a3b8")


def number(value):
    """Units, which are whole or half, and counts."""
    return f"{value:,.1f}".removesuffix(".0") if isinstance(value, float) else f"{value:,}"


def table(headings, rows):
    """A Markdown table whose first column is text, and whose others are numbers."""
    lines = ["| " + " | ".join(headings) + " |", "|---|" + "--:|" * (len(headings) - 1)]
    lines += ["| " + " | ".join(map(str, row)) + " |" for row in rows]
    return "\n".join(lines)


def costs(data):
    """Each operation once, with its cost, and a column that says whether it is the same in every table."""
    operations = {}
    for row in data["sizes"]:
        operations.setdefault(row["operation"], []).append(row)
    rows = []
    for operation, sizes in operations.items():
        figures = {(size["calls"], size["read"], size["write"]) for size in sizes}
        if len(figures) == 1:
            rows.append([operation, *map(number, figures.pop())])
        else:
            rows += [[f"**{operation}, {size['keys']:,} keys**", *(number(size[name]) for name in ("calls", "read", "write"))]
                     for size in sizes]
    return table(["", "calls", "read units", "write units"], rows)


def is_constant(data):
    """Whether no operation depends on the size of the table."""
    figures = {}
    for row in data["sizes"]:
        figures.setdefault(row["operation"], set()).add((row["calls"], row["read"], row["write"]))
    return all(len(costs) == 1 for costs in figures.values())


def failures(row):
    """Failed requests by status."""
    statuses = {}
    for kind, count in row["failed"].items():
        status = kind.partition(":")[0]
        statuses[status] = statuses.get(status, 0) + count
    return ", ".join(f"{count:,} with {status}" for status, count in statuses.items()) or "0"


def sections(data):
    """The Markdown of this part, as paragraphs to join with empty lines."""
    sizes = sorted({row["keys"] for row in data["sizes"]})
    listed = ", ".join(f"{size:,}" for size in sizes)
    verdict = ("Each operation costs the same in all of them." if is_constant(data)
               else "**The operations with several rows do not cost the same in all of them.**")
    return [
        "## Size of the table",
        data["note"],
        f"Tables with {listed} keys, 10 live ones in each account. {verdict}\n"
        "Except for the first three rows, the keys are those of another account than the caller's.",
        costs(data),
        "### Lists behind revoked keys",
        "![Read units of a list behind revoked keys](plots/behind-revoked.svg)",
        "An account's 10 live keys are newer than its revoked ones. Chaser lists revoked keys, too.",
        table(["", "revoked", "requests", "calls", "read units"],
              [[row["dialect"], *(number(row[name]) for name in ("revoked", "requests", "calls", "read"))]
               for row in data["behind_revoked"]]),
        "### Recount",
        "![Read units of a recount](plots/recount.svg)",
        "An account counts 10 live keys, its limit, and no recount has read its expired keys. One key is created.",
        table(["Outcome", "expired", "live", "requests", "calls", "read units", "write units", "s"],
              [[row["outcome"], *(number(row[name]) for name in ("ended", "live", "requests", "calls", "read", "write")),
                f"{row['seconds']:.2f}"] for row in data["recount"]]),
        "### Many environments at once",
        "64 environments create 5 keys each, one after the other.",
        table(["Accounts", "clients repeat", "requests", "created", "failed", "calls", "retried conflicts", "write units", "s"],
              [[row["accounts"], "after `Retry-After`" if row["repeats"] else "no", number(row["requests"]), number(row["minted"]),
                failures(row), number(row["calls"]), number(row["retries"]), number(row["write"]), f"{row['seconds']:.1f}"]
               for row in data["environments"]]),
    ]


def curves(data, folder):
    """Writes the plots that `sections` shows."""
    lists = {}
    for row in data["behind_revoked"]:
        lists.setdefault(row["dialect"], []).append((row["revoked"], row["read"]))
    lines(folder / "behind-revoked.svg", "List 10 live keys behind revoked ones: read units", "revoked keys", lists)
    recounts = {}
    for row in data["recount"]:
        recounts.setdefault(row["outcome"], []).append((row["ended"], row["read"]))
    lines(folder / "recount.svg", "Create a key in an account that seems full: read units", "expired keys", recounts)


def lines(path, title, unit, series):
    """Writes lines on two logarithmic scales. Zero has the place of a tenth of the first other value."""
    values = sorted({x for points in series.values() for x, _ in points if x > 0})
    zero = values[0] / 10
    first, last = math.log10(zero), math.log10(values[-1])
    top_power = math.ceil(math.log10(max(y for points in series.values() for _, y in points)))
    left, width, top, height = 70, 490, 52, 260

    def x_of(value):
        return left + width * (math.log10(value or zero) - first) / (last - first)

    def y_of(value):
        return top + height * (1 - math.log10(max(value, 1)) / top_power)

    bottom = top + height
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + width + 190} {bottom + 56}" '
        f'font-family="system-ui, sans-serif" font-size="13" role="img" aria-label="{title}">',
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        f'<text x="16" y="26" font-size="15" font-weight="600" fill="#0f172a">{title}</text>',
    ]
    for power in range(top_power + 1):
        y = y_of(10**power)
        parts.append(f'<line x1="{left}" y1="{y:.0f}" x2="{left + width}" y2="{y:.0f}" stroke="#e2e8f0"/>')
        parts.append(f'<text x="{left - 10}" y="{y + 4:.0f}" text-anchor="end" fill="#64748b">{10**power:,}</text>')
    free = math.inf
    for value in [*reversed(values), 0]:
        x, half = x_of(value), 4 * len(f"{value:,}")
        if x + half < free:
            parts.append(f'<text x="{x:.0f}" y="{bottom + 20}" text-anchor="middle" fill="#64748b">{value:,}</text>')
            free = x - half
    parts.append(f'<text x="{left + width / 2:.0f}" y="{bottom + 42}" text-anchor="middle" fill="#64748b">{unit}</text>')
    ends = []
    for (name, points), color in zip(series.items(), COLORS):
        places = [(x_of(x), y_of(y)) for x, y in points]
        path_of = " ".join(f"{x:.0f},{y:.1f}" for x, y in places)
        # Lines that lie on each other stay visible.
        dashes = ' stroke-dasharray="6 4"' if ends else ""
        parts.append(f'<polyline points="{path_of}" fill="none" stroke="{color}" stroke-width="2"{dashes}/>')
        parts += [f'<circle cx="{x:.0f}" cy="{y:.1f}" r="3" fill="{color}"/>' for x, y in places]
        ends.append((places[-1][1], name, points[-1][1], color))
    above = -math.inf
    for y, name, value, color in sorted(ends):
        above = max(y + 4, above + 17)
        parts.append(f'<text x="{left + width + 10}" y="{above:.0f}" fill="{color}">{name}: {value:,.0f}</text>')
    parts.append("</svg>")
    path.write_text("\n".join(parts) + "\n")
