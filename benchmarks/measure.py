"""Time and memory of workloads."""

from __future__ import annotations

import gc
import os
import re
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
import torch
from arithmetic import synchronise
from poses import pose_errors
from tqdm import tqdm
from workloads import Workload, prepare

LARGE_BLOCK = 7_500_000
"""Numbers in 30 MB, just below the size above which glibc returns every block at once."""

MIN_REPEATS = 3
"""However slow a solver is."""

STATUS = Path("/proc/self/status")
"""What Linux says of a process, its peak memory for one."""


@dataclass(frozen=True)
class Timing:
    """How long a workload took, and how well it solved.

    Attributes:
        first: seconds of the first call, which compiles what is not compiled yet.
        median: seconds of a later call.
        least: seconds of the fastest later call.
        repeats: number of calls in the median.
        translation_error: median in metres.
        rotation_error: median in degrees.
    """

    first: float
    median: float
    least: float
    repeats: int
    translation_error: float
    rotation_error: float


def set_threads(count: int) -> None:
    """Use that many threads in PyTorch and in OpenCV."""
    torch.set_num_threads(count)
    cv2.setNumThreads(count)


def time_interleaved(
    workloads: Iterable[Workload], repeats: int, max_seconds: float
) -> dict[Workload, Timing]:
    """Call all workloads in turn, again and again, so that noise of the machine hits all equally.

    Args:
        workloads: what to call.
        repeats: timed calls of each, after two that warm up.
        max_seconds: a workload that would take longer in all is called less often.
    """
    # The C library keeps freed memory for reuse only up to twice the largest block that was ever
    # freed. In a process that trains or runs a network that has happened before.
    torch.zeros(LARGE_BLOCK)
    calls, first, errors, planned = {}, {}, {}, {}
    for workload in tqdm(list(workloads), desc="warm-up"):
        calls[workload], true_pose = prepare(workload)
        first[workload] = _seconds(workload, calls[workload])
        begin = time.perf_counter()
        errors[workload] = map(np.median, pose_errors(calls[workload](), true_pose))
        affordable = int(max_seconds / (time.perf_counter() - begin))
        planned[workload] = min(repeats, max(affordable, MIN_REPEATS))

    seconds = {workload: [] for workload in calls}
    with tqdm(total=sum(planned.values()), desc="timing") as bar:
        for turn in range(repeats):
            for workload, call in calls.items():
                # The few calls of a slow one are spread over the run.
                if turn * planned[workload] % repeats < planned[workload]:
                    seconds[workload].append(_seconds(workload, call))
                    bar.update()
    return {
        w: Timing(first[w], float(np.median(taken)), min(taken), len(taken), *errors[w])
        for w, taken in seconds.items()
    }


def measure_memory(workloads: Iterable[Workload], threads: int) -> dict[Workload, float]:
    """Peak extra memory of one call of each workload, in MB (10^6 bytes), in a process of its own.

    On the CPU it is the growth of the resident set, NaN where the system is not Linux; the workload
    has been called before, so that neither its inputs nor libraries nor compilation count. On a
    GPU: of the allocated memory.
    """
    # Otherwise glibc would keep large blocks that the first calls have freed, and reuse them.
    os.environ.setdefault("MALLOC_MMAP_THRESHOLD_", str(2**17))
    found = {}
    for workload in tqdm(list(workloads), desc="memory"):
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:  # one for each
            found[workload] = pool.submit(_peak_memory, workload, threads).result()
    return found


def _seconds(workload: Workload, call: Callable[[], object]) -> float:
    synchronise(workload.device)
    begin = time.perf_counter()
    call()
    synchronise(workload.device)
    return time.perf_counter() - begin


def peak_growth(call: Callable[[], object], device: str = "cpu") -> float:
    """MB by which a call makes the memory in use grow at most; see ``measure_memory``."""
    gc.collect()
    if device != "cpu":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        call()
        return (torch.cuda.max_memory_allocated() - before) / 1e6
    if not STATUS.exists():
        return float("nan")
    STATUS.with_name("clear_refs").write_text("5")  # forget the earlier peak
    before = _peak_resident()
    call()
    return (_peak_resident() - before) / 1e6


def _peak_memory(workload: Workload, threads: int) -> float:
    set_threads(threads)
    call, _ = prepare(workload)
    call()
    return peak_growth(call, workload.device)


def _peak_resident() -> int:
    """Bytes. Of getrusage's ru_maxrss no use can be made: it begins at the parent's memory."""
    return 1024 * int(re.search(r"VmHWM:\s*(\d+) kB", STATUS.read_text())[1])
