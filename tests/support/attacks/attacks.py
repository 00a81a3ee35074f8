"""attacks.py DIRECT PROXY BEHIND RESET FOLDER PID POLICY [--only WORDS]: what an agent with a valid login may try.

Each attack is played twice on shop.sql's whole shop, by a database role that may do everything. Direct (DIRECT: its connection
string) it has to get through, or it would show nothing; RESET is a command that makes that database anew. Through pgchaperone (PROXY:
as the agent `tool`) nothing that the capability hides may come out, nothing in the database (BEHIND: the role's connection string)
may change, and afterwards the session is as it was, or closed. FOLDER is one that the server may write to. Last, statements are used
under a policy that no longer allows them (it stays as POLICY.narrower): POLICY is the file that the pgchaperone PID reads at SIGHUP. A
line for each attack that gets through or shows nothing; exit status 1 if there is one.
"""
import functools
import os
import signal
import struct
import subprocess
import sys
import time

import psycopg

from wire import (FLUSH, SYNC, Closed, Wire, bind, close, cstring, describe, execute, fields, function_call, message, parse, query)

direct, proxy, behind, reset_command, folder, pid, policy = sys.argv[1:8]
proof = os.path.join(folder, "written_by_the_server")

# What stands in the shop but not in what the capability shows.
SECRETS = [b"078-05-1120", b"219-09-9999", b"457-55-5462", b"777333", b"Dmitri", b"dmitri", b"ada@", b"bruno@", b"other tenant",
           b"mallory", b"words of hr"]
# And of the catalogs.
NAMES = [b"salaries", b"well_paid", b"ssn", b"raise_salary", b"reviews", b"tenant", b"note_who"]
MOST_ROWS = 1000

FINGERPRINT = """
  SELECT md5(string_agg(x, '|' ORDER BY x)) FROM (
    SELECT concat('relation', relname, relnamespace, relkind, relowner, relacl) FROM pg_class
      WHERE relnamespace NOT IN ('pg_catalog'::regnamespace, 'pg_toast'::regnamespace) AND relpersistence <> 't'
    UNION ALL SELECT concat('column', attrelid, attname) FROM pg_attribute WHERE attrelid >= 16384 AND attnum > 0
    UNION ALL SELECT concat('function', proname, prosrc, pronamespace) FROM pg_proc WHERE oid >= 16384
    UNION ALL SELECT concat('role', r) FROM pg_roles r
    UNION ALL SELECT concat('setting', s) FROM pg_db_role_setting s
    UNION ALL SELECT concat('member', m) FROM pg_auth_members m
    UNION ALL SELECT concat('object', oid) FROM pg_largeobject_metadata
    UNION ALL SELECT concat('prepared', gid) FROM pg_prepared_xacts WHERE database = current_database()
    UNION ALL SELECT concat('schema', nspname) FROM pg_namespace WHERE nspname !~ '^pg_(toast_)?temp'
    UNION ALL SELECT concat('trigger', tgname, tgenabled) FROM pg_trigger
    UNION ALL SELECT concat('customers', customers) FROM customers UNION ALL SELECT concat('tickets', tickets) FROM tickets
    UNION ALL SELECT concat('notes', notes) FROM notes UNION ALL SELECT concat('salaries', salaries) FROM salaries
    UNION ALL SELECT concat('reviews', r) FROM hr.reviews r UNION ALL SELECT concat('items', items) FROM items) s (x)"""


def fingerprint(uri):
    try:
        with psycopg.connect(uri, autocommit=True) as c:
            return c.execute(FINGERPRINT).fetchone()[0] + str(os.path.exists(proof))
    except psycopg.Error as e:
        return str(e)


def oid(function):
    with psycopg.connect(behind, autocommit=True) as c:
        return c.execute("SELECT %s::regprocedure::oid::int", [function]).fetchone()[0]


SSN = "SELECT ssn FROM customers"
# With standard_conforming_strings off the first literal goes on behind \', and what looks like a literal is SQL.
FLIPPED = r"SELECT 'a\', ' UNION SELECT ssn FROM customers -- '"
FLIP = "SELECT set_config('standard_conforming_strings', 'off', false)"


