"""Run one method on one size in a separate process; started by ``selection.py``.

    python benchmarks/selection_run.py '{"workload": "k-center", "method": "textbook", ...}'

Prints one line of JSON: the measurements, or the reason for the failure. A run that exceeds its CPU
time is killed by its own alarm, whatever code it is in; one that requests too much memory fails.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import resource
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from selection_workloads import WORKLOADS, Arrays, Size

TINY = Size(300, 5, D=16, C=4, A=10, K=6)


def cpu_seconds() -> float:
    """CPU seconds of all threads; time.process_time() is too coarse while the alarm is set."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def reset_peak_memory() -> None:
    with contextlib.suppress(OSError):  # other systems report the peak of the whole process
        Path("/proc/self/clear_refs").write_text("5")


def memory(field: str) -> float:
    """Bytes in a field of /proc/self/status (VmHWM: peak, VmRSS: now, VmSize: address space)."""
    try:
        status = Path("/proc/self/status").read_text()
        return 1024.0 * int(status.split(f"{field}:")[1].split()[0])
    except OSError:
        return 1024.0 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def limit_memory(gigabytes: float) -> None:
    """Allow this much address space beyond the current size."""
    if gigabytes:
        _, most = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (int(memory("VmSize") + gigabytes * 1e9), most))


def measure(task: dict[str, Any]) -> dict[str, Any]:
    workload, size = WORKLOADS[task["workload"]], Size(**task["size"])
    try:
        module = importlib.import_module(f"selection_{task['library']}")
        method = module.METHODS[task["workload"]][task["method"]]
        axes = {name: vars(TINY)[name] * (vars(size)[name] > 0) for name in "DCK"}
        tiny = Arrays.make(replace(TINY, **axes))
        method(tiny.unit() if workload.unit else tiny, TINY.n)()
    except ImportError as error:
        return {"status": f"not installed ({error.name})"}
    arrays = Arrays.load(Path(task["folder"]), size.A)
    result: dict[str, Any] = {"status": "ok", "seconds": [], "cpu_seconds": []}
    picks = np.empty(0, int)
    limit_memory(task["memory_gb"])
    for repeat in range(task["repeat"]):
        work = method(arrays, size.n)
        reset_peak_memory()
        before = memory("VmRSS")
        signal.setitimer(signal.ITIMER_PROF, task["timeout"] * task["threads"])
        wall, cpu = time.perf_counter(), cpu_seconds()
        picks = work()
        result["cpu_seconds"].append(cpu_seconds() - cpu)
        result["seconds"].append(time.perf_counter() - wall)
        signal.setitimer(signal.ITIMER_PROF, 0)
        if not repeat:  # later repeats reuse the memory that the first one freed
            result["megabytes"] = (memory("VmHWM") - before) / 1e6
    picks = np.asarray(picks).astype(np.int64)
    result["picks"] = picks.tolist()
    result["distinct"] = len(np.unique(picks))
    result["objective"] = workload.objective(arrays, picks)
    return result


def main(line: str, measure: Callable[[dict[str, Any]], dict[str, Any]] = measure) -> None:
    task = json.loads(line)
    np.random.seed(0)  # noqa: NPY002  small-text draws from numpy's global state
    torch.set_num_threads(task["threads"])
    try:
        result = measure(task)
    except Exception as error:
        words = f"{type(error).__name__}: {error}".split("\n")[0]
        asked = ("memory", "alloc", "MemoryError")
        ran_out = any(word in words for word in asked)
        result = {"status": "out of memory" if ran_out else "failed", "error": words[:300]}
    print(json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1])
