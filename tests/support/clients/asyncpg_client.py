"""asyncpg_client.py URI: what asyncpg does, as a transcript that is the same on every connection to one database."""
import asyncio
import datetime
import decimal
import io
import sys

import asyncpg

uri = sys.argv[1]


def show(what, value=""):
    print(f"{what}: {value}", flush=True)


async def refused(what, awaitable):
    """Shows the error that the call must end with, in full."""
    try:
        await awaitable
    except asyncpg.PostgresError as e:
        show(what, [type(e).__name__, {k: v for k, v in sorted(e.as_dict().items()) if k not in ("server_source_line",)}])
    except (asyncpg.InterfaceError, asyncio.TimeoutError, ConnectionError) as e:
        show(what, type(e).__name__)
    else:
        show(what, "no error")


async def basics(c):
    show("version", c.get_server_version())
    show("settings", [getattr(c.get_settings(), n) for n in ("client_encoding", "DateStyle", "is_superuser", "TimeZone")])
    show("same process", c.get_server_pid() == await c.fetchval("SELECT pg_backend_pid()"))
    notices = []
    c.add_log_listener(lambda _, m: notices.append((m.severity, m.sqlstate, m.message)))
    await c.execute("DROP SCHEMA IF EXISTS client_asyncpg CASCADE; CREATE SCHEMA client_asyncpg; SET search_path = client_asyncpg")
    await c.execute("CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TYPE pair AS (a int, b text)")
    await c.execute("CREATE TABLE t (id serial PRIMARY KEY, n numeric, s text, b bytea, m mood, p pair, a int[], at timestamptz)")
    row = (decimal.Decimal("1.25"), "zwölf", b"\0\xff", "ok", (1, "x"), [1, None, 3],
           datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc))
    show("insert", await c.execute("INSERT INTO t (n, s, b, m, p, a, at) VALUES ($1, $2, $3, $4, $5, $6, $7)", *row))
    show("row", dict(await c.fetchrow("SELECT * FROM t")))
    await c.executemany("INSERT INTO t (n, s) VALUES ($1, $2)", [(decimal.Decimal(i), f"s{i}") for i in range(2000)])
    show("many", await c.fetchrow("SELECT count(*), sum(n) FROM t"))
    await refused("executemany that fails", c.executemany("INSERT INTO t (id) VALUES ($1)", [(5000,), (5001,), (5000,)]))
    show("rolled back", await c.fetchval("SELECT count(*) FROM t WHERE id >= 5000"))
    show("script", await c.execute("SELECT 1; UPDATE t SET n = 0 WHERE id < 3; SELECT 2"))
    show("limited", [r[0] for r in await c.fetch("SELECT id FROM t ORDER BY id LIMIT 3")])
    show("one row of many", await c.fetchrow("SELECT id FROM t ORDER BY id"))
    await c.execute("DO $$ BEGIN RAISE WARNING 'careful'; END $$")
    await asyncio.sleep(0)
    show("notices", notices)


async def errors(c):
    await refused("syntax", c.fetch("SELEC 1"))
    await refused("no table", c.fetch("SELECT 'ää', x FROM nothere"))
    await refused("division", c.fetch("SELECT 1 / $1::int", 0))
    await refused("unique", c.execute("INSERT INTO t (id) VALUES (1)"))
    await refused("in a script", c.execute("SELECT 1; SELECT 1/0; SELECT 2"))
    await refused("cast", c.fetchval("SELECT $1::text::int", "abc"))
    show("usable", await c.fetchval("SELECT 1"))


async def statements(c):
    s = await c.prepare("SELECT $1::int + 1 AS next, $2::text AS word")
    show("parameters", [t.name for t in s.get_parameters()])
    show("columns", [(a.name, a.type.name) for a in s.get_attributes()])
    show("runs", [tuple(await s.fetchrow(i, "x")) for i in range(3)])
    show("explain", (await s.explain(1, "y"))[0]["Plan"]["Node Type"])
    await c.execute("ALTER TABLE t ADD COLUMN added int DEFAULT 7")
    s = await c.prepare("SELECT * FROM t WHERE id = 1")
    show("before", len(await s.fetchrow()))
    await c.execute("ALTER TABLE t DROP COLUMN added")
    await refused("stale", s.fetchrow())
    for i in range(150):  # more than its cache of statements holds
        await c.fetchval(f"SELECT {i} + $1::int", 1)
    show("statements", await c.fetchval("SELECT count(*) <= 101 FROM pg_prepared_statements"))
    await c.execute("DEALLOCATE ALL")
    await refused("deallocated behind its back", c.fetchval("SELECT 149 + $1::int", 1))
    await c.reload_schema_state()
    show("usable", await c.fetchval("SELECT 1"))