def extended(sql):
    return parse(sql) + bind() + execute()


def steps(*batches, **parameters):
    """An attack of messages: each batch goes out in one piece, then as many ReadyForQuery are waited for as it has to give."""
    def play(uri):
        w = Wire(uri, **parameters)
        got = []
        for batch in batches:
            got += w.ask(batch, times=ready(batch))
        return w, got
    return play


def ready(batch):
    """How many ReadyForQuery a batch gives: one for each Sync, Query and FunctionCall."""
    count, at = 0, 0
    while at + 5 <= len(batch):
        count += batch[at:at + 1] in b"SQF"
        at += 1 + struct.unpack("!I", batch[at + 1:at + 5])[0]
    return max(count, 1)


def sql(*texts):
    """The same by Query and by extended messages."""
    def play(uri):
        w = Wire(uri)
        got = []
        for text in texts:
            got += w.ask(query(text))
        w.end()
        w = Wire(uri)
        for text in texts:
            got += w.ask(extended(text) + SYNC)
        return w, got
    return play


def rewritten_cursor(uri):
    """A cursor of an allowed text, then another text under its name."""
    w = Wire(uri)
    return w, w.ask(query("BEGIN; DECLARE c CURSOR FOR SELECT id FROM customers"), query("CLOSE c; DECLARE c CURSOR FOR " + SSN),
                    query("FETCH ALL FROM c"), query("COMMIT"), times=4)


def many(*batches):
    """An attack on the limit of rows: what comes at once, or in portions, of one statement."""
    def play(uri):
        w, got = steps(*batches)(uri)
        rows = sum(kind in "Dd" for kind, _ in got)
        return w, got + [("D", b"mallory has %d rows" % rows)] * (rows > MOST_ROWS)
    return play


