"""asyncpg_client.py URI: what asyncpg does with shop.sql's items, as a transcript that is the same on every connection."""
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
    row = (decimal.Decimal("1.25"), "zwölf", b"\0\xff", "ok", ["a", None, "b"],
           datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc))
    # The types of the database (an enum, an array of it) are read from the catalog before the first use.
    show("insert", await c.execute("INSERT INTO items (price, name, raw, feels, tags, made) VALUES ($1, $2, $3, $4, $5, $6)", *row))
    show("row", dict(await c.fetchrow("SELECT name, price, tags, data, feels, raw, made FROM items")))
    show("array of an enum", await c.fetchval("SELECT array_agg(feels) FROM items"))
    await c.executemany("INSERT INTO items (price, name) VALUES ($1, $2)", [(decimal.Decimal(i), f"s{i}") for i in range(2000)])
    show("many", await c.fetchrow("SELECT count(*), sum(price) FROM items"))
    await refused("executemany that fails", c.executemany("INSERT INTO items (name) VALUES ($1)", [("x",), ("y",), ("x",)]))
    show("rolled back", await c.fetchval("SELECT count(*) FROM items WHERE name IN ('x', 'y')"))
    show("script", await c.execute("SELECT 1; UPDATE items SET price = 0 WHERE name = 's1'; SELECT 2"))
    show("limited", [r[0] for r in await c.fetch("SELECT name FROM items ORDER BY name LIMIT 3")])
    show("one row of many", await c.fetchrow("SELECT name FROM items ORDER BY name"))
    await c.execute("SELECT say('careful')")
    await asyncio.sleep(0)
    show("notices", notices)


async def errors(c):
    await refused("syntax", c.fetch("SELEC 1"))
    await refused("division", c.fetch("SELECT 1 / $1::int", 0))
    await refused("unique", c.execute("INSERT INTO items (name) VALUES ('s1')"))
    await refused("check", c.execute("INSERT INTO items (id, name, price) VALUES (-1, 'ä', $1)", decimal.Decimal(-1)))
    await refused("in a script", c.execute("SELECT 1; SELECT 1/0; SELECT 2"))
    await refused("cast", c.fetchval("SELECT $1::text::int", "abc"))
    show("usable", await c.fetchval("SELECT 1"))


async def statements(c):
    s = await c.prepare("SELECT $1::int + 1 AS next, $2::text AS word")
    show("parameters", [t.name for t in s.get_parameters()])
    show("columns", [(a.name, a.type.name) for a in s.get_attributes()])
    show("runs", [tuple(await s.fetchrow(i, "x")) for i in range(3)])
    show("explain", (await s.explain(1, "y"))[0]["Plan"]["Node Type"])
    for i in range(150):  # more than its cache of statements holds
        await c.fetchval(f"SELECT {i} + $1::int", 1)
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


async def transactions(c):
    async with c.transaction(isolation="serializable", readonly=True, deferrable=True):
        show("isolation", await c.fetchval("SHOW transaction_isolation"))
    outer = c.transaction()
    await outer.start()
    await c.execute("UPDATE items SET price = 42 WHERE name = 's1'")
    await refused("inner", inner(c))
    show("kept", await c.fetchval("SELECT price FROM items WHERE name = 's1'"))
    await outer.rollback()
    show("rolled back", await c.fetchval("SELECT price FROM items WHERE name = 's1'"))
    show("in a transaction", c.is_in_transaction())


async def inner(c):
    async with c.transaction():
        await c.execute("UPDATE items SET price = 43 WHERE name = 's1'")
        await c.execute("SELECT 1/0")


async def copies(c):
    out = io.BytesIO()
    show("out", await c.copy_from_query("SELECT name, price FROM items WHERE price < $1 ORDER BY name", 4, output=out, format="csv"))
    show("csv", out.getvalue())
    out = io.BytesIO()
    show("binary", await c.copy_from_table("items", columns=["price"], output=out, format="binary"))
    show("bytes", len(out.getvalue()))
    async with c.transaction():
        show("records", await c.copy_records_to_table("lines", records=[(i, "x" * (i % 100)) for i in range(10000)]))
        show("in", await c.copy_to_table("lines", source=io.BytesIO(b"1\tone\n2\t\\N\n"), format="text"))
        show("sums", tuple(await c.fetchrow("SELECT count(*), sum(a), sum(length(b)) FROM lines")))
        await c.execute("TRUNCATE lines")
    await refused("bad data", c.copy_to_table("lines", source=io.BytesIO(b"x\ty\n" * 50000), format="text"))

    async def breaks():
        yield b"1\tgood\n"
        raise asyncpg.InterfaceError("the client gives up")
    await refused("given up", c.copy_to_table("lines", source=breaks()))
    show("usable", await c.fetchval("SELECT count(*) FROM lines"))


async def notifications(c):
    other = await asyncpg.connect(uri)
    heard = asyncio.get_running_loop().create_future()
    await c.add_listener("news", lambda _, pid, channel, payload: heard.set_result(
        (channel, payload, pid == other.get_server_pid())))
    await other.execute("NOTIFY news, 'a payload'")
    show("heard", await asyncio.wait_for(heard, 10))
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
    # Between two users of a connection the pool says RESET ALL, CLOSE ALL, UNLISTEN * and pg_advisory_unlock_all().
    async with asyncpg.create_pool(uri, min_size=2, max_size=5) as pool:
        async def one(i):
            async with pool.acquire() as c:
                return await c.fetchval("SELECT $1::int * 2", i)
        show("pool", await asyncio.gather(*[one(i) for i in range(40)]))
    c = await asyncpg.connect(uri, server_settings={"work_mem": "3MB"})
    show("settings", [await c.fetchval("SHOW work_mem")])
    await c.close()


async def large(c):
    value = "0123456789" * 500_000
    show("there and back", await c.fetchval("SELECT $1::text", value) == value)
    show("rows", sum(len(r[0]) for r in await c.fetch("SELECT repeat('x', 1000) FROM generate_series(1, 5000)")))
    show("deleted", await c.execute("DELETE FROM items"))


async def main():
    c = await asyncpg.connect(uri)
    for part in (basics, errors, statements, cursors, transactions, copies, notifications, cancels, pools, large):
        print("==", part.__name__)
        await part(c)
    await c.close()

asyncio.run(main())
