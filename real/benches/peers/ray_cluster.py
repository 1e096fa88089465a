"""The peer Ray: two worker processes on this machine; no-ops.

Prints a line when it is ready; then, for each line of its input, one JSON object of the figures
that the line names; an empty one if it has none of them.
"""

import json
import logging
import sys
import time

import ray


@ray.remote
def noop(x):
    return x


@ray.remote
def add(a, b):
    return a + b


def rate(tasks):
    start = time.perf_counter()
    assert ray.get([noop.remote(i) for i in range(tasks)]) == list(range(tasks))
    return tasks / (time.perf_counter() - start)


def latencies(probes):
    times = []
    for i in range(probes):
        start = time.perf_counter()
        assert ray.get(noop.remote(i)) == i
        times.append((time.perf_counter() - start) * 1e6)
    return sorted(times)


def tree(leaves):
    start = time.perf_counter()
    level = [noop.remote(i) for i in range(leaves)]
    while len(level) > 1:
        level = [add.remote(a, b) for a, b in zip(level[::2], level[1::2])]
    assert ray.get(level[0]) == leaves * (leaves - 1) // 2
    return (2 * leaves - 1) / (time.perf_counter() - start)


def measure(what):
    if what == "tasks":
        return {"tasks_per_s": rate(2_000)}
    if what == "latency":
        times = latencies(100)
        p50, p99 = times[len(times) // 2], times[len(times) * 99 // 100]
        return {"p50_us": p50, "p99_us": p99}
    if what == "tree":
        return {"tree_tasks_per_s": tree(1_024)}
    return {}


def main():
    ray.init(
        num_cpus=2, include_dashboard=False, logging_level=logging.ERROR, log_to_driver=False
    )
    rate(100)
    print("{}", flush=True)
    for line in sys.stdin:
        print(json.dumps(measure(line.strip())), flush=True)
    ray.shutdown()


if __name__ == "__main__":
    main()
