"""psycopg3.py URI: what psycopg 3 does with shop.sql's items, as a transcript that is the same on every connection."""
import asyncio
import datetime
import decimal
import logging
import sys
import threading
import time

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

uri = sys.argv[1]
logging.disable()  # a pipeline that fails may or may not have something left to warn of


def show(what, value=""):
    print(f"{what}: {value}", flush=True)


def refused(what, call, *arguments, **named):
    """Shows the error that the call must end with, in full."""
    try:
        call(*arguments, **named)
    except psycopg.Error as e:
        d = e.diag
        show(what, [type(e).__name__, d.severity, d.sqlstate, d.message_primary, d.message_detail, d.message_hint,
                    d.statement_position, d.table_name, d.constraint_name, d.source_function])
    else:
        show(what, "no error")


def basics():
    with psycopg.connect(uri) as c:
        notices = []
        c.add_notice_handler(lambda d: notices.append((d.severity, d.sqlstate, d.message_primary)))
        show("parameters", [c.info.parameter_status(n) for n in
                            ("server_version", "client_encoding", "DateStyle", "integer_datetimes", "is_superuser",
                             "standard_conforming_strings", "TimeZone", "in_hot_standby", "default_transaction_read_only")])
        show("same process", c.info.backend_pid == c.execute("SELECT pg_backend_pid()").fetchone()[0])
        cur = c.cursor()
        cur.executemany("INSERT INTO items (price, name, raw, data, tags, made, feels) VALUES (%s, %s, %s, %s, %s, %s, %s) "
                        "RETURNING name", [
            (decimal.Decimal("1.5"), "one", b"\x00\xff", Jsonb({"k": [1]}), ["a", "b"],
             datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc), "ok"),
            (None, "two", None, None, None, None, None),
            (decimal.Decimal("3"), "zwölf", b"", Jsonb(None), [],
             datetime.datetime(1999, 12, 31, tzinfo=datetime.timezone.utc), "sad")], returning=True)
        while True:
            show("returning", cur.fetchone())
            if not cur.nextset():
                break
        show("status", cur.statusmessage)
        for binary in (False, True):
            cur = c.cursor(binary=binary, row_factory=dict_row)
            show(f"rows, binary {binary}",
                 cur.execute("SELECT name, price, tags, data, feels, raw, made FROM items ORDER BY name").fetchall())
            show("description", [(d.name, d.type_code if d.name != "feels" else "mood", d.precision, d.scale) for d in cur.description])
        show("several statements", [r.statusmessage for r in [c.execute("SELECT 1; SELECT 2 WHERE false; UPDATE items SET price = 0")]])
        c.rollback()
        show("after rollback", c.execute("SELECT count(*) FROM items").fetchone())
        c.execute("SELECT say('careful')")
        show("notices", notices)
        show("empty", c.execute("").statusmessage)
        show("function", c.execute("SELECT %s::int + %s, %s::text", [1, 2, "x"]).fetchone())


def errors():
    with psycopg.connect(uri, autocommit=True) as c:
        refused("syntax", c.execute, "SELEC 1")
        refused("type", c.execute, "SELECT %s::int", ["ä"])
        refused("division", c.execute, "SELECT 1 / %s", [0])
        refused("check", c.execute, "INSERT INTO items (id, name, price) VALUES (-1, 'ä', %s)", [-1])
        refused("position", c.execute, "SELECT 'ääää', 'x'::int")
        with c.transaction():
            try:
                with c.transaction():
                    c.execute("INSERT INTO items (name) VALUES ('twice')")
                    c.execute("INSERT INTO items (name) VALUES ('twice')")
            except psycopg.errors.UniqueViolation as e:
                show("nested", e.diag.constraint_name)
            show("kept", c.execute("SELECT count(*) FROM items").fetchone())
        show("status", c.info.transaction_status.name)
        c.autocommit = False
        refused("fails", c.execute, "SELECT 1/0")
        show("status", c.info.transaction_status.name)
        refused("in a failed transaction", c.execute, "SELECT 1")
        c.rollback()
        show("status", c.info.transaction_status.name)
        c.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
        c.read_only = True
        show("isolation", c.execute("SHOW transaction_isolation").fetchone())
        refused("read only", c.execute, "INSERT INTO items (name) VALUES ('read only')")


def prepared():
    with psycopg.connect(uri, autocommit=True) as c:
        c.prepare_threshold = 2
        for i in range(6):
            show("run", c.execute("SELECT %s::int * 2 FROM generate_series(1, 2)", [i]).fetchone())
        show("at once", c.execute("SELECT %s::text || '!'", ["now"], prepare=True).fetchone())
        c.execute("DEALLOCATE ALL")
        refused("after DEALLOCATE ALL", c.execute, "SELECT %s::text || '!'", ["again"], prepare=True)
    with psycopg.connect(uri, autocommit=True) as c:
        c.prepared_max = 1
        show("evicted", [c.execute(f"SELECT {i}, %s::int", [i], prepare=True).fetchone() for i in range(4)])


