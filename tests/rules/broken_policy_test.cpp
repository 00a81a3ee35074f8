#include <gtest/gtest.h>

#include "rules/policy/load.hpp"
#include "tests/rules/shop.hpp"

/// A policy that is broken in one place gives a message that names the place, what is wrong and what was
/// probably meant.
namespace chaperone::rules {
namespace {

constexpr std::string_view kGood = R"yaml(version: 1
salt: 0123456789abcdef
capabilities:
  base:
    tables:
      archive.log:
        read:
          columns: [id, line]
    limits:
      rows: 10
  triage:
    description: Read tickets.
    include: [introspection, base]
    tables:
      tickets:
        read:
          columns: [id, subject, status]
          mask:
            subject: redact
          rows: "tenant_id = :tenant"
        update:
          columns: [status]
          rows: "tenant_id = :tenant"
          by: [id]
          max_rows: 1
      ticket_notes:
        insert:
          columns: [ticket_id, body]
          set:
            tenant_id: ":tenant"
            author: ":actor"
          returning: [id]
        delete:
          rows: {where: "tenant_id = :tenant"}
    functions: [safe, public.word_count]
    statements: [listen]
    settings:
      work_mem: {max: 64MB}
    limits:
      bytes: 8MiB
      time: 5s
agents:
  bot:
    capabilities: [triage]
    parameters:
      tenant: 7
)yaml";

struct Broken {
  std::string_view from;  ///< a piece of kGood ..
  std::string_view to;    ///< .. and what stands there instead
  std::string_view problems;
};

constexpr Broken kBroken[] = {
    {"version: 1\n", "version: one\n", "p:1:10: version is one; expected a whole number from 1 to 1"},
    {"version: 1\n", "vesion: 1\n",
     "p:1:1: unknown key \"vesion\"; expected version, salt, capabilities or agents (did you mean "
     "\"version\"?)"},
    {"version: 1\n", "version: 1\nversion: 1\n",
     "p:2:1: key \"version\" stands twice; expected it once (it is on line 1 already)"},
    {"salt: 0123456789abcdef", "salt: short",
     "p:2:7: salt is no salt; expected 16 to 128 letters, digits and -._~+/=, at random"},
    {"salt: 0123456789abcdef", "salt: [x]",
     "p:2:7: salt is a list; expected 16 to 128 letters, digits and -._~+/=, at random"},
    {"    description: Read tickets.", "    description: [x]",
     "p:12:18: capabilities.triage.description is a list; expected a sentence"},
    {"    description: Read tickets.", "    descripton: Read tickets.",
     "p:12:5: unknown key \"descripton\" in capabilities.triage; expected description, include, tables, "
     "functions, statements, settings or limits (did you mean \"description\"?)"},
    {"    include: [introspection, base]", "    include: introspection",
     "p:13:14: capabilities.triage.include is introspection; expected a list of capabilities, as "
     "[introspection]"},
    {"    include: [introspection, base]", "    include: []",
     "p:13:14: capabilities.triage.include is empty; expected a list of capabilities, as [introspection]"},
    {"    include: [introspection, base]", "    include: [introspection, introspection]",
     "p:13:30: \"introspection\" is in the list already; expected each capability once"},
    {"    include: [introspection, base]", "    include: [introspection, bases]",
     "p:13:30: there is no capability \"bases\"; expected introspection or base (did you mean \"base\"?)"},
    {"    include: [introspection, base]", "    include: [triage]",
     "p:13:15: \"triage\" includes itself by way of \"triage\"; expected no circle of includes"},
    {"  base:\n", "  base:\n    include: [triage]\n",
     "p:14:30: \"base\" includes itself by way of \"triage\"; expected no circle of includes"},
    {"      archive.log:\n", "      tickets: {read: {columns: [id]}}\n      archive.log:\n",
     "p:14:30: \"base\" has tables.public.tickets.read (line 6) and so has \"triage\" (line 17); expected it "
     "in one of them"},
    {"    limits:\n      bytes: 8MiB", "    limits:\n      rows: 20\n      bytes: 8MiB",
     "p:13:30: \"base\" has limits.rows (line 10) and so has \"triage\" (line 40); expected it in one of "
     "them"},
    {"  base:\n", "  introspection:\n",
     "p:4:3: the capability introspection ships with pgchaperone; expected another name\np:13:30: there is "
     "no capability \"base\"; expected introspection"},
    {"  base:\n    tables:\n      archive.log:\n        read:\n          columns: [id, line]\n    limits:\n  "
     "    rows: 10\n",
     "  base: {}\n", "p:4:3: capabilities.base allows nothing; expected tables, functions or include"},
    {"  base:\n    tables:\n      archive.log:\n        read:\n          columns: [id, line]\n    limits:\n  "
     "    rows: 10\n",
     "  base:\n",
     "p:4:3: capabilities.base is empty; expected a map, as {tables: {tickets: {read: {columns: [id]}}}}"},
    {"  base:\n    tables:\n      archive.log:\n        read:\n          columns: [id, line]\n    limits:\n  "
     "    rows: 10\n",
     "  base: [x]\n",
     "p:4:9: capabilities.base is a list; expected a map, as {tables: {tickets: {read: {columns: [id]}}}}"},
    {"  base:\n    tables:\n      archive.log:\n        read:\n          columns: [id, line]\n    limits:\n  "
     "    rows: 10\n",
     "  base: {description: Nothing.}\n",
     "p:4:3: capabilities.base allows nothing; expected tables, functions or include"},
    {"      tickets:\n", "      tikets:\n",
     "p:15:7: there is no table \"tikets\"; expected a table of the database (did you mean \"tickets\"?)"},
    {"      tickets:\n", "      Tickets:\n",
     "p:15:7: there is no table \"Tickets\"; expected a table of the database (did you mean \"tickets\"?)"},
    {"      archive.log:\n", "      log:\n", "p:6:7: there is no table \"log\"; expected archive.log"},
    {"      archive.log:\n", "      archive.lgo:\n",
     "p:6:7: there is no table \"archive.lgo\"; expected a table of the database (did you mean "
     "\"archive.log\"?)"},
    {"      archive.log:\n", "      a.b.c:\n",
     "p:6:7: \"a.b.c\" is no name; expected name or schema.name, as PostgreSQL stores them; a part with a "
     "dot or quote in it in double quotes"},
    {"      archive.log:\n", "      '\"open':\n",
     "p:6:7: \"\"open\" is no name; expected name or schema.name, as PostgreSQL stores them; a part with a "
     "dot or quote in it in double quotes"},
    {"      archive.log:\n", "      pg_catalog.pg_class:\n",
     "p:6:7: \"pg_catalog.pg_class\" is PostgreSQL's own; expected `include: [introspection]` for what "
     "clients ask of the catalogs"},
    {"      ticket_notes:\n", "      public.tickets:\n",
     "p:26:7: the table public.tickets stands twice; expected it once (it is on line 15 already)"},
    {"      archive.log:\n        read:\n          columns: [id, line]\n", "      archive.log: {}\n",
     "p:6:7: capabilities.base.tables.archive.log allows nothing; expected read, insert, update or delete"},
    {"      archive.log:\n        read:\n          columns: [id, line]\n", "      archive.log: read\n",
     "p:6:20: capabilities.base.tables.archive.log is read; expected a map, as {read: {columns: [id]}}"},
    {"      archive.log:\n        read:\n          columns: [id, line]\n",
     "      archive.log:\n        raed:\n          columns: [id, line]\n",
     "p:6:7: capabilities.base.tables.archive.log allows nothing; expected read, insert, update or "
     "delete\np:7:9: unknown key \"raed\" in capabilities.base.tables.archive.log; expected read, insert, "
     "update or delete (did you mean \"read\"?)"},
    {"      archive.log:\n        read:\n          columns: [id, line]\n",
     "      totals:\n        delete: {}\n",
     "p:6:7: totals is a materialized view, which no statement writes to; expected read alone"},
    {"          columns: [id, line]", "          columns: []",
     "p:8:20: capabilities.base.tables.archive.log.read.columns is empty; expected a list of columns, as "
     "[id, status], or \"*\""},
    {"          columns: [id, line]", "          columns: id",
     "p:8:20: capabilities.base.tables.archive.log.read.columns is \"id\"; expected a list of columns, as "
     "[id, status], or \"*\""},
    {"          columns: [id, line]", "          colums: [id, line]",
     "p:8:11: unknown key \"colums\" in capabilities.base.tables.archive.log.read; expected columns, mask, "
     "rows or explain (did you mean \"columns\"?)"},
    {"          columns: [id, line]", "          columns: [id, id]",
     "p:8:25: the column \"id\" is in the list already; expected each column once"},
    {"          columns: [id, line]", "          columns: [id, \"*\"]",
     "p:8:25: \"*\" in a list of columns; expected columns: \"*\" for all of them"},
    {"          columns: [id, line]", "          columns: [id, lien]",
     "p:8:25: log has no column \"lien\"; expected id or line (did you mean \"line\"?)"},
    {"          columns: [id, line]", "          columns: [id, {line: 1}]",
     "p:8:25: capabilities.base.tables.archive.log.read.columns[1] is a map; expected the name of a column"},
    {"          columns: [id, line]", "          explain: true",
     "p:7:9: key \"columns\" is missing in capabilities.base.tables.archive.log.read; expected a list of "
     "columns, as [id, status], or \"*\""},
    {"          columns: [id, line]", "          columns: [id, line]\n          explain: yes",
     "p:9:20: capabilities.base.tables.archive.log.read.explain is yes; expected true or false"},
    {"          columns: [id, line]", "          columns:",
     "p:8:11: capabilities.base.tables.archive.log.read.columns is empty; expected a list of columns, as "
     "[id, status], or \"*\""},
    {"            subject: redact", "            subject: redakt",
     "p:19:22: capabilities.triage.tables.tickets.read.mask.subject is redakt; expected null, redact, hash "
     "or email (did you mean \"redact\"?)"},
    {"            subject: redact", "            body: redact",
     "p:19:13: capabilities.triage.tables.tickets.read.mask.body masks a column that `columns` does not "
     "show; expected id, subject or status"},
    {"            subject: redact", "            subject: {salt: x}",
     "p:19:13: key \"sql\" is missing in capabilities.triage.tables.tickets.read.mask.subject; expected an "
     "SQL expression over the table's columns\np:19:23: unknown key \"salt\" in "
     "capabilities.triage.tables.tickets.read.mask.subject; expected sql"},
    {"            subject: redact", "            subject: [redact]",
     "p:19:22: capabilities.triage.tables.tickets.read.mask.subject is a list; expected null, redact, hash, "
     "email or {sql: \"..\"}"},
    {"            subject: redact", "            id: email",
     "p:19:17: there is no mask email for the column \"id\" of type pg_catalog.int8; expected null, redact, "
     "hash or {sql: \"..\"}"},
    {"            subject: redact", "            subject: {sql: \"now()::text\"}",
     "p:19:28: capabilities.triage.tables.tickets.read.mask.subject.sql: the cast of timestamptz to text "
     "depends on settings of the session; expected (.. AT TIME ZONE 'UTC')::text"},
    {"            subject: redact", "            subject: {sql: \"status || subjekt\"}",
     "p:19:28: capabilities.triage.tables.tickets.read.mask.subject.sql: tickets has no column \"subjekt\"; "
     "expected id, tenant_id, subject, body, status, customer_id or created_at (did you mean \"subject\"?)"},
    {"            subject: redact", "            subject: {sql: \"created_at\"}",
     "p:19:28: capabilities.triage.tables.tickets.read.mask.subject.sql: it is of type timestamptz, and the "
     "cast to the column's pg_catalog.text can fail or depends on settings; expected an expression of the "
     "column's own type"},
    {"          mask:\n            subject: redact\n", "          mask: {}\n",
     "p:18:17: capabilities.triage.tables.tickets.read.mask is empty; expected a column, or no key `mask`"},
    {"          mask:\n            subject: redact\n", "          mask: redact\n",
     "p:18:17: capabilities.triage.tables.tickets.read.mask is redact; expected a map of columns, as {email: "
     "email}"},
    {"            subject: redact", "            subject: redact\n            id: hash",
     "p:25:11: update.by is \"id\", which `read` masks: a statement would name the mask; expected a key that "
     "is not masked"},
    {"          rows: \"tenant_id = :tenant\"\n        update:",
     "          rows: \"tenant_id = :tenent\"\n        update:",
     "p:20:17: the agent \"bot\" has no parameter \"tenent\"; expected `tenent` under its `parameters`, or "
     "one of agent, actor, task or tenant (did you mean \"tenant\"?)"},
    {"          rows: \"tenant_id = :tenant\"\n        update:",
     "          rows: \"tenent_id = :tenant\"\n        update:",
     "p:20:17: capabilities.triage.tables.tickets.read.rows: tickets has no column \"tenent_id\"; expected "
     "id, tenant_id, subject, body, status, customer_id or created_at (did you mean \"tenant_id\"?)"},
    {"          rows: \"tenant_id = :tenant\"\n        update:", "          rows: \"true\"\n        update:",
     "p:20:17: capabilities.triage.tables.tickets.read.rows is the same for every row; expected a condition "
     "over columns, or no key `rows`"},
    {"          rows: \"tenant_id = :tenant\"\n        update:",
     "          rows: \"tenant_id\"\n        update:",
     "p:20:17: capabilities.triage.tables.tickets.read.rows: it is of type int4; expected a condition, as "
     "tenant_id = :tenant"},
    {"          rows: \"tenant_id = :tenant\"\n        update:",
     "          rows: \"created_at > '2026-01-31'\"\n        update:",
     "p:20:17: capabilities.triage.tables.tickets.read.rows: what the timestamptz literal \"2026-01-31\" "
     "means depends on settings of the session; expected ISO form with an offset, as '2026-01-31 "
     "18:00:00+00'"},
    {"          rows: \"tenant_id = :tenant\"\n        update:",
     "          rows: \"tenant_id = current_setting('app.tenant')::int\"\n        update:",
     "p:20:17: capabilities.triage.tables.tickets.read.rows: current_setting() depends on what the agent "
     "sets; expected a parameter, as :tenant"},
    {"          rows: \"tenant_id = :tenant\"\n        update:", "          rows: [x]\n        update:",
     "p:20:17: capabilities.triage.tables.tickets.read.rows is a list; expected an SQL condition, as "
     "\"tenant_id = :tenant\", or {where: \"..\", enforce: rls}"},
    {"          rows: {where: \"tenant_id = :tenant\"}", "          rows: {wher: \"tenant_id = :tenant\"}",
     "p:34:18: unknown key \"wher\" in capabilities.triage.tables.ticket_notes.delete.rows; expected where "
     "or enforce (did you mean \"where\"?)"},
    {"          rows: {where: \"tenant_id = :tenant\"}",
     "          rows: {where: \"tenant_id = :tenant\", enforce: rsl}",
     "p:34:57: capabilities.triage.tables.ticket_notes.delete.rows.enforce is rsl; expected rls (did you "
     "mean \"rls\"?)"},
    {"          rows: {where: \"tenant_id = :tenant\"}", "          rows: {}",
     "p:34:11: key \"where\" is missing in capabilities.triage.tables.ticket_notes.delete.rows; expected an "
     "SQL condition"},
    {"          rows: {where: \"tenant_id = :tenant\"}", "          rows: \"tenant_id = :tenant AND\"",
     "p:34:17: capabilities.triage.tables.ticket_notes.delete.rows: it can't be read: syntax error at or "
     "near \")\"; expected an SQL expression"},
    {"          rows: {where: \"tenant_id = :tenant\"}",
     "          rows: \"body = :tenant AND tenant_id = :who\"",
     "p:34:17: the agent \"bot\" has no parameter \"who\"; expected `who` under its `parameters`, or one of "
     "agent, actor, task or tenant"},
    {"          columns: [status]\n", "          columns: [status, tenant_id]\n",
     "p:22:11: update may assign \"tenant_id\", which its `rows` uses: a row could be moved out of what the "
     "agent may see; expected the list without it"},
    {"          columns: [status]\n", "          columns: \"*\"\n",
     "p:22:11: update may assign \"tenant_id\", which its `rows` uses: a row could be moved out of what the "
     "agent may see; expected a list of columns without it"},
    {"          columns: [status]\n", "          columns: [status, id]\n",
     "p:22:11: \"id\" is generated always, and no update can assign it; expected the list without it"},
    {"          by: [id]\n          max_rows: 1\n", "          by: [id]\n",
     "p:24:11: capabilities.triage.tables.tickets.update.by is without max_rows; expected max_rows: 1, or "
     "how many keys one statement may name"},
    {"          by: [id]\n", "          by: []\n",
     "p:24:15: capabilities.triage.tables.tickets.update.by is empty; expected a list of columns, as [id, "
     "status], or \"*\""},
    {"          by: [id]\n", "          by: \"*\"\n",
     "p:24:15: capabilities.triage.tables.tickets.update.by is \"*\"; expected a list of columns, as [id]"},
    {"          by: [id]\n", "          by: [tenant_id]\n",
     "p:24:11: update.by is \"tenant_id\", which `read` does not show: no statement could name it; expected "
     "tenant_id in read.columns"},
    {"          by: [id]\n", "          by: [subject]\n",
     "p:24:11: update.by is \"subject\", which `read` masks: a statement would name the mask; expected a key "
     "that is not masked"},
    {"          max_rows: 1\n", "          max_rows: 0\n",
     "p:25:21: capabilities.triage.tables.tickets.update.max_rows is 0; expected a whole number from 1 to "
     "1000000000"},
    {"          max_rows: 1\n", "          max_rows: many\n",
     "p:25:21: capabilities.triage.tables.tickets.update.max_rows is many; expected a whole number from 1 to "
     "1000000000"},
    {"            author: \":actor\"\n", "            author: \":actor\"\n            body: \"'x'\"\n",
     "p:32:13: capabilities.triage.tables.ticket_notes.insert.set.body is in `columns` too; expected it in "
     "one of them: the agent may not name what the proxy fills in"},
    {"            author: \":actor\"\n", "            auther: \":actor\"\n",
     "p:31:13: ticket_notes has no column \"auther\"; expected id, ticket_id, body, tenant_id, author or "
     "created_at (did you mean \"author\"?)"},
    {"            author: \":actor\"\n", "            author: \":actr\"\n",
     "p:31:21: the agent \"bot\" has no parameter \"actr\"; expected `actr` under its `parameters`, or one "
     "of agent, actor, task or tenant (did you mean \"actor\"?)"},
    {"            author: \":actor\"\n", "            author: \"current_user\"\n",
     "p:31:21: capabilities.triage.tables.ticket_notes.insert.set.author: current_user is about the "
     "database's role or session, not about the agent; expected a parameter, as :agent, :actor or :task"},
    {"            author: \":actor\"\n", "            author: \"body\"\n",
     "p:31:21: capabilities.triage.tables.ticket_notes.insert.set.author: the column \"body\" has no value "
     "yet where a row is made; expected constants, :parameters and functions of them"},
    {"            author: \":actor\"\n", "            created_at: \"'today'\"\n",
     "p:31:25: capabilities.triage.tables.ticket_notes.insert.set.created_at: what the timestamptz literal "
     "\"today\" means depends on settings of the session; expected ISO form with an offset, as '2026-01-31 "
     "18:00:00+00'"},
    {"          set:\n            tenant_id: \":tenant\"\n            author: \":actor\"\n",
     "          set: {}\n",
     "p:29:16: capabilities.triage.tables.ticket_notes.insert.set is empty; expected a column, or no key "
     "`set`"},
    {"          returning: [id]", "          returning: []",
     "p:32:22: capabilities.triage.tables.ticket_notes.insert.returning is empty; expected a list of "
     "columns, as [id, status], or \"*\""},
    {"          returning: [id]", "          returning: [ids]",
     "p:32:23: ticket_notes has no column \"ids\"; expected id, ticket_id, body, tenant_id, author or "
     "created_at (did you mean \"id\"?)"},
    {"          columns: [ticket_id, body]", "          columns: [ticket_id, bdy]",
     "p:28:32: ticket_notes has no column \"bdy\"; expected id, ticket_id, body, tenant_id, author or "
     "created_at (did you mean \"body\"?)"},
    {"          returning: [id]", "          rows: \"true\"",
     "p:32:11: unknown key \"rows\" in capabilities.triage.tables.ticket_notes.insert; expected columns, "
     "set, max_rows or returning"},
    {"    functions: [safe, public.word_count]", "    functions: [safe, safe]",
     "p:35:23: \"safe\" is in the list already; expected each function once"},
    {"    functions: [safe, public.word_count]", "    functions: [saef]",
     "p:35:17: there is no function or set \"saef\"; expected a set (safe, json, text_search, introspection) "
     "or a function of the database (did you mean \"safe\"?)"},
    {"    functions: [safe, public.word_count]", "    functions: [public.word_cont]",
     "p:35:17: there is no function or set \"public.word_cont\"; expected a set (safe, json, text_search, "
     "introspection) or a function of the database (did you mean \"public.word_count\"?)"},
    {"    functions: [safe, public.word_count]", "    functions: safe",
     "p:35:16: capabilities.triage.functions is safe; expected a list of sets and functions, as [safe, "
     "public.word_count]"},
    {"    functions: [safe, public.word_count]", "    functions: []",
     "p:35:16: capabilities.triage.functions is empty; expected a list of sets and functions, as [safe, "
     "public.word_count]"},
    {"    functions: [safe, public.word_count]", "    functions: [pg_read_file]",
     "p:35:17: the function \"pg_read_file\" can't be opened (files of the server); expected the list "
     "without it"},
    {"    functions: [safe, public.word_count]", "    functions: [pg_ls_dir]",
     "p:35:17: the function \"pg_ls_dir\" can't be opened (files of the server); expected the list without "
     "it"},
    {"    functions: [safe, public.word_count]", "    functions: [\"a.b.c\"]",
     "p:35:17: \"a.b.c\" is no name; expected name or schema.name, as PostgreSQL stores them; a part with a "
     "dot or quote in it in double quotes"},
    {"    statements: [listen]", "    statements: [lisen]",
     "p:36:18: capabilities.triage.statements[0] is lisen; expected truncate, listen, notify, call, ddl, "
     "copy_from or lock (did you mean \"listen\"?)"},
    {"    statements: [listen]", "    statements: [listen, listen]",
     "p:36:26: listen is in the list already; expected each kind once"},
    {"    statements: [listen]", "    statements: []",
     "p:36:17: capabilities.triage.statements is empty; expected a list of kinds of statement, as [truncate, "
     "lock]"},
    {"agents:\n  bot:\n",
     "  alone:\n    statements: [truncate, call, copy_from, ddl, lock]\nagents:\n  bot:\n",
     "p:43:5: statements has truncate, and \"alone\" has nothing that it could be about; expected a "
     "table\np:43:5: statements has copy_from, and \"alone\" has nothing that it could be about; expected a "
     "table with `insert`, without set and max_rows\np:43:5: statements has lock, and \"alone\" has nothing "
     "that it could be about; expected a table\np:43:5: statements has ddl, and \"alone\" has nothing that "
     "it could be about; expected a table\np:43:5: statements has call, and \"alone\" has nothing that it "
     "could be about; expected a procedure in `functions`, as public.archive"},
    {"          rows: \"tenant_id = :tenant\"\n        update:",
     "          rows: \"tenant_id = 1 AND tenant_id = 2\"\n        update:",
     "p:20:17: capabilities.triage.tables.tickets.read.rows: no row can fit it, so that the rule would never "
     "allow anything; expected a condition that some rows fit"},
    {"          rows: \"tenant_id = :tenant\"\n        update:",
     "          rows: \"tenant_id IS NULL\"\n        update:",
     "p:20:17: capabilities.triage.tables.tickets.read.rows: no row can fit it, so that the rule would never "
     "allow anything; expected a condition that some rows fit"},
    {"          rows: \"tenant_id = :tenant\"\n        update:", "          rows: \"false\"\n        update:",
     "p:20:17: capabilities.triage.tables.tickets.read.rows: no row can fit it, so that the rule would never "
     "allow anything; expected a condition that some rows fit"},
    {"          rows: \"tenant_id = :tenant\"\n        update:",
     "          rows: {where: \"tenant_id = :tenant\", enforce: [rls]}\n        update:",
     "p:20:57: capabilities.triage.tables.tickets.read.rows.enforce is a list; expected rls"},
    {"      work_mem: {max: 64MB}", "      work_mem: {most: 64MB}",
     "p:38:7: key \"max\" is missing in capabilities.triage.settings.work_mem; expected {max: "
     "64MB}\np:38:18: unknown key \"most\" in capabilities.triage.settings.work_mem; expected max"},
    {"      work_mem: {max: 64MB}", "      work_mem: 64MB",
     "p:38:17: capabilities.triage.settings.work_mem is 64MB; expected allow or deny"},
    {"      work_mem: {max: 64MB}", "      work_mem: []",
     "p:38:17: capabilities.triage.settings.work_mem is empty; expected allow, deny, a list of values or "
     "{max: 64MB}"},
    {"      work_mem: {max: 64MB}", "      work_mem: {max: 64MB}\n      Work_Mem: deny",
     "p:39:7: the setting work_mem stands twice; expected it once, since case makes no difference"},
    {"      work_mem: {max: 64MB}", "      chaperone.actor: allow",
     "p:38:7: the setting chaperone.actor is the proxy's own; expected `settings` without it"},
    {"    settings:\n      work_mem: {max: 64MB}\n", "    settings: {}\n",
     "p:37:15: capabilities.triage.settings is empty; expected a setting, or no key `settings`"},
    {"      bytes: 8MiB", "      bytes: 8MB",
     "p:40:14: capabilities.triage.limits.bytes is 8MB; expected a size from 1KiB to 1024GiB, as 512, 64KiB, "
     "1MiB or 1GiB"},
    {"      bytes: 8MiB", "      bytes: 10",
     "p:40:14: capabilities.triage.limits.bytes is 10; expected a size from 1KiB to 1024GiB, as 512, 64KiB, "
     "1MiB or 1GiB"},
    {"      time: 5s", "      time: 0s",
     "p:41:13: capabilities.triage.limits.time is 0s; expected a duration from 1ms to 24h, as 500ms, 10s, "
     "15m or 1h"},
    {"      time: 5s", "      time: 25h",
     "p:41:13: capabilities.triage.limits.time is 25h; expected a duration from 1ms to 24h, as 500ms, 10s, "
     "15m or 1h"},
    {"      time: 5s", "      times: 5s",
     "p:41:7: unknown key \"times\" in capabilities.triage.limits; expected rows, bytes or time (did you "
     "mean \"time\"?)"},
    {"      rows: 10\n", "      rows: 0\n",
     "p:10:13: capabilities.base.limits.rows is 0; expected a whole number from 1 to 1000000000"},
    {"      rows: 10\n", "      rows: {max: 10, over: fial}\n",
     "p:10:29: capabilities.base.limits.rows.over is fial; expected cut or fail (did you mean \"fail\"?)"},
    {"      rows: 10\n", "      rows: {over: fail}\n",
     "p:10:7: key \"max\" is missing in capabilities.base.limits.rows; expected {max: 1000, over: fail}"},
    {"    limits:\n      rows: 10\n", "    limits: {}\n",
     "p:9:13: capabilities.base.limits is empty; expected rows, bytes or time, or no key `limits`"},
    {"    capabilities: [triage]", "    capabilities: [traige]",
     "p:44:20: there is no capability \"traige\"; expected base or triage (did you mean \"triage\"?)"},
    {"    capabilities: [triage]", "    capabilities: []",
     "p:44:19: agents.bot.capabilities is empty; expected a list of capabilities, as [triage-tickets]"},
    {"    capabilities: [triage]", "    capabilities: [triage, triage]",
     "p:44:28: \"triage\" is in the list already; expected each capability once"},
    {"    capabilities: [triage]", "    capabilities: triage",
     "p:44:19: agents.bot.capabilities is triage; expected a list of capabilities, as [triage-tickets]"},
    {"    capabilities: [triage]", "    capabilities: [triage, introspection]",
     "p:44:28: there is no capability \"introspection\"; expected it in the `include` of a capability, since "
     "it ships with pgchaperone"},
    {"    capabilities: [triage]", "    capabilities: [triage]\n    mode: enforce",
     "p:45:11: agents.bot.mode is enforce; expected observe"},
    {"    capabilities: [triage]", "    capabilities: [triage]\n    session: nope",
     "p:45:14: agents.bot.session is nope; expected none (did you mean \"none\"?)"},
    {"    capabilities: [triage]\n    parameters:\n      tenant: 7\n", "    session: none\n",
     "p:43:3: key \"capabilities\" is missing in agents.bot; expected a list of capabilities, as "
     "[triage-tickets]"},
    {"      tenant: 7", "      tenent: 7",
     "p:30:24: the agent \"bot\" has no parameter \"tenant\"; expected `tenant` under its `parameters`, or "
     "one of agent, actor, task or tenent (did you mean \"tenent\"?)"},
    {"      tenant: 7", "      tenant: seven",
     "p:30:24: the parameter \"tenant\" of the agent \"bot\" is \"seven\", which can't be read as int4; "
     "expected a whole number of 4 bytes"},
    {"      tenant: 7", "      tenant: 3000000000",
     "p:30:24: the parameter \"tenant\" of the agent \"bot\" is \"3000000000\", which can't be read as int4; "
     "expected a whole number of 4 bytes"},
    {"      tenant: 7", "      tenant: [7]",
     "p:46:15: agents.bot.parameters.tenant is a list; expected a constant, as 7, or a claim, as `claim "
     "tenant_id`"},
    {"      tenant: 7", "      tenant: claim",
     "p:46:15: agents.bot.parameters.tenant names no claim; expected the name of a claim, as `claim "
     "tenant_id`"},
    {"      tenant: 7", "      tenant: claim tenant id",
     "p:46:15: agents.bot.parameters.tenant names a claim with a blank; expected one claim, as `claim "
     "tenant_id`"},
    {"      tenant: 7", "      tenant: claims tenant_id",
     "p:46:15: agents.bot.parameters.tenant is \"claims tenant_id\"; expected a claim, as `claim tenant_id` "
     "(did you mean \"claim\"?), or quotes around the text of a constant"},
    {"      tenant: 7", "      tenant: Clam:tenant_id",
     "p:46:15: agents.bot.parameters.tenant is \"Clam:tenant_id\"; expected a claim, as `claim tenant_id` "
     "(did you mean \"claim\"?), or quotes around the text of a constant"},
    {"      tenant: 7", "      tenant: 7\n      actor: me",
     "p:47:7: the parameter actor is always there and means who asks; expected another name"},
    {"      tenant: 7", "      tenant: 7\n      Upper: 1",
     "p:47:7: the parameter \"Upper\" can't be written as :name; expected a lower-case letter or _, then "
     "letters, digits and _"},
    {"    parameters:\n      tenant: 7\n", "    parameters: {}\n",
     "p:30:24: the agent \"bot\" has no parameter \"tenant\"; expected `tenant` under its `parameters`, or "
     "one of agent, actor or task\np:45:17: agents.bot.parameters is empty; expected a parameter, or no key "
     "`parameters`"},
    {"    parameters:\n      tenant: 7\n", "",
     "p:30:24: the agent \"bot\" has no parameter \"tenant\"; expected `tenant` under its `parameters`, or "
     "one of agent, actor or task"},
    {"  bot:\n", "  \"bot:1\":\n",
     "p:43:3: the name of an agent holds a colon; expected a name that can stand in the passwords file"},
    {"agents:\n", "agents: {}\nagent:\n",
     "p:42:9: agents is empty; expected at least one agent\np:43:1: unknown key \"agent\"; expected version, "
     "salt, capabilities or agents (did you mean \"agents\"?)"},
};

std::string problems_of(std::string_view from, std::string_view to) {
  std::string text(kGood);
  const std::size_t at = text.find(from);
  if (at == std::string::npos) return "not in the policy";
  text.replace(at, from.size(), to);
  Problems problems;
  load_policy(text, "p", *test::shop(), problems);
  return problems.text();
}

TEST(BrokenPolicy, TheGoodOneIsGood) {
  Problems problems;
  load_policy(kGood, "p", *test::shop(), problems);
  EXPECT_EQ(problems.text(), "");
  EXPECT_TRUE(problems.warnings().empty()) << problems.warnings()[0];
}

TEST(BrokenPolicy, AHashNeedsASalt) {
  std::string text(kGood);
  text.replace(text.find("salt: 0123456789abcdef\n"), 23, "");
  text.replace(text.find("redact"), 6, "hash");
  Problems problems;
  load_policy(text, "p", *test::shop(), problems);
  EXPECT_EQ(problems.text(),
            "p:18:22: capabilities.triage.tables.tickets.read.mask.subject is hash, and the policy has no "
            "salt; expected `salt` beside "
            "`version`, so that nobody can try out values without it");
}

/// What is no mistake for certain.
TEST(BrokenPolicy, Warnings) {
  const auto warnings_of = [](std::string_view from, std::string_view to) {
    std::string text(kGood);
    text.replace(text.find(from), from.size(), to);
    Problems problems;
    load_policy(text, "p", *test::shop(), problems);
    EXPECT_EQ(problems.text(), "") << to;
    return problems.warnings().empty() ? "none" : problems.warnings()[0];
  };
  EXPECT_EQ(warnings_of("  base:\n", "  spare:\n    functions: [safe]\n  base:\n"),
            "p:4:3: no agent has the capability \"spare\"; leave it out, or name it under `capabilities` of "
            "an agent");
  EXPECT_EQ(
      warnings_of("tenant: 7", "tenant: 7\n      other: 8"),
      "p:43:3: the parameter \"other\" of \"bot\" is not used by any of its capabilities; leave it out");
  EXPECT_EQ(warnings_of("by: [id]", "by: [status]"),
            "p:24:11: update.by holds no key of tickets: one value may stand in many rows; max_rows bounds "
            "them all the same");
  EXPECT_EQ(warnings_of("columns: [ticket_id, body]", "columns: [body]"),
            "p:28:11: \"ticket_id\" is NOT NULL without a default, and the insert can't give it; unless a "
            "trigger fills it in, name "
            "it in `columns` or `set`");
  EXPECT_EQ(warnings_of("      archive.log:\n",
                        "      customers: {read: {columns: [id, name_upper]}}\n      archive.log:\n"),
            "p:6:26: \"name_upper\" is generated and shown, and may hold what a hidden or masked column "
            "holds; mask it or leave it "
            "out unless its sources are shown");
  EXPECT_EQ(warnings_of("{where: \"tenant_id = :tenant\"}", "{where: \"tenant_id = :tenant\", enforce: rls}"),
            "p:34:25: row-level security is not on for ticket_notes in this schema; run what "
            "pgchaperone broker sql prints before an agent gets in");
  EXPECT_EQ(warnings_of("    capabilities: [triage]", "    capabilities: [triage, base]"),
            "p:44:28: \"base\" can never decide: \"triage\" in front of it includes it; leave it out, or put "
            "it first");
  EXPECT_EQ(warnings_of("          rows: \"tenant_id = :tenant\"\n          by: [id]", "          by: [id]"),
            "p:21:9: update has no rows, and `read` has: the agent may change rows that it can't see; give "
            "it the same `rows`");
  EXPECT_EQ(
      warnings_of("        update:\n", "        insert: {columns: [subject, tenant_id]}\n        update:\n"),
      "p:21:18: insert may give \"tenant_id\", which the `rows` of read use: the agent may make rows that it "
      "can't see; fill it in "
      "by `set`");
  EXPECT_EQ(warnings_of("          max_rows: 1\n", "          max_rows: 1\n          returning: \"*\"\n"),
            "p:26:11: update.returning is \"*\", and `read` shows some columns alone; list what RETURNING "
            "may name");
  EXPECT_EQ(
      warnings_of("work_mem: {max: 64MB}", "search_path: allow"),
      "p:38:7: the setting search_path stays as it is (pinned: what names mean depends on it); leave it out");
  EXPECT_EQ(warnings_of("statements: [listen]", "statements: [truncate]"),
            "p:36:5: \"triage\" has no table that may be truncated; that takes `delete: {}`, whose rows are "
            "neither filtered nor "
            "bounded");
  EXPECT_EQ(warnings_of("public.word_count]", "nextval]"),
            "p:35:23: the function \"nextval\" is in no set (changes a sequence, which no rollback takes "
            "back); leave it out unless the agent needs it");
}

TEST(BrokenPolicy, EachNamesThePlaceAndTheWayOut) {
  for (const Broken& broken : kBroken) {
    EXPECT_EQ(problems_of(broken.from, broken.to), broken.problems) << broken.to;
  }
}

}  // namespace
}  // namespace chaperone::rules
