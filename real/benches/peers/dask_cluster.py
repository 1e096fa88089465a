"""The peer Dask: a scheduler, two worker processes with one thread each; no-ops, a tree of
sums, and 100 MB from worker to worker.

Prints a line when it is ready; then, for each line of its input, one JSON object of the figures
that the line names; an empty one if it has none of them. Not
called `dask.py`: that would hide the package from itself.
"""

import json
import os
import sys
import time

from distributed import Client, LocalCluster, wait


def noop(x):
    return x


def rate(client, tasks):
    start = time.perf_counter()
    results = client.gather(client.map(noop, range(tasks), pure=False))
    elapsed = time.perf_counter() - start
    assert results == list(range(tasks))
    return tasks / elapsed


def latencies(client, probes):
    times = []
    for i in range(probes):
        start = time.perf_counter()
        assert client.submit(noop, i, pure=False).result() == i
        times.append((time.perf_counter() - start) * 1e6)
    return sorted(times)


def bandwidth(client, nbytes):
    one, other = client.scheduler_info()["workers"]
    made = client.submit(os.urandom, nbytes, workers=[one], pure=False)
    wait(made)
    start = time.perf_counter()
    assert client.submit(len, made, workers=[other], pure=False).result() == nbytes
    return nbytes / (time.perf_counter() - start) / 1e9


def add(a, b):
    return a + b


def tree(client, leaves):
    start = time.perf_counter()
    graph = {("sum", 0, i): (noop, i) for i in range(leaves)}
    height = leaves.bit_length() - 1
    for level in range(1, height + 1):
        for i in range(leaves >> level):
            inputs = ("sum", level - 1, 2 * i), ("sum", level - 1, 2 * i + 1)
            graph["sum", level, i] = (add, *inputs)
    assert client.get(graph, ("sum", height, 0)) == leaves * (leaves - 1) // 2
    return (2 * leaves - 1) / (time.perf_counter() - start)


def measure(client, what):
    if what == "tasks":
        return {"tasks_per_s": rate(client, 1_000)}
    if what == "latency":
        times = latencies(client, 50)
        p50, p99 = times[len(times) // 2], times[len(times) * 99 // 100]
        return {"p50_us": p50, "p99_us": p99}
    if what == "bytes":
        return {"gb_per_s": bandwidth(client, 100_000_000)}
    if what == "tree":
        return {"tree_tasks_per_s": tree(client, 4_096)}
    return {}


def main():
    with (
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            silence_logs=50,
        ) as cluster,
        Client(cluster) as client,
    ):
        rate(client, 10)
        print("{}", flush=True)
        for line in sys.stdin:
            print(json.dumps(measure(client, line.strip())), flush=True)


if __name__ == "__main__":
    main()
