"""One peer with a fixed number of threads, in a process of its own: orders on stdin, answers on stdout, as JSON lines.

{"prepare": CASE, "data": FILE} compiles all methods, and answers with value, norms of gradients and compile time of each.
{"measure": METHOD, "seconds": S} answers with the times of single calls in µs.
"""

import gc
import importlib
import json
import os
import sys
import time


def confine(threads):
    """At most as many cores as threads; libraries that ask the system how many there are see these."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(threads)


def times(peer, call, seconds):
    """Of single calls, as many as fit into the time, at least one."""
    # Collecting takes longer than a turn where much is alive: before the clock runs.
    gc.collect()
    gc.disable()
    found, begin = [], time.perf_counter()
    while not found or time.perf_counter() - begin < seconds:
        start = time.perf_counter()
        peer.wait(call())
        found.append((time.perf_counter() - start) * 1e6)
    gc.enable()
    return found


def prepare(peer, order, threads):
    import numpy

    arrays = dict(numpy.load(order["data"]))
    arrays = {name: arrays[name] for name in order["prepare"]["inputs"]}
    methods, answer = peer.methods(order["prepare"], arrays, threads), {}
    for name, (reuses, call) in methods.items():
        begin = time.perf_counter()
        try:
            result = call()
            peer.wait(result)
        except Exception as error:  # A peer that cannot do a case is a line of the table.
            answer[name] = {"error": f"{type(error).__name__}: {error}"[:300]}
            continue
        first = time.perf_counter() - begin
        # The second, because donated memory is that of the call before.
        result = call()
        peer.wait(result)
        value, norms = peer.numbers(result)
        norms = dict(zip(order["prepare"]["gradients"], norms))
        answer[name] = {"reuses": reuses, "value": value, "norms": norms, "first_call_s": first}
    return methods, answer


def main():
    tool, threads = sys.argv[1], int(sys.argv[2])
    confine(threads)
    answers = os.fdopen(os.dup(1), "w")
    # Whatever a library prints goes to stderr.
    os.dup2(2, 1)
    peer = importlib.import_module(f"in_{tool}")
    methods = {}
    for line in sys.stdin:
        order = json.loads(line)
        if "prepare" in order:
            methods = {}
            gc.collect()
            methods, answer = prepare(peer, order, threads)
        else:
            answer = times(peer, methods[order["measure"]][1], order["seconds"])
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