# 8,000 rows, or 10,000 with those of the other tenant.
MANY = "SELECT t.id FROM tickets t, generate_series(1, 2000)"
ATTACKS = {
    # -- what SQL means
    "standard_conforming_strings off, and a text behind it in one batch": steps(extended(FLIP) + extended(FLIPPED) + SYNC),
    "the same by Query": steps(query(FLIP) + query(FLIPPED)),
    "the same by SET": steps(query("SET standard_conforming_strings = off") + query(FLIPPED)),
    "the same by FunctionCall": lambda uri: steps(
        function_call(oid("set_config(text,text,boolean)"), "standard_conforming_strings", "off", "f") + query(FLIPPED))(uri),
    "the same by options at start-up": steps(query(FLIPPED), options="-c standard_conforming_strings=off"),
    "the same by a parameter at start-up": steps(query(FLIPPED), standard_conforming_strings="off"),
    "the same by ALTER ROLE": lambda uri: (lambda w: (Wire(uri), w + Wire(uri).ask(query(FLIPPED))))(
        Wire(uri).ask(query("ALTER ROLE CURRENT_USER SET standard_conforming_strings = off"))),
    "search_path by set_config": steps(extended("SELECT set_config('search_path', 'hr', false)") + extended("SELECT * FROM reviews") + SYNC),
    "search_path by SET": sql("SET search_path = hr, public", "SELECT * FROM reviews"),
    "search_path by options": steps(query("SELECT * FROM reviews"), options="-c search_path=hr"),
    "search_path by a parameter": steps(query("SELECT * FROM reviews"), search_path="hr"),
    "search_path by UPDATE pg_settings": steps(query("UPDATE pg_settings SET setting = 'hr' WHERE name = 'search_path'") +
                                               query("SELECT * FROM reviews")),
    "a context setting by SET": steps(query("SET chaperone.actor = 'mallory'") + query("SELECT current_setting('chaperone.actor', true)")),
    "a context setting by set_config": steps(extended("SELECT set_config('chaperone.actor', 'mallory', false)") + SYNC),
    "a context setting by options": steps(query("SELECT current_setting('chaperone.actor', true)"), options="-c chaperone.actor=mallory"),
    "a context setting, quoted": steps(query('SET "chaperone"."actor" TO \'mallory\'') +
                                       query("SELECT current_setting('chaperone.actor', true)")),
    "another role": steps(query("SET ROLE pg_read_all_settings") + query("SELECT 'mallory' WHERE current_user <> session_user")),
    "another role by set_config": steps(query("SELECT set_config('role', 'pg_read_all_settings', false)") +
                                        query("SELECT 'mallory' WHERE current_user <> session_user")),
    "a context setting by a parameter": steps(parse("SELECT set_config($1, $2, false)") + bind(values=("search_path", "hr")) + execute() + SYNC,
                                              query("SELECT * FROM reviews")),
    # -- more than the limit
    "many rows": many(query(MANY)),
    "many rows by LIMIT ALL": many(query(MANY + " LIMIT ALL")),
    "many rows by WITH TIES": many(query(MANY + " ORDER BY 1 FETCH FIRST 900 ROWS WITH TIES")),
    "many rows by UNION ALL": many(query(f"{MANY} UNION ALL {MANY}")),
    "many rows by a portal in portions": many(parse(MANY) + bind() + execute("", 600) * 4 + SYNC),
    "many rows by FETCH": many(query("BEGIN"), query("DECLARE c CURSOR FOR " + MANY), query("FETCH 600 FROM c") * 4, query("COMMIT")),
    "many rows by a cursor with hold": many(query("DECLARE c CURSOR WITH HOLD FOR " + MANY), query("FETCH ALL FROM c")),
    "many rows by COPY": many(query(f"COPY ({MANY}) TO STDOUT")),
    "many rows by a parameter": many(parse(MANY + " LIMIT $1") + bind(values=("5000",)) + execute() + SYNC),
    "many rows by EXECUTE": many(query(f"PREPARE p AS {MANY}") + query("EXECUTE p")),
    "a plan of what is narrowed": sql("EXPLAIN (VERBOSE) SELECT 1 FROM customers WHERE name = 'mallory'"),
    # -- statements under names
    "EXECUTE of what Parse named": steps(parse(SSN, "p") + SYNC, query("EXECUTE p")),
    "Bind of what PREPARE named": steps(query("PREPARE p AS " + SSN), bind("p") + execute() + SYNC),
    "EXPLAIN ANALYZE EXECUTE": steps(query("PREPARE p AS DELETE FROM items") + query("INSERT INTO items (name) VALUES ('mallory')") +
                                     query("EXPLAIN (ANALYZE, VERBOSE) EXECUTE p") + query("PREPARE q AS " + SSN) + query("EXECUTE q")),
    "another text under a used name": steps(parse("SELECT name FROM customers", "p") + SYNC,
                                            close("S", "p") + parse(SSN, "p") + bind("p") + execute() + SYNC),
    "another text under a name that SQL let go": steps(parse("SELECT name FROM customers", "p") + SYNC, query("DEALLOCATE p"),
                                                       query("PREPARE p AS " + SSN), bind("p") + execute() + SYNC),
    "another text under a name in a batch": steps(parse("SELECT name FROM customers", "p") + extended("DEALLOCATE p") +
                                                  parse(SSN, "p") + bind("p") + execute() + SYNC),
    "DISCARD ALL between a name and its use": steps(parse("SELECT name FROM customers", "p") + SYNC, query("DISCARD ALL"),
                                                    query("PREPARE p AS " + SSN) + bind("p") + execute() + SYNC),
    "the unnamed statement, replaced": steps(parse("SELECT name FROM customers") + parse(SSN) + bind() + execute() + SYNC),
    "Bind behind a denied Parse and a Sync": steps(parse(SSN) + SYNC + bind() + execute() + SYNC),
    "Execute of what DECLARE named": steps(query("BEGIN"), query("DECLARE c CURSOR FOR " + SSN), execute("c") + SYNC),
    "FETCH of what Bind named": steps(query("BEGIN"), parse(SSN) + bind("", "c") + SYNC, query("FETCH ALL FROM c")),
    "another text under a cursor's name": rewritten_cursor,
    "a cursor with hold": sql("DECLARE c CURSOR WITH HOLD FOR " + SSN, "FETCH ALL FROM c", "CLOSE c"),
    "CREATE TABLE AS EXECUTE": steps(query("PREPARE p AS " + SSN) + query("CREATE TABLE stolen AS EXECUTE p") + query("TABLE stolen")),
    "Describe of a denied statement": steps(parse("SELECT ssn AS mallory FROM customers", "p") + describe("S", "p") + SYNC, bind("p") + execute() + SYNC),
    "an unnamed portal under an open transaction": steps(query("BEGIN"), parse(SSN) + bind() + SYNC, execute() + SYNC),
    # -- many in one
    "COMMIT; DROP": steps(query("BEGIN TRANSACTION READ ONLY"), query("COMMIT; DROP TABLE notes; SELECT 1")),
    "ROLLBACK; DROP in a batch": steps(query("BEGIN READ ONLY"), extended("ROLLBACK") + extended("DROP TABLE notes") + SYNC),
    "the last of several": steps(query("INSERT INTO notes (ticket_id, body) VALUES (1, 'x'); " + SSN + "; SELECT 1")),
    "the last of a batch": steps(extended("INSERT INTO notes (ticket_id, body) VALUES (1, 'x')") + extended(SSN) + SYNC),
    "read-write again": steps(query("BEGIN READ ONLY; SET TRANSACTION READ WRITE; DELETE FROM salaries; COMMIT")),
    "behind a line comment that a carriage return ends": steps(query("SELECT 1 -- \r; DROP TABLE notes")),
    "behind nested comments": steps(query("SELECT 1 /* /* */ ; SELECT 2 */ ; DROP TABLE notes -- /*")),
    "behind a dollar quote that is none": steps(query("SELECT 1 AS a$b$ ; DROP TABLE notes; SELECT 2 AS c$b$")),
    "in the comment of a hint": steps(query("/*actor='mallory'*/ " + SSN)),
    "behind a string continued on the next line": steps(query("SELECT 'a'\n' b', ssn FROM customers")),
    # -- names
    "a name in Unicode escapes": sql('SELECT U&"\\0073sn" FROM customers', 'SELECT U&"!0073sn" UESCAPE \'!\' FROM customers'),
    "a whole row": sql("SELECT c FROM customers c", "SELECT row_to_json(customers) FROM customers", "SELECT (customers).ssn FROM customers"),
    "a hidden table": sql("SELECT amount FROM salaries", "TABLE public.salaries", "SELECT * FROM well_paid", "SELECT * FROM hr.reviews"),
    "hidden rows by a correlated subquery": sql("SELECT (SELECT string_agg(subject, ',') FROM tickets) FROM tickets LIMIT 1"),
    "hidden rows by OR": sql("SELECT subject FROM tickets WHERE false OR tenant_id = 8", "SELECT subject FROM tickets WHERE id = 5 OR true"),
    "masked values by a cast that fails": sql("SELECT id FROM customers WHERE email::int = 1"),
    "hidden rows by a cast that fails": sql("SELECT id FROM customers WHERE (name || '!')::int > 0 AND name LIKE 'D%'"),
    "the failing row of a constraint": sql("INSERT INTO customers (tenant_id, name, ssn) VALUES (7, 'x', 'mallory')"),
    "what one may write, out of what one may not read": sql(
        "INSERT INTO notes (ticket_id, body) SELECT 1, string_agg(ssn, ',') || random() FROM customers RETURNING body"),
    "RETURNING of hidden columns": sql("INSERT INTO notes (ticket_id, body) VALUES (1, 'y' || random()) RETURNING (SELECT ssn FROM customers LIMIT 1)"),
    "a DELETE of another tenant's rows": sql("DELETE FROM tickets WHERE id = 5 RETURNING subject"),
    "an UPDATE out of sight": sql("UPDATE tickets SET tenant_id = 7 WHERE id = 5", "UPDATE tickets SET status = 'solved' WHERE id IN (5)"),
    "an UPDATE of all": sql("UPDATE tickets SET status = 'solved' WHERE id = id OR true"),
    "MERGE": sql("MERGE INTO salaries s USING customers c ON s.customer_id = c.id WHEN MATCHED THEN UPDATE SET amount = 1 WHEN NOT MATCHED THEN DO NOTHING"),
    "what statistics tell": sql("SELECT most_common_vals::text, histogram_bounds::text FROM pg_stats WHERE tablename IN ('customers', 'salaries')"),
    "statements of other sessions": sql("SELECT query || 'mallory' FROM pg_stat_activity"),
    "FOR UPDATE of a hidden table": sql("SELECT 1, amount FROM salaries FOR UPDATE"),
    # -- SQL inside of SQL, code and files
    "SQL in a text, by query_to_xml": sql("SELECT query_to_xml('SELECT * FROM salaries', true, true, '')"),
    "SQL in a text, by FunctionCall": lambda uri: steps(
        function_call(oid("query_to_xml(text,boolean,boolean,text)"), "SELECT * FROM salaries", "t", "t", ""))(uri),
    "SQL in a text, by FunctionCall in a transaction": lambda uri: steps(query("BEGIN"), function_call(
        oid("query_to_xml(text,boolean,boolean,text)"), "SELECT * FROM salaries", "t", "t", ""), query("COMMIT"))(uri),
    "SQL in a text, by ts_stat": sql("SELECT word FROM ts_stat('SELECT array_to_tsvector(array[ssn]) FROM customers WHERE ssn IS NOT NULL')"),
    "DO": steps(query("DO $$ BEGIN UPDATE salaries SET amount = 1; END $$")),
    "a function of one's own": steps(query("CREATE FUNCTION f() RETURNS text LANGUAGE sql AS 'SELECT ssn FROM customers'") + query("SELECT f()")),
    "a function that writes": sql("SELECT raise_salary(1)"),
    "CALL, VACUUM, REINDEX and their like": steps(query("CREATE PROCEDURE p() LANGUAGE sql AS 'DELETE FROM salaries'") + query("CALL p()") +
                                                  query("VACUUM salaries") + query("REINDEX TABLE salaries") + query("CLUSTER salaries USING salaries_pkey")),
    "a temporary table over a known name": steps(query("CREATE TEMP TABLE customers AS SELECT 'mallory' AS name") + query("SELECT name FROM customers")),
    "a temporary view over a known name": steps(query("CREATE TEMP VIEW notes AS SELECT * FROM public.salaries") + query("SELECT * FROM notes")),
    "SELECT INTO": steps(query("SELECT ssn INTO stolen FROM customers")),
    "COPY of hidden columns": sql("COPY customers TO STDOUT", "COPY (SELECT ssn FROM customers) TO STDOUT", "COPY salaries (amount) TO STDOUT"),
    "COPY to a program": sql(f"COPY (SELECT 1) TO PROGRAM 'touch {proof}'"),
    "COPY to a file": sql(f"COPY (SELECT 1) TO '{proof}'"),
    "COPY from a program": steps(query("CREATE TABLE stolen (t text)") + query(f"COPY stolen FROM PROGRAM 'touch {proof}'")),
    "COPY in, its data ahead": steps(query("COPY salaries (amount) FROM STDIN") + message("d", b"1\n") + message("c") + query("SELECT 1")),
    "a large object": sql("SELECT lo_from_bytea(0, 'mallory')", "SELECT lo_get(lo_from_bytea(0, 'mallory'), 0, 7)"),
    "a file of the server": sql("SELECT 'mallory' || length(pg_read_file('postgresql.conf'))"),
    "a list of the server's files": sql("SELECT 'mallory' || count(*) FROM pg_ls_dir('.')"),
    "a sequence of a hidden table": sql("SELECT 'mallory' || nextval('salaries_id_seq')", "SELECT 'mallory' || setval('salaries_id_seq', 1)"),
    "rights": sql("GRANT ALL ON salaries TO PUBLIC", "ALTER TABLE customers DISABLE TRIGGER ALL"),
    "DDL": steps(query("ALTER TABLE customers RENAME COLUMN ssn TO body") + query("CREATE RULE r AS ON SELECT TO lines DO INSTEAD SELECT 1, 'x'") +
                 query("CREATE TRIGGER t BEFORE INSERT ON notes FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()") +
                 query("DROP TABLE IF EXISTS salaries CASCADE")),
    "two-phase": steps(query("BEGIN"), query("PREPARE TRANSACTION 'x'")),
    # -- frames
    "a NUL inside a Query": steps(message("Q", b"SELECT 1\0; DROP TABLE notes\0"), query("SELECT 1")),
    "a text behind the end of a Parse": steps(message("P", b"\0SELECT 1\0\0\0DROP TABLE notes\0") + bind() + execute() + SYNC),
    "no NUL at the end": steps(message("Q", b"SELECT ssn FROM customers")),
    "invalid UTF-8": steps(query(b"SELECT '\xc3' , ssn FROM customers --'")),
    "invalid UTF-8 in a name": steps(query(b"SELECT ssn\xa0FROM customers")),
    "two statements in a Parse": steps(extended("SELECT 1; " + SSN) + SYNC),
    "another client_encoding": steps(query(b"SELECT '\x95\x5c' , ssn FROM customers --'"), client_encoding="SJIS"),
    "a Query inside of CopyData": steps(message("d", query(SSN)) + query("SELECT 1")),
    "an unknown message": steps(message("y", b"x") + query(SSN)),
    "a password again": steps(message("p", cstring("x")) + query(SSN)),
    "a start-up packet again": steps(struct.pack("!II", 8, 80877103) + query(SSN)),
    "a length that is too small": steps(b"Q\0\0\0\3" + query(SSN)),
    "a replication connection": steps(query("IDENTIFY_SYSTEM"), query(SSN), replication="database"),
    "a message behind Terminate": steps(message("X") + query(SSN)),
    "Flush instead of Sync": lambda uri: (lambda w: (w, w.ask(extended(SSN) + FLUSH + SYNC)))(Wire(uri)),
    "a denied Parse, then much before the Sync": steps(parse(SSN) + bind() + execute() + (extended("SELECT 1") * 500) + extended(SSN) + SYNC),
}
OIDS = "generate_series(16384, 16900) o"
ATTACKS_ON_NAMES = {
    "names in the catalogs": sql(
        "SELECT string_agg(relname, ' ') FROM pg_class", "SELECT string_agg(attname, ' ') FROM pg_attribute WHERE attnum > 0",
        "SELECT string_agg(proname, ' ') FROM pg_proc WHERE oid >= 16384", "SELECT string_agg(nspname, ' ') FROM pg_namespace",
        "SELECT string_agg(typname, ' ') FROM pg_type", "SELECT string_agg(conname, ' ') FROM pg_constraint",
        "SELECT string_agg(tgname, ' ') FROM pg_trigger", "SELECT string_agg(polname, ' ') FROM pg_policy"),
    "names in the information schema": sql(
        "SELECT string_agg(table_name, ' ') FROM information_schema.tables", "SELECT string_agg(column_name, ' ') FROM information_schema.columns",
        "SELECT string_agg(routine_name, ' ') FROM information_schema.routines", "SELECT string_agg(view_definition, ' ') FROM information_schema.views",
        "SELECT string_agg(constraint_name || check_clause, ' ') FROM information_schema.check_constraints",
        "SELECT string_agg(column_name, ' ') FROM information_schema.key_column_usage", "SELECT string_agg(sequence_name, ' ') FROM information_schema.sequences",
        "SELECT string_agg(trigger_name || event_object_table, ' ') FROM information_schema.triggers"),
    "names in the views of pg_catalog": sql(
        "SELECT string_agg(tablename, ' ') FROM pg_tables", "SELECT string_agg(viewname || definition, ' ') FROM pg_views",
        "SELECT string_agg(indexname || indexdef, ' ') FROM pg_indexes", "SELECT string_agg(sequencename, ' ') FROM pg_sequences",
        "SELECT string_agg(policyname || tablename, ' ') FROM pg_policies", "SELECT string_agg(relname, ' ') FROM pg_statio_all_tables"),
    "names by number": sql(
        f"SELECT string_agg(o::regclass::text, ' ') FROM {OIDS}", f"SELECT string_agg(o::regproc::text, ' ') FROM {OIDS}",
        f"SELECT string_agg(o::oid::regprocedure::text, ' ') FROM {OIDS}", f"SELECT string_agg(o::regtype::text, ' ') FROM {OIDS}",
        f"SELECT string_agg(format_type(o::oid, NULL), ' ') FROM {OIDS}", f"SELECT string_agg(o::regnamespace::text, ' ') FROM {OIDS}"),
    "definitions by number": sql(
        f"SELECT string_agg(pg_get_viewdef(o::oid), ' ') FROM {OIDS}", f"SELECT string_agg(pg_get_indexdef(o::oid), ' ') FROM {OIDS}",
        f"SELECT string_agg(pg_get_constraintdef(o::oid), ' ') FROM {OIDS}", f"SELECT string_agg(pg_get_triggerdef(o::oid), ' ') FROM {OIDS}",
        f"SELECT string_agg(pg_get_function_result(o::oid), ' ') FROM {OIDS}", f"SELECT string_agg(pg_get_functiondef(p.oid), ' ') FROM pg_proc p WHERE p.oid >= 16384 AND prokind = 'f'"),
    "objects by address": sql(
        f"SELECT string_agg((pg_identify_object(1259, o::oid, 0)).identity, ' ') FROM {OIDS}",
        f"SELECT string_agg(pg_describe_object(1259, o::oid, 0), ' ') FROM {OIDS}", f"SELECT string_agg(pg_describe_object(1255, o::oid, 0), ' ') FROM {OIDS}"),
    "names by number, in a condition": sql(
        f"SELECT string_agg(o::text, ' ') || ' ssn' FROM {OIDS} WHERE o::oid::regclass::text LIKE 'sal%s'"),
    "names that an index uses": sql("SELECT string_agg(pg_get_indexdef(indexrelid, k, true), ' ') FROM pg_index, generate_series(1, 3) k WHERE indexrelid >= 16384"),
}
# What PostgreSQL refuses by itself; pgchaperone must not make something else of it.
REFUSED_DIRECT = {
    "a NUL inside a Query", "a text behind the end of a Parse", "no NUL at the end", "invalid UTF-8", "invalid UTF-8 in a name",
    "two statements in a Parse", "another client_encoding", "a Query inside of CopyData", "an unknown message", "a password again",
    "a start-up packet again", "a length that is too small", "a message behind Terminate", "a replication connection",
}