async def cursors(c):
    async with c.transaction():
        show("prefetch", [r[0] async for r in c.cursor("SELECT generate_series(1, 25)", prefetch=10)])
        cur = await c.cursor("SELECT generate_series(1, $1)", 10)
        show("fetch", [(await cur.fetchrow())[0], [r[0] for r in await cur.fetch(3)], await cur.forward(2),
                       [r[0] for r in await cur.fetch(100)]])
    await refused("outside a transaction", asyncio.wait_for(outside(c), 5))


async def outside(c):
    async for _ in c.cursor("SELECT 1"):
        pass


async def transactions(c):
    async with c.transaction(isolation="serializable", readonly=True, deferrable=True):
        show("isolation", await c.fetchval("SHOW transaction_isolation"))
    outer = c.transaction()
    await outer.start()
    await c.execute("UPDATE t SET n = 42 WHERE id = 1")
    await refused("inner", inner(c))
    show("kept", await c.fetchval("SELECT n FROM t WHERE id = 1"))
    await outer.rollback()
    show("rolled back", await c.fetchval("SELECT n FROM t WHERE id = 1"))
    show("in a transaction", c.is_in_transaction())


async def inner(c):
    async with c.transaction():
        await c.execute("UPDATE t SET n = 43 WHERE id = 1")
        await c.execute("SELECT 1/0")


async def copies(c):
    out = io.BytesIO()
    show("out", await c.copy_from_query("SELECT id, s FROM t WHERE id < $1 ORDER BY id", 4, output=out, format="csv"))
    show("csv", out.getvalue())
    out = io.BytesIO()
    show("binary", await c.copy_from_table("t", columns=["id"], output=out, format="binary"))
    show("bytes", len(out.getvalue()))
    await c.execute("CREATE TEMP TABLE k (a int, b text)")
    show("records", await c.copy_records_to_table("k", records=[(i, "x" * (i % 100)) for i in range(10000)]))
    show("in", await c.copy_to_table("k", source=io.BytesIO(b"1\tone\n2\t\\N\n"), format="text"))
    show("sums", tuple(await c.fetchrow("SELECT count(*), sum(a), sum(length(b)) FROM k")))
    await refused("bad data", c.copy_to_table("k", source=io.BytesIO(b"x\ty\n" * 50000), format="text"))
    await refused("bad source", c.copy_to_table("nothere", source=io.BytesIO(b"1\n")))

    async def breaks():
        yield b"1\tgood\n"
        raise asyncpg.InterfaceError("the client gives up")
    await refused("given up", c.copy_to_table("k", source=breaks()))
    show("usable", await c.fetchval("SELECT count(*) FROM k"))


async def notifications(c):
    other = await asyncpg.connect(uri)
    heard = asyncio.get_running_loop().create_future()
    await c.add_listener("news", lambda _, pid, channel, payload: heard.set_result(
        (channel, payload, pid == other.get_server_pid())))
    await other.execute("SELECT pg_notify('news', 'a payload')")
    show("heard", await asyncio.wait_for(heard, 10))
    await c.remove_listener("news", lambda *_: None)
    await other.close()


async def cancels(c):
    for _ in range(3):
        await refused("timeout", c.fetch("SELECT pg_sleep(60)", timeout=0.2))
        show("usable", await c.fetchval("SELECT 1"))
    task = asyncio.create_task(c.fetch("SELECT pg_sleep(60)"))
    await asyncio.sleep(0.2)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        show("task", "cancelled")
    show("usable", await c.fetchval("SELECT 2"))


async def pools(_):
    async with asyncpg.create_pool(uri, min_size=2, max_size=5) as pool:
        async def one(i):
            async with pool.acquire() as c:
                return await c.fetchval("SELECT $1::int * 2", i)
        show("pool", await asyncio.gather(*[one(i) for i in range(40)]))
    try:
        await asyncpg.connect(uri, server_settings={"nonsense": "1"})
    except asyncpg.PostgresError as e:
        show("bad setting", [type(e).__name__, e.sqlstate, e.message])
    c = await asyncpg.connect(uri, server_settings={"application_name": "shown", "search_path": "pg_catalog"})
    show("settings", [await c.fetchval("SHOW application_name"), await c.fetchval("SHOW search_path")])
    await c.close()


async def large(c):
    value = "0123456789" * 500_000
    show("there and back", await c.fetchval("SELECT $1::text", value) == value)
    show("rows", sum(len(r[0]) for r in await c.fetch("SELECT repeat('x', 1000) FROM generate_series(1, 5000)")))
    await c.execute("DROP SCHEMA client_asyncpg CASCADE")


async def main():
    c = await asyncpg.connect(uri)
    for part in (basics, errors, statements, cursors, transactions, copies, notifications, cancels, pools, large):
        print("==", part.__name__)
        await part(c)
    await c.close()

asyncio.run(main())
