"""psycopg2_client.py URI: what psycopg2 does, as a transcript that is the same on every connection to one database."""
import io
import select
import sys
import threading
import time

import psycopg2
import psycopg2.extras

uri = sys.argv[1]


def show(what, value=""):
    print(f"{what}: {value}", flush=True)


def refused(what, call, *arguments):
    try:
        call(*arguments)
    except psycopg2.Error as e:
        show(what, [type(e).__name__, e.pgcode, e.pgerror, e.diag.context, e.diag.constraint_name])
    else:
        show(what, "no error")


def basics(c):
    cur = c.cursor()
    show("parameters", [c.get_parameter_status(n) for n in ("server_version", "client_encoding", "DateStyle", "TimeZone")])
    cur.execute("SELECT pg_backend_pid()")
    show("same process", cur.fetchone()[0] == c.info.backend_pid)
    cur.execute("DROP SCHEMA IF EXISTS client_psycopg2 CASCADE; CREATE SCHEMA client_psycopg2; SET search_path = client_psycopg2")
    cur.execute("CREATE TABLE t (id serial PRIMARY KEY, s text, n numeric)")
    psycopg2.extras.execute_values(cur, "INSERT INTO t (s, n) VALUES %s RETURNING id", [(f"s{i}", i) for i in range(250)], page_size=100)
    show("page", len(cur.fetchall()))
    psycopg2.extras.execute_batch(cur, "UPDATE t SET n = n + %s WHERE id = %s", [(1, i) for i in range(1, 120)])
    cur.execute("SELECT count(*), sum(n) FROM t WHERE s LIKE %s", ("s1%",))
    show("sums", cur.fetchone())
    c.commit()
    cur = c.cursor(cursor_factory=psycopg2.extras.RealDictCursor)
    cur.execute("SELECT * FROM t WHERE id < 3 ORDER BY id")
    show("dictionaries", cur.fetchall())
    cur.execute("DO $$ BEGIN RAISE NOTICE 'heard'; END $$")
    show("notices", c.notices)
    c.rollback()


def errors(c):
    cur = c.cursor()
    refused("syntax", cur.execute, "SELEC 1")
    refused("failed transaction", cur.execute, "SELECT 1")
    c.rollback()
    refused("unique", cur.execute, "INSERT INTO client_psycopg2.t (id) VALUES (1)")
    show("status", c.get_transaction_status() == psycopg2.extensions.TRANSACTION_STATUS_INERROR)
    c.rollback()
    refused("empty", cur.execute, "")
    c.rollback()


def cursors(c):
    cur = c.cursor("named", scrollable=True)
    cur.itersize = 7
    cur.execute("SELECT generate_series(1, 20)")
    show("named", [r[0] for r in cur])
    cur.scroll(0, mode="absolute")
    show("again", cur.fetchmany(2))
    cur.close()
    c.commit()


def copies(c):
    cur = c.cursor()
    cur.execute("CREATE TEMP TABLE k (a int, b text)")
    cur.copy_from(io.StringIO("".join(f"{i}\tv{i}\n" for i in range(3000))), "k")
    out = io.StringIO()
    cur.copy_expert("COPY (SELECT * FROM k WHERE a < 3 ORDER BY a) TO STDOUT WITH CSV HEADER", out)
    show("csv", repr(out.getvalue()))
    cur.execute("SELECT count(*), sum(a) FROM k")
    show("sums", cur.fetchone())
    c.commit()

    class Breaks(io.StringIO):
        def read(self, _=-1):
            raise RuntimeError("the client gives up")
    refused("given up", cur.copy_from, Breaks(), "k")
    c.rollback()
    cur.execute("SELECT count(*) FROM k")
    show("usable", cur.fetchone())
    c.commit()


def large_objects(c):
    # The fast path: FunctionCall messages.
    o = c.lobject(0, "wb")
    show("written", [o.write(b"\x00\x01" * 50000), o.tell()])
    number = o.oid
    o.close()
    o = c.lobject(number, "rb")
    o.seek(99990)
    show("read", o.read())
    o.close()
    o = c.lobject(number, "rw")
    o.truncate(10)
    o.seek(0)
    show("truncated", len(o.read()))
    o.unlink()
    refused("gone", c.lobject, number)
    c.rollback()


def notifications(c):
    c.autocommit = True
    cur = c.cursor()
    cur.execute("LISTEN news")
    other = psycopg2.connect(uri)
    other.autocommit = True
    other.cursor().execute("NOTIFY news, 'from the other'")
    show("readable", bool(select.select([c], [], [], 10)[0]))
    c.poll()
    show("heard", [(n.channel, n.payload, n.pid == other.info.backend_pid) for n in c.notifies])
    other.close()


def cancels(c):
    def cancel():
        time.sleep(0.3)
        c.cancel()
    for _ in range(2):
        thread = threading.Thread(target=cancel)
        thread.start()
        refused("cancelled", c.cursor().execute, "SELECT pg_sleep(60)")
        thread.join()
    cur = c.cursor()
    cur.execute("SELECT 1")
    show("usable", cur.fetchone())
    c.autocommit = False


def large(c):
    cur = c.cursor()
    value = "0123456789" * 500_000
    cur.execute("SELECT %s", (value,))
    show("there and back", cur.fetchone()[0] == value)
    cur.execute("DROP SCHEMA client_psycopg2 CASCADE")
    c.commit()


connection = psycopg2.connect(uri)
for part in (basics, errors, cursors, copies, large_objects, notifications, cancels, large):
    print("==", part.__name__)
    part(connection)
connection.close()