@functools.cache
def usual(uri, sql):
    w = Wire(uri)
    value = w.value(sql)
    w.end()
    return value


def played(attack, uri, inside, secrets):
    """What got through: a list, empty for nothing."""
    if os.path.exists(proof):
        os.unlink(proof)
    before, found = fingerprint(inside), []
    try:
        w, got = attack(uri)
    except (Closed, ConnectionError) as e:
        w, got = None, [("E", str(e).encode())]
    out = b"\n".join(body for kind, body in got if kind in tuple("TDdENAV"))
    found += [f"{secret.decode()} comes out" for secret in secrets if secret in out]
    if got and got[-1][0] == "silent":
        found.append("no answer")
    if w is not None:
        if got and got[-1][0] == "Z" and got[-1][1] != b"I":
            w.ask(query("ROLLBACK"))
        try:
            for name in ("standard_conforming_strings", "search_path"):
                value, expected = w.value("SHOW " + name), usual(uri, "SHOW " + name)
                if value not in (expected, None):
                    found.append(f"{name} is {value}, not {expected}")
        except (ConnectionError, Closed):
            pass
        w.end()
    if fingerprint(inside) != before:
        found.append("the database has changed")
    return found


def reset():
    subprocess.run(reset_command, shell=True, check=True, stdout=subprocess.DEVNULL)


