"""sqlalchemy_client.py URI: what SQLAlchemy does with shop.sql as its agent `tool` sees it: reflects the schema, reads and writes by
the ORM. A transcript that is the same direct, on a database that holds only what the capability shows, and through pgchaperone on
the whole one."""
import sys

import sqlalchemy as sa
from sqlalchemy import orm

uri = sys.argv[1]


def show(what, value=""):
    print(f"{what}: {value}", flush=True)


engine = sa.create_engine(uri, future=True, isolation_level="READ COMMITTED")
inspector = sa.inspect(engine)
show("schemas", sorted(inspector.get_schema_names()))
show("tables", sorted(inspector.get_table_names()))
show("views", sorted(inspector.get_view_names()))
show("enums", inspector.get_enums())
for table in sorted(inspector.get_table_names()):
    show("columns of " + table, sorted((c["name"], str(c["type"]), c["nullable"], c["default"]) for c in inspector.get_columns(table)))
    show("key of " + table, inspector.get_pk_constraint(table))
    show("foreign keys of " + table, inspector.get_foreign_keys(table))
    show("indexes of " + table, sorted((i["name"], i["column_names"], i["unique"]) for i in inspector.get_indexes(table)))
    show("unique of " + table, inspector.get_unique_constraints(table))
    show("checks of " + table, sorted((c["name"], c["sqltext"]) for c in inspector.get_check_constraints(table)))
    show("comment of " + table, inspector.get_table_comment(table))
show("hidden", [inspector.has_table("salaries"), inspector.has_table("reviews", schema="hr")])

metadata = sa.MetaData()
metadata.reflect(engine)
show("reflected", sorted(metadata.tables))
registry = orm.registry(metadata)


class Ticket:
    pass


class Note:
    pass


registry.map_imperatively(Ticket, metadata.tables["tickets"], properties={"notes": orm.relationship(Note)})
registry.map_imperatively(Note, metadata.tables["notes"])
with orm.Session(engine) as session:
    show("rows", [(t.id, t.subject, t.status) for t in session.scalars(sa.select(Ticket).order_by(Ticket.id))])
    ticket = session.get(Ticket, 1)
    note = Note()
    note.body, note.tags, note.data = "one", ["x"], {"k": 1}
    ticket.notes.append(note)
    ticket.status = "waiting"
    session.flush()
    show("in the transaction", [(n.body, n.tags, n.data) for n in session.scalars(sa.select(Note).options(orm.selectinload("*")))])
    session.rollback()
    show("rolled back", [session.get(Ticket, 1).status, session.scalar(sa.select(sa.func.count()).select_from(Note))])
    with session.begin_nested():
        session.execute(sa.insert(Note), [{"ticket_id": 1, "body": f"n{i}"} for i in range(50)])
    show("many", session.scalar(sa.select(sa.func.count()).select_from(Note)))
    try:
        with session.begin_nested():
            session.execute(sa.insert(Note).values(ticket_id=1, body="n1"))
    except sa.exc.IntegrityError as e:
        show("nested", e.orig.diag.sqlstate)
    session.rollback()
with engine.connect() as connection:
    rows = connection.execution_options(stream_results=True, yield_per=100).execute(sa.text("SELECT generate_series(1, 500)"))
    show("streamed", sum(1 for _ in rows))
with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
    show("autocommit", connection.execute(sa.text("SELECT name, email FROM customers WHERE name = :name"), {"name": "Ada"}).all())
