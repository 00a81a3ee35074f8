"""reload.py URI SESSIONS RELOADS PID POLICY VARIANT...: so many busy sessions of an agent while its policy is reloaded.

The sessions run statements by Query, extended messages and named statements, on the tables of shop.sql. POLICY, which the
pgchaperone PID reads at SIGHUP, becomes one VARIANT after the other, and each is in force before the next one comes. Prints what
ran; exit status 1 if a session was dropped, or got an answer that is no answer.
"""
import os
import random
import shutil
import signal
import sys
import threading
import time
from collections import Counter

from wire import SYNC, Closed, Wire, bind, execute, fields, parse, query

uri, sessions, reloads, pid, policy = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
variants = sys.argv[6:]
STATEMENTS = [
    "SELECT 1",
    "SELECT id, status FROM tickets",
    "SELECT id, subject FROM tickets WHERE status = 'open'",
    "SELECT * FROM tickets",
    "SELECT count(*) FROM tickets",
    "SELECT name FROM customers",
    "SELECT name, email FROM customers ORDER BY email",
    "SELECT c.name, t.status FROM customers c JOIN tickets t ON t.customer_id = c.id",
    "SELECT ssn FROM customers",
    "SELECT * FROM salaries",
    "SELECT nothing FROM tickets",
    "UPDATE tickets SET status = 'waiting' WHERE id = 2",
    "UPDATE tickets SET status = 'open' WHERE id = 1 RETURNING id",
    "UPDATE tickets SET status = 'open'",
    "UPDATE tickets SET subject = 'x' WHERE id = 1",
    "DELETE FROM notes WHERE body = 'nothing'",
    "DELETE FROM customers",
    "SELECT body FROM notes LIMIT 3",
    "WITH o AS (SELECT * FROM tickets WHERE status = 'open') SELECT o.id FROM o",
    "SELECT relname FROM pg_class WHERE relname = 'tickets'",
    "SELECT query_to_xml('SELECT 1', true, true, '')",
    "SHOW timezone",
    "SET statement_timeout = '20s'",
    "DROP TABLE notes",
]
# What an error may say: a denial, a name that is not there, and that a statement has to be prepared again under the new policy. A
# lock that two UPDATEs want both ways is PostgreSQL's own.
EXPECTED = {"42501", "42703", "42P01", "26000", "40P01"}
counts, lock, over = Counter(), threading.Lock(), threading.Event()
wrong = []


def judge(got, what, own):
    errors = [fields(body) for kind, body in got if kind == "E"]
    if not got or got[-1][0] != "Z":
        raise Closed({"M": f"{what}: {[kind for kind, _ in got]} {errors}"})
    for error in errors:
        own["refused"] += 1
        if error["C"] not in EXPECTED:
            with lock:
                wrong.append(f"{what}: {error['C']} {error['M']}")
    own["statements"] += 1


def run(number):
    choose = random.Random(number)
    own, names, made = Counter(), {}, 0
    try:
        w = Wire(uri, timeout=30)
        while not over.is_set():
            sql, way = choose.choice(STATEMENTS), choose.randrange(4)
            if way == 0:
                judge(w.ask(query(sql)), sql, own)
            elif way == 1:
                judge(w.ask(parse(sql) + bind() + execute() + SYNC), sql, own)
            elif way == 2:
                made += 1
                messages = b"" if sql in names else parse(sql, f"s{made}")
                name = names.get(sql, f"s{made}")
                got = w.ask(messages + bind(name) + execute() + SYNC)
                if messages and any(kind == "1" for kind, _ in got):
                    names[sql] = name
                if any(kind == "E" and fields(body)["C"] == "26000" for kind, body in got):
                    names.pop(sql, None)  # the rules have changed since: prepare it again
                judge(got, sql, own)
            else:
                judge(w.ask(query("BEGIN")), "BEGIN", own)
                judge(w.ask(query(sql)), sql, own)
                judge(w.ask(query("ROLLBACK")), "ROLLBACK", own)
            time.sleep(choose.random() / 50)
        w.end()
        own["sessions that lived"] += 1
    except (Closed, OSError) as e:
        with lock:
            wrong.append(f"session {number} is gone: {e!r}")
    with lock:
        counts.update(own)


def in_force(variant):
    """A statement that the first line of each variant names is allowed under it alone."""
    with open(variant, encoding="utf-8") as file:
        marker = file.readline().split("only here: ")[1].strip()
    for _ in range(200):
        w = Wire(uri)
        kinds = [kind for kind, _ in w.ask(query(marker))]
        w.end()
        if "E" not in kinds:
            return True
        time.sleep(0.02)
    return False


threads = [threading.Thread(target=run, args=(i,)) for i in range(sessions)]
for thread in threads:
    thread.start()
for i in range(reloads):
    variant = variants[i % len(variants)]
    shutil.copy(variant, policy + ".new")
    os.rename(policy + ".new", policy)
    os.kill(pid, signal.SIGHUP)
    if not in_force(variant):
        wrong.append(f"{variant} does not come into force")
        break
over.set()
for thread in threads:
    thread.join()
for line in wrong[:20]:
    print(line)
print(f"{counts['statements']} statements, {counts['refused']} refused; {counts['sessions that lived']} of {sessions} sessions lived")
sys.exit(bool(wrong) or counts["sessions that lived"] != sessions)