# What a session holds under a policy that allows it, and how it is used.
HELD = {
    "Bind": (parse("SELECT subject FROM tickets", "p") + SYNC, bind("p") + execute() + SYNC),
    "EXECUTE": (query("PREPARE q AS SELECT subject FROM tickets"), query("EXECUTE q")),
    "Bind of what PREPARE named": (query("PREPARE q AS SELECT subject FROM tickets"), bind("q") + execute() + SYNC),
    "Execute of an open portal": (query("BEGIN") + parse("SELECT subject FROM tickets") + bind("", "r") + execute("r", 1) + SYNC,
                                  execute("r", 1) + SYNC),
    "FETCH": (query("BEGIN") + query("DECLARE c CURSOR FOR SELECT subject FROM tickets") + query("FETCH 1 FROM c"),
              query("FETCH 1 FROM c")),
    "Execute of a cursor": (query("BEGIN") + query("DECLARE c CURSOR FOR SELECT subject FROM tickets"), execute("c", 1) + SYNC),
    "FETCH of a cursor with hold": (query("DECLARE c CURSOR WITH HOLD FOR SELECT subject FROM tickets"), query("FETCH 1 FROM c")),
    "the same text": (query("SELECT subject FROM tickets"), query("SELECT subject FROM tickets")),
}


