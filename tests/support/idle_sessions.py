"""idle_sessions.py URI COUNT: opens COUNT sessions, each having run a statement, says "open" and holds them until its
standard input ends. Every one must answer once more before it closes."""
import resource
import sys
from concurrent.futures import ThreadPoolExecutor

import psycopg

uri, count = sys.argv[1], int(sys.argv[2])
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, count + 100)), hard))


def open_one(_):
    c = psycopg.connect(uri, autocommit=True, connect_timeout=60)
    c.execute("SELECT 1").fetchone()
    return c


with ThreadPoolExecutor(8) as threads:
    sessions = list(threads.map(open_one, range(count)))
print("open", len(sessions), flush=True)
sys.stdin.read()
answers = sum(c.execute("SELECT 1").fetchone()[0] for c in sessions)
print("answer", answers, flush=True)
sys.exit(answers != count)
