"""Measured rows → tables: per case the best peer, lossc, and their ratio."""

import json
import math
import platform

KINDS = [(threads, reuses) for threads in (1, 2) for reuses in (False, True)]
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
BEGIN_SHORT, END_SHORT = "<!-- measured with avx2: begin -->", "<!-- measured with avx2: end -->"


def best(rows, case, threads, reuses):
    """The fastest peer and lossc. With reused memory a peer may do as it likes: its fastest variant counts."""
    own = [row for row in rows if (row["case"], row["size"]) == (case["name"], case["size"])]
    own = [row for row in own if row["threads"] == threads and "min_us" in row]
    peers = [row for row in own if row["tool"] != "lossc" and (reuses or not row["reuses"])]
    lossc = [row for row in own if row["tool"] == "lossc" and row["reuses"] == reuses]
    return (min(peers, key=lambda row: row["min_us"], default=None), lossc[0] if lossc else None)


def ratio(rows, case, threads, reuses):
    peer, lossc = best(rows, case, threads, reuses)
    return peer["min_us"] / lossc["min_us"] if peer and lossc else None


def mean(ratios):
    """The geometric one."""
    return math.exp(sum(map(math.log, ratios)) / len(ratios)) if ratios else math.nan


def printed(rows, cases, means_only=False):
    lines = []
    for threads, reuses in KINDS:
        kind = f"{threads} thread{'s' * (threads > 1)}, {'reused' if reuses else 'fresh'} memory"
        ratios = [found for case in cases if (found := ratio(rows, case, threads, reuses))]
        if means_only:
            if ratios:
                lines.append(f"{kind:26} geometric mean {mean(ratios):.2f}, least {min(ratios):.2f}")
            continue
        for case in cases:
            peer, lossc = best(rows, case, threads, reuses)
            if peer and lossc:
                lines.append(
                    f"{case['title']:34} {kind:26} {peer['min_us']:>11.1f} {lossc['min_us']:>11.1f}"
                    f" {peer['min_us'] / lossc['min_us']:>7.2f}  {peer['tool']}"
                )
    return "\n".join(lines)


def number(microseconds):
    return f"{microseconds:.1f}" if microseconds < 100 else f"{microseconds:.0f}"


def markdown(rows, cases, threads, reuses):
    lines = [
        "| case | best peer | µs (median) | lossc µs (median) | times as fast |",
        "|---|---|---|---|---|",
    ]
    ratios = []
    for case in cases:
        peer, lossc = best(rows, case, threads, reuses)
        if not (peer and lossc):
            continue
        ratios.append(peer["min_us"] / lossc["min_us"])
        shape = " ".join(f"{axis}={extent}" for axis, extent in case["extents"].items())
        times = [f"{number(row['min_us'])} ({number(row['median_us'])})" for row in (peer, lossc)]
        lines.append(f"| {case['name']} {shape} | {peer['tool']} | {times[0]} | {times[1]} | {ratios[-1]:.2f} |")
    lines.append(f"| **geometric mean** | | | | **{mean(ratios):.2f}** |")
    return "\n".join(lines)


def effort(results):
    """How much was measured."""
    rounds = "1 round" if results["rounds"] == 1 else f"{results['rounds']} rounds"
    return f"{rounds}, {results['seconds'] / 60:.0f} minutes in all"


def machine():
    names = [line for line in open("/proc/cpuinfo") if line.startswith("model name")]
    return f"{names[0].split(':')[1].strip()}, {len(names)} cores" if names else platform.processor()


def written(docs, results, cases):
    """Replaces what stands between the marks of benchmarks.md, and writes benchmarks.json."""
    parts = [f"Measured on: {machine()}; {effort(results)}."]
    for threads, reuses in KINDS:
        if all(row["threads"] != threads for row in results["rows"]):
            continue
        memory = "reused" if reuses else "fresh"
        parts.append(f"### {threads} thread{'s' * (threads > 1)}, {memory} memory")
        parts.append(markdown(results["rows"], cases, threads, reuses))
    replaced(docs / "benchmarks.md", (BEGIN, END), "\n\n".join(parts))
    (docs / "benchmarks.json").write_text(json.dumps(results, indent=1) + "\n")


def in_short(rows, cases):
    """A line for each case: how many times as fast with each number of threads, with fresh and with reused memory."""
    lines = [
        "| case | lossc, one thread, reused, µs | 1 fresh | 1 reused | 2 fresh | 2 reused |",
        "|---|---|---|---|---|---|",
    ]
    for case in cases:
        lossc = best(rows, case, 1, True)[1]
        ratios = [ratio(rows, case, *kind) for kind in KINDS]
        shape = " ".join(f"{axis}={extent}" for axis, extent in case["extents"].items())
        own = number(lossc["min_us"]) if lossc else "–"
        lines.append(f"| {case['name']} {shape} | {own} | {cells(ratios)} |")
    found = [[ratio(rows, case, *kind) for case in cases] for kind in KINDS]
    means = [mean([ratio for ratio in ratios if ratio]) for ratios in found]
    lines.append(f"| **geometric mean** | | {cells(means)} |")
    return "\n".join(lines)


def cells(ratios):
    return " | ".join(f"{ratio:.2f}" if ratio else "–" for ratio in ratios)


def written_in_short(docs, results, cases):
    """Replaces what stands between the other marks of benchmarks.md."""
    told = f"Measured in {effort(results)}."
    replaced(docs / "benchmarks.md", (BEGIN_SHORT, END_SHORT), told + "\n\n" + in_short(results["rows"], cases))


def replaced(page, marks, text):
    begin, end = marks
    before, rest = page.read_text().split(begin)
    after = rest.split(end)[1]
    page.write_text(before + begin + "\n\n" + text + "\n\n" + end + after)