def cursors():
    with psycopg.connect(uri) as c:
        with c.cursor("named", scrollable=True) as cur:
            cur.execute("SELECT g FROM generate_series(1, 10) g")
            show("fetch", [cur.fetchone(), cur.fetchmany(3)])
            cur.scroll(-2)
            show("scrolled", cur.fetchall())
        with c.cursor("holds", withhold=True) as cur:
            cur.execute("SELECT g FROM generate_series(1, 250) g")
            c.commit()
            cur.itersize = 50
            show("over the commit", sum(r[0] for r in cur))
        client = psycopg.ClientCursor(c)
        show("client side", client.execute("SELECT %s, %s", ["it's \\ here", 3]).fetchone())
        show("row by row", sum(r[0] for r in c.cursor().stream("SELECT generate_series(1, %s)", [1000])))


def copy():
    with psycopg.connect(uri) as c:
        with c.cursor().copy("COPY lines FROM STDIN") as k:
            for i in range(5000):
                k.write_row((i, None if i % 7 == 0 else "x" * (i % 50)))
        show("in", c.execute("SELECT count(*), sum(a), sum(length(b)) FROM lines").fetchone())
        with c.cursor().copy("COPY lines FROM STDIN (FORMAT binary)") as k:
            k.set_types(["int4", "text"])
            k.write_row((-1, "binary"))
        with c.cursor().copy("COPY (SELECT * FROM lines WHERE a < 3 ORDER BY a) TO STDOUT") as k:
            show("out", list(k.rows()))
        with c.cursor().copy("COPY (SELECT a FROM lines ORDER BY a LIMIT 3) TO STDOUT (FORMAT binary)") as k:
            k.set_types(["int4"])
            show("binary out", list(k.rows()))
        c.rollback()
        try:
            with c.cursor().copy("COPY lines FROM STDIN") as k:
                k.write("1\tgood\n")
                raise RuntimeError("the client gives up")
        except RuntimeError as e:
            show("given up", e)
        except psycopg.Error as e:
            show("given up", e.diag.message_primary)
        c.rollback()

        def broken():
            with c.cursor().copy("COPY lines FROM STDIN") as k:
                k.write("broken\n" * 100000)
        refused("bad data", broken)
        c.rollback()
        show("usable", c.execute("SELECT 1").fetchone())


def pipeline():
    with psycopg.connect(uri, autocommit=True) as c:
        with c.pipeline() as p:
            cursors_ = [c.execute("SELECT %s::int", [i]) for i in range(20)]
            p.sync()
            show("pipelined", [r.fetchone()[0] for r in cursors_])

        def fails():
            with c.pipeline():
                c.execute("INSERT INTO items (name) VALUES ('pipe')")
                c.execute("INSERT INTO items (name) VALUES ('pipe')")
                c.execute("INSERT INTO items (name) VALUES ('line')")
        refused("pipeline that fails", fails)
        show("rolled back", c.execute("SELECT count(*) FROM items").fetchone())

        def segment_fails():  # at which call the error comes out is a matter of time
            with c.pipeline() as p:
                c.execute("INSERT INTO items (name) VALUES ('pipe')")
                p.sync()
                c.execute("SELECT 1/0")
                c.execute("SELECT 2")
        refused("segment", segment_fails)
        show("kept", c.execute("SELECT count(*) FROM items").fetchone())
        with c.pipeline(), c.transaction():
            cur = c.cursor()
            cur.executemany("INSERT INTO items (name) VALUES (%s)", [(f"i{i}",) for i in range(10, 200)])
        show("executemany", c.execute("SELECT count(*) FROM items").fetchone())


def notifications_and_cancel():
    with psycopg.connect(uri, autocommit=True) as c, psycopg.connect(uri, autocommit=True) as other:
        c.execute("LISTEN news")
        other.execute("NOTIFY news, 'a payload'")
        heard = next(c.notifies())
        show("heard", [heard.channel, heard.payload, heard.pid == other.info.backend_pid])
        for _ in range(2):
            thread = threading.Thread(target=lambda: (time.sleep(0.5), c.cancel()))
            thread.start()
            refused("cancelled", c.execute, "SELECT pg_sleep(60)")
            thread.join()
            show("usable", c.execute("SELECT 1").fetchone())


async def asynchronous():
    async with await psycopg.AsyncConnection.connect(uri, autocommit=True) as c:
        async with c.cursor("async_named", withhold=True) as cur:
            await cur.execute("SELECT g FROM generate_series(1, 5) g")
            show("async cursor", await cur.fetchall())
        async with c.cursor().copy("COPY (SELECT generate_series(1, 3)) TO STDOUT") as k:
            show("async copy", [bytes(d) async for d in k])

    async def one(i):
        async with await psycopg.AsyncConnection.connect(uri) as c:
            cur = await c.execute("SELECT %s::int, pg_sleep(0.01)", [i])
            return (await cur.fetchone())[0]
    show("at once", await asyncio.gather(*[one(i) for i in range(10)]))


def large():
    with psycopg.connect(uri) as c:
        value = "0123456789" * 500_000
        show("there and back", c.execute("SELECT %s", [value]).fetchone()[0] == value)
        show("bytes", c.execute("SELECT md5(%b::bytea), length(%b)", [b"\x01" * 3_000_000, b"\x02" * 100]).fetchone())
        show("rows", sum(len(r[0]) for r in c.execute("SELECT repeat('x', 1000) FROM generate_series(1, 5000)")))
        c.execute("DELETE FROM items")


for part in (basics, errors, prepared, cursors, copy, pipeline, notifications_and_cancel, large):
    print("==", part.__name__)
    part()
print("== asynchronous")
asyncio.run(asynchronous())
