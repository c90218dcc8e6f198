"""Freed large blocks go back to the system, also with small lasting ones between them."""

import subprocess
import sys

import pytest

PROGRAM = """
import gc, sys
import psutil
from chargewright.csms.allocator import return_large_blocks
told = return_large_blocks() if sys.argv[1] == "told" else None
process = psutil.Process()
def churn():
    lasting = []
    for _ in range(400):
        block = bytearray(200 * 1024)
        block[::4096] = b"x" * len(block[::4096])
        lasting.append((block, bytearray(3000)))
    kept = [small for _, small in lasting]
    del lasting, block
    gc.collect()
    return kept
churn()  # what glibc learns here, it does for ever unless told otherwise
before = process.memory_info().rss
kept = churn()
print((process.memory_info().rss - before) // 1024, told)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc has to be told")
def test_what_was_freed_is_not_held() -> None:
    shown = subprocess.run(
        [sys.executable, "-c", PROGRAM, "told"], capture_output=True, text=True, check=True, timeout=60
    )
    growth_kib, told = shown.stdout.split()
    assert told == "True"
    assert int(growth_kib) < 16 * 1024  # of 80 MiB that were used and freed