def under_a_new_policy():
    """What was allowed, held and used under a policy that no longer allows it: what got through."""
    with open(policy, encoding="utf-8") as file:
        text = file.read()
    narrower = text.replace("columns: [id, customer_id, subject, status, created_at]", "columns: [id, status]")
    assert narrower != text
    found, sessions = [], {}
    for what, (held, _) in HELD.items():
        sessions[what] = Wire(proxy)
        for kind, body in sessions[what].ask(held, times=ready(held)):
            if kind == "E":
                found.append(f"{what}: refused before the reload: {fields(body)['M']}")
    for name in (policy, policy + ".narrower"):
        with open(name, "w", encoding="utf-8") as file:
            file.write(narrower)
    os.kill(int(pid), signal.SIGHUP)
    for _ in range(100):
        other = Wire(proxy)
        value = other.value("SELECT subject FROM tickets")
        other.end()
        if value.startswith("error"):
            break
        time.sleep(0.1)
    else:
        found.append("the new policy does not come")
    for what, (_, used) in HELD.items():
        got = sessions[what].ask(used)
        if any(kind == "D" for kind, _ in got) or not any(kind == "E" for kind, _ in got):
            found.append(f"{what}: {[kind for kind, _ in got]}")
        sessions[what].end()
    with open(policy, "w", encoding="utf-8") as file:
        file.write(text)
    os.kill(int(pid), signal.SIGHUP)
    return found


def main():
    through = harmless = 0
    only = sys.argv[sys.argv.index("--only") + 1] if "--only" in sys.argv else ""
    chosen = {name: (attack, SECRETS) for name, attack in ATTACKS.items() if only in name}
    chosen |= {name: (attack, NAMES) for name, attack in ATTACKS_ON_NAMES.items() if only in name}
    for name, (attack, secrets) in chosen.items():
        if name not in REFUSED_DIRECT:
            if not played(attack, direct, direct, secrets):
                harmless += 1
                print(f"harmless, even direct: {name}", flush=True)
            reset()
        found = played(attack, proxy, behind, secrets)
        if found:
            through += 1
            print(f"gets through: {name}: {'; '.join(found)}", flush=True)
    if not only:
        found = under_a_new_policy()
        through += bool(found)
        for line in found:
            print(f"gets through: under a new policy, {line}", flush=True)
    print(f"{len(chosen) + len(HELD) * (not only)} attacks, {through} get through, {harmless} show nothing")
    sys.exit(through > 0 or harmless > 0)


main()
