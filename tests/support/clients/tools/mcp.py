"""mcp.py postgres|dbhub URI [SQL]: an MCP server on standard input and output, as a model's program runs it: lists its tools and
resources, reads the schema, asks queries. A transcript that is the same direct, on a database that holds only what the capability
shows, and through pgchaperone on the whole one. With SQL: shows what the server answers to that alone."""
import json
import os
import re
import subprocess
import sys

name, uri = sys.argv[1:3]
modules = os.environ["NODE_PATH"]
COMMANDS = {
    "postgres": [f"{modules}/@modelcontextprotocol/server-postgres/dist/index.js", uri],
    "dbhub": [f"{modules}/@bytebase/dbhub/dist/index.js", "--transport", "stdio", "--dsn", uri + "?sslmode=disable"],
}
QUERY_TOOL = {"postgres": "query", "dbhub": "execute_sql"}[name]


class Server:
    def __init__(self):
        self.process = subprocess.Popen(["node", *COMMANDS[name]], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, cwd="/", text=True)
        self.number = 0
        self.ask("initialize", protocolVersion="2024-11-05", capabilities={}, clientInfo={"name": "test", "version": "1"})
        self.send({"method": "notifications/initialized"})

    def send(self, message):
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        self.process.stdin.flush()

    def ask(self, method, **parameters):
        self.number += 1
        self.send({"id": self.number, "method": method, "params": parameters})
        for line in self.process.stdout:
            if line.startswith("{") and (answer := json.loads(line)).get("id") == self.number:
                return answer.get("result") or {"error": answer["error"]["message"]}
        raise SystemExit(f"the server ended with status {self.process.wait()}")

    def call(self, tool, **arguments):
        answer = self.ask("tools/call", name=tool, arguments=arguments)
        return " | ".join(c.get("text", "") for c in answer["content"]) if "content" in answer else "error " + answer["error"]

    def end(self):
        self.process.stdin.close()
        self.process.terminate()
        self.process.wait()


def show(what, value):
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    print(f"{what}: {re.sub(r'[a-z]+@[0-9.]+:[0-9]+/', 'SERVER/', ' '.join(text.split()))}", flush=True)


server = Server()
if len(sys.argv) > 3:
    show("answer", server.call(QUERY_TOOL, sql=sys.argv[3]))
    server.end()
    sys.exit()
show("tools", sorted(t["name"] for t in server.ask("tools/list")["tools"]))
if name == "postgres":
    resources = sorted(server.ask("resources/list")["resources"], key=lambda r: r["uri"])
    show("resources", [[r["name"], r["uri"]] for r in resources])
    for resource in resources:
        columns = json.loads(server.ask("resources/read", uri=resource["uri"])["contents"][0]["text"])
        show("resource " + resource["name"], sorted((c["column_name"], c["data_type"]) for c in columns))
else:
    for kind, level in (("schema", "full"), ("table", "names"), ("table", "full"), ("index", "full"), ("procedure", "full")):
        where = {} if kind == "schema" else {"schema": "public"}
        show(f"{kind}s, {level}", server.call("search_objects", object_type=kind, pattern="%", detail_level=level, **where))
    for table in ("customers", "tickets", "notes"):
        show("columns of " + table, server.call("search_objects", object_type="column", pattern="%", schema="public", table=table,
                                                detail_level="full"))
        show("indexes of " + table, server.call("search_objects", object_type="index", pattern="%", schema="public", table=table,
                                                detail_level="summary"))
for sql in (
    "SELECT id, subject, status FROM tickets ORDER BY id",
    "SELECT * FROM customers ORDER BY id",
    "SELECT c.name, count(*) AS tickets FROM customers c JOIN tickets t ON t.customer_id = c.id GROUP BY c.name ORDER BY 2 DESC, 1",
    "WITH open AS (SELECT * FROM tickets WHERE status = 'open') SELECT to_char(created_at, 'YYYY-MM') AS month, count(*) FROM open GROUP BY 1",
    "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1",
    "SELECT subject FROM tickets WHERE id = 'x'",
    "SELECT id FROM tickets LIMIT 1; SELECT name FROM customers LIMIT 1",
):
    show(sql, server.call(QUERY_TOOL, sql=sql))
server.end()
