"""psycopg2_client.py URI: what psycopg2 does with shop.sql's items, as a transcript that is the same on every connection."""
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
    psycopg2.extras.execute_values(cur, "INSERT INTO items (name, price) VALUES %s RETURNING name",
                                   [(f"s{i}", i) for i in range(250)], page_size=100)
    show("page", len(cur.fetchall()))
    psycopg2.extras.execute_batch(cur, "UPDATE items SET price = price + %s WHERE name = %s", [(1, f"s{i}") for i in range(1, 120)])
    cur.execute("SELECT count(*), sum(price) FROM items WHERE name LIKE %s", ("s1%",))
    show("sums", cur.fetchone())
    c.commit()
    cur = c.cursor(cursor_factory=psycopg2.extras.RealDictCursor)
    cur.execute("SELECT name, price, made FROM items WHERE name IN %s ORDER BY name", (("s1", "s2"),))
    show("dictionaries", cur.fetchall())
    cur.execute("SELECT say('heard')")
    show("notices", c.notices)
    c.rollback()


def errors(c):
    cur = c.cursor()
    refused("syntax", cur.execute, "SELEC 1")
    refused("failed transaction", cur.execute, "SELECT 1")
    c.rollback()
    refused("unique", cur.execute, "INSERT INTO items (name) VALUES ('s1')")
    show("status", c.get_transaction_status() == psycopg2.extensions.TRANSACTION_STATUS_INERROR)
    c.rollback()
    refused("empty", cur.execute, "")
    c.rollback()
    c.set_session(isolation_level="SERIALIZABLE", readonly=True)
    refused("read only", cur.execute, "DELETE FROM items")
    c.rollback()
    c.set_session(isolation_level="DEFAULT", readonly="DEFAULT")


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
    cur.copy_from(io.StringIO("".join(f"{i}\tv{i}\n" for i in range(3000))), "lines")
    out = io.StringIO()
    cur.copy_expert("COPY (SELECT * FROM lines WHERE a < 3 ORDER BY a) TO STDOUT WITH CSV HEADER", out)
    show("csv", repr(out.getvalue()))
    out = io.StringIO()
    cur.copy_to(out, "lines", columns=("a",))
    show("whole", len(out.getvalue()))
    cur.execute("SELECT count(*), sum(a) FROM lines")
    show("sums", cur.fetchone())
    c.rollback()

    class Breaks(io.StringIO):
        def read(self, _=-1):
            raise RuntimeError("the client gives up")
    refused("given up", cur.copy_from, Breaks(), "lines")
    c.rollback()
    cur.execute("SELECT count(*) FROM lines")
    show("usable", cur.fetchone())
    c.commit()


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
    cur.execute("DELETE FROM items")
    show("deleted", cur.rowcount)


connection = psycopg2.connect(uri)
for part in (basics, errors, cursors, copies, notifications, cancels):
    print("==", part.__name__)
    part(connection)
connection.close()
