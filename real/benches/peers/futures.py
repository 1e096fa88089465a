"""The peer `ProcessPoolExecutor`: two processes, no-ops.

Prints a line when it is ready; then, for each line of its input, one JSON object of the figures
that the line names; an empty one if it has none of them.
"""

import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor


def noop(x):
    return x


def rate(pool, tasks):
    start = time.perf_counter()
    futures = [pool.submit(noop, i) for i in range(tasks)]
    assert [future.result() for future in futures] == list(range(tasks))
    return tasks / (time.perf_counter() - start)


def latencies(pool, probes):
    times = []
    for i in range(probes):
        start = time.perf_counter()
        assert pool.submit(noop, i).result() == i
        times.append((time.perf_counter() - start) * 1e6)
    return sorted(times)


def measure(pool, what):
    if what == "tasks":
        return {"tasks_per_s": rate(pool, 5_000)}
    if what == "latency":
        times = latencies(pool, 200)
        p50, p99 = times[len(times) // 2], times[len(times) * 99 // 100]
        return {"p50_us": p50, "p99_us": p99}
    return {}


def main():
    with ProcessPoolExecutor(2) as pool:
        rate(pool, 100)
        print("{}", flush=True)
        for line in sys.stdin:
            print(json.dumps(measure(pool, line.strip())), flush=True)


if __name__ == "__main__":
    main()
