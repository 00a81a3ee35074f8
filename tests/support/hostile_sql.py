"""Prints SQL of a size: hostile_sql.py KIND COUNT. Kinds: see below."""
import sys

kind, count = sys.argv[1], int(sys.argv[2])
out = sys.stdout


def nested(before, inside, after):
    return before * count + inside + after * count


DEEP = {
    "operators": lambda: "SELECT " + "1+" * count + "1",
    "brackets": lambda: "SELECT " + nested("(", "1", ")"),
    "subselects": lambda: nested("SELECT (", "SELECT 1", ")"),
    "not": lambda: "SELECT " + "NOT " * count + "true",
    "casts": lambda: "SELECT 1" + "::int" * count,
    "and": lambda: "SELECT true" + " AND (true" * count + ")" * count,
    "union": lambda: "SELECT 1" + " UNION SELECT 1" * count,
    "array": lambda: "SELECT " + nested("ARRAY[", "1", "]"),
    "case": lambda: "SELECT " + nested("CASE WHEN true THEN ", "1", " END"),
    "joins": lambda: "SELECT 1 FROM tickets" + " JOIN tickets USING (id)" * count,
    "long": lambda: "SELECT '" + "x" * count + "' FROM tickets",
    "joined": lambda: "SELECT 1\\;" * count,
}
ORDINARY = [
    "SELECT id, subject, status FROM tickets WHERE id = {}",
    "SELECT t.id, t.subject, c.name FROM tickets t JOIN customers c ON c.id = t.customer_id WHERE t.status = 'open' "
    "ORDER BY t.created_at DESC LIMIT {}",
    "SELECT status, count(*) FROM tickets GROUP BY status HAVING count(*) > {}",
    "UPDATE tickets SET status = 'closed' WHERE id = {}",
    "INSERT INTO ticket_notes (ticket_id, body) VALUES ({}, 'called back') RETURNING id",
    "WITH recent AS (SELECT id FROM tickets WHERE created_at > now() - interval '{} days') SELECT count(*) FROM recent",
]
if kind == "tiny":
    for _ in range(count):
        out.write("SELECT 1;\n")
elif kind == "ordinary":
    for number in range(count):
        out.write(ORDINARY[number % len(ORDINARY)].format(number % 1000 + 1) + ";\n")
else:
    out.write(DEEP[kind]() + ";\n")
