"""Runs a command and prints its time and peak memory: bounded.py SECONDS MEGABYTES COMMAND...

Exit status 0 when it ended by itself, with 0 or 1, inside of both.
"""
import resource
import subprocess
import sys
import time

seconds, megabytes, command = float(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]
start = time.monotonic()
try:
    status = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=seconds).returncode
except subprocess.TimeoutExpired:
    print(f"not done after {seconds:.0f} s")
    sys.exit(1)
took = time.monotonic() - start
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
how = {0: "allowed", 1: "refused"}.get(status, f"ended with status {status}")
print(f"{how} in {took:.2f} s with {peak:.0f} MB (at most {seconds:.0f} s, {megabytes:.0f} MB)")
sys.exit(0 if status in (0, 1) and peak <= megabytes else 1)
