#!/usr/bin/env python3
"""lossc against torch and JAX on the same data: python3 benches/peers/peers.py [--quick] [--cases WORD ...] [--write]

Build lossc first (cargo build --release). The first run makes an environment with the versions of requirements.txt in
target/peers/venv and goes on in it; --venv takes another one. Of each case, tools, variants and numbers of threads take
turns, round by round; values and gradients are compared before anything is measured. The result is printed, and written
to target/peers/results.json; with --write also to docs/benchmarks.md and docs/benchmarks.json.

With --avx2 all tools leave wider instructions alone, as on machines that have none, and --write writes the short table of
that. Cases with products of matrices are left out then: what lossc multiplies with cannot be confined.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
WORK = ROOT / "target" / "peers"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="*", default=[], metavar="WORD", help="cases whose name/size has one of these")
    parser.add_argument("--rounds", type=int, default=5, help="how often each tool has its turn")
    parser.add_argument("--seconds", type=float, default=0.12, help="the length of a turn")
    parser.add_argument("--quick", action="store_true", help="two short rounds, without the sizes of 2^24 and [2048, 32000]")
    parser.add_argument("--threads", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--tools", nargs="*", default=["torch", "jax"], help="beside lossc")
    parser.add_argument("--lossc", type=pathlib.Path, default=ROOT / "target" / "release" / "lossc")
    parser.add_argument("--venv", type=pathlib.Path, default=WORK / "venv")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md and docs/benchmarks.json")
    parser.add_argument("--avx2", action="store_true", help="measure all tools without AVX-512")
    return parser.parse_args()


def enter(venv):
    """Goes on with the interpreter of the environment, which is made if it is not there."""
    python = venv / "bin" / "python"
    if pathlib.Path(sys.prefix) == venv.resolve():
        return
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", HERE / "requirements.txt"], check=True)
    os.execv(python, [str(python), *sys.argv])


# What makes each peer leave wider instructions alone.
CONFINED = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "XLA_FLAGS": "--xla_cpu_max_isa=AVX2",
    # What torch.compile has made for wider vectors gives wrong numbers with narrower ones.
    "TORCHINDUCTOR_CACHE_DIR": str(WORK / "inductor-avx2"),
}
WITH_PRODUCTS = ("arcface", "info_nce")


class Worker:
    """A peer in a process of its own, with a number of threads."""

    def __init__(self, tool, threads):
        self.tool, self.threads = tool, threads
        command = [sys.executable, str(HERE / "worker.py"), tool, str(threads)]
        log = open(WORK / f"{tool}-{threads}.log", "w")
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True)

    def order(self, **order):
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"the worker of {self.tool} has ended: see {WORK}/{self.tool}-{self.threads}.log")
        return json.loads(line)


def lossc(options, case, file, threads):
    """One process of `lossc bench`, confined to as many cores as threads."""
    from data import loss_argument

    command = [options.lossc, "bench", loss_argument(case), "--data", file, "--grad", ",".join(case["gradients"])]
    command += ["--threads", str(threads), "--seconds", str(options.seconds), "--json"]
    command += ["--vectors", "avx2"] if options.avx2 else []
    cores = sorted(os.sched_getaffinity(0))[:threads]
    run = subprocess.run(command, capture_output=True, text=True, preexec_fn=lambda: os.sched_setaffinity(0, cores))
    if run.returncode:
        sys.exit(f"{case['title']}: {run.stderr}")
    return json.loads(run.stdout)


def agree(case, own, name, theirs):
    """Single precision, summed in another order, and by some tools entirely in singles."""
    pairs = [("value", own["value"], theirs["value"])]
    pairs += [(f"gradient by {key}", own["gradient_norms"][key], norm) for key, norm in theirs["norms"].items()]
    for what, ours, other in pairs:
        if not abs(ours - other) <= 2e-3 * abs(ours):
            sys.exit(f"{case['title']}: {what} is {ours} in lossc and {other} in {name}")


def measure(options, case, workers):
    """Rows of one case: threads, tool, whether memory is reused, and all times in µs."""
    import numpy
    from data import make

    file = WORK / "data.npz"
    numpy.savez(file, **make(case))
    for worker in workers:
        worker.order(prepare=case, data=str(file))
    prepared = [(worker, worker.answer()) for worker in workers]
    rows, turns = [], []
    for worker, methods in prepared:
        for name, method in methods.items():
            row = {"threads": worker.threads, "tool": name, "times": [], **method}
            rows.append(row)
            if "error" not in method:
                turns.append((row, worker))
    for threads in options.threads:
        own = lossc(options, case, file, threads)
        for reuses in (False, True):
            rows.append({"threads": threads, "tool": "lossc", "reuses": reuses, "times": [], "value": own["value"]})
        for row in rows:
            if "norms" in row and row["threads"] == threads:
                agree(case, own, row["tool"], row)
    for _ in range(options.rounds):
        for row, worker in turns:
            worker.order(measure=row["tool"], seconds=options.seconds)
            row["times"] += worker.answer()
        for threads in options.threads:
            own = lossc(options, case, file, threads)
            for row in rows:
                if row["tool"] == "lossc" and row["threads"] == threads:
                    found = own["reused" if row["reuses"] else "fresh"]
                    row["times"].append(found["min_us"])
                    row.setdefault("medians", []).append(found["median_us"])
    file.unlink()
    return [summary(case, row) for row in rows]


def summary(case, row):
    kept = {key: row[key] for key in ("threads", "tool", "reuses", "value", "error", "first_call_s") if key in row}
    if row["times"]:
        medians = sorted(row.get("medians", row["times"]))
        kept |= {"min_us": min(row["times"]), "median_us": medians[len(medians) // 2]}
    return {"case": case["name"], "size": case["size"], **kept}


def chosen(options):
    from data import all_cases

    cases = all_cases()
    if options.quick:
        options.rounds, options.seconds = 2, 0.05
        cases = [case for case in cases if case["size"] not in ("2^24", "2048x32000")]
    if options.avx2:
        cases = [case for case in cases if case["name"] not in WITH_PRODUCTS]
    if options.cases:
        cases = [case for case in cases if any(word in case["title"] for word in options.cases)]
    return cases or sys.exit("no such case")


def main():
    options = arguments()
    enter(options.venv)
    from table import printed, written, written_in_short

    if not options.lossc.exists():
        sys.exit(f"there is no {options.lossc}: cargo build --release")
    WORK.mkdir(parents=True, exist_ok=True)
    if options.avx2:
        os.environ.update(CONFINED)
    cases = chosen(options)
    workers = [Worker(tool, threads) for tool in options.tools for threads in options.threads]
    rows, begin = [], time.time()
    for case in cases:
        rows += measure(options, case, workers)
        print(printed(rows, [case]), flush=True)
        results = {"rounds": options.rounds, "seconds": time.time() - begin, "rows": rows}
        (WORK / "results.json").write_text(json.dumps(results, indent=1))
    print(printed(rows, cases, means_only=True))
    print(f"{time.time() - begin:.0f} s, {options.rounds} rounds; all of it in {WORK / 'results.json'}")
    if options.write:
        (written_in_short if options.avx2 else written)(ROOT / "docs", results, cases)


if __name__ == "__main__":
    main()
