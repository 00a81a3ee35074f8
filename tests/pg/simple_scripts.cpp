#include <fmt/format.h>

#include "tests/pg/scripts.hpp"

namespace chaperone::pg {
namespace {

// Each line is a script: its queries, one Query message each, stand between bars.
constexpr std::string_view kLines[] = {
    "",
    ";",
    ";;; ",
    "-- nothing but a comment",
    "/* nothing /* nested */ here */",
    "select 1",
    "select 1; select 2, 'two'; select 3.0 as three",
    ";select 1;;select 2;",
    "select 1; select 1/0; select 3",
    "select 1; select from where; select 3",
    "selec 1",
    "select",
    "select * from item order by id",
    "select * from item where false",
    "select null, true, 1::int2, 2::int8, 1.5::float8, 'x'::text, '\\xdead'::bytea, array[1,2], "
    "'{\"a\":1}'::jsonb",
    "select * from no_such_table",
    "select no_such_column from item",
    "select no_such_function(1)",
    "select fails()",
    "select shout('hello')",
    "select shout('a'); select shout('b')",
    "insert into item values (10, 'ten', 10, 1)",
    "insert into item values (10, 'ten', 10, 1) returning *",
    "insert into item values (1, 'again', 1, 1)",
    "insert into item values (1, 'again', 1, 1) on conflict (id) do update set name = excluded.name "
    "returning name",
    "insert into item (id) values (50)",
    "insert into item values (51, 'x', 1, -1)",
    "insert into line values (1, 999)",
    "update item set stock = stock + 1",
    "update item set stock = stock + 1 where id = 999",
    "update item set stock = -5",
    "delete from item where id = 3 returning id",
    "delete from item",
    "merge into item i using (values (1, 'm'), (77, 'n')) s(id, name) on i.id = s.id when matched then "
    "update set name = "
    "s.name when not matched then insert (id, name) values (s.id, s.name)",
    "insert into item values (60, 'a', 1, 1); insert into item values (1, 'b', 1, 1)|select count(*) from "
    "item",
    "insert into item values (61, 'a', 1, 1); begin; insert into item values (62, 'b', 1, 1)|rollback|select "
    "count(*) from item",
    "begin; select 1; commit; select 2",
    "begin|select 1|select 1/0|select 2|commit|select 3",
    "begin|select 1/0|rollback|select 3",
    "begin; select 1/0; rollback|select 1|rollback",
    "commit",
    "rollback",
    "begin|begin|commit|commit",
    "end|abort|start transaction|end",
    "begin isolation level serializable read only deferrable|insert into item values (9, 'x', 1, 1)|rollback",
    "begin|commit and chain|select 1|rollback and chain|select 2|rollback",
    "create temp table t (a int, b text)|insert into t select g, 'row' from generate_series(1, 3) g|select "
    "a, b from t|drop table t",
    "create temp table t as select 1 as a|select count(*) from t|discard temp|select count(*) from t",
    "create table scratch (a int); drop table scratch; drop table scratch",
    "drop table if exists not_there",
    "create table item (a int)",
    "truncate big|select count(*) from big",
    "select nextval('numbers')|select nextval('numbers'), currval('numbers')|select setval('numbers', "
    "100)|select lastval()",
    "set work_mem = '5MB'|show work_mem|reset work_mem|show work_mem",
    "set application_name = 'renamed'|show application_name|reset application_name",
    "set datestyle = 'German, DMY'|select '2020-02-01'::date|reset datestyle",
    "set timezone = 'Europe/Berlin'|select '2020-02-01 00:00Z'::timestamptz|set timezone to default",
    "set client_encoding = 'LATIN1'|select 'ä'|set client_encoding = 'UTF8'|select 'ä'",
    "set standard_conforming_strings = off|select 'a\\'b'|set standard_conforming_strings = on",
    "set intervalstyle = 'iso_8601'|select interval '1 day 2 hours'",
    "begin|set local datestyle = 'SQL, MDY'|rollback",
    "begin|set datestyle = 'SQL, MDY'|savepoint a|set datestyle = 'German'|rollback to a|commit|reset all",
    "select set_config('DateStyle', 'Postgres', false)|select current_setting('DateStyle')",
    "set no_such_setting = 1",
    "set statement_timeout = 20|select pg_sleep(5)|select 'alive'|reset statement_timeout",
    "begin|set local statement_timeout = 20|select pg_sleep(5)|select 1|rollback",
    "set lock_timeout = 10|select 1",
    "set client_min_messages = debug1|create temp table u (a int primary key)|reset client_min_messages",
    "set client_min_messages = error|drop table if exists not_there|reset client_min_messages",
    "show all",
    "show server_version|show transaction_isolation",
    "explain (costs off) select * from item where id = 1",
    "explain (costs off, format json) select 1",
    "explain (analyze, costs off, timing off, summary off) select 1",
    "values (1, 'a'), (2, 'b')",
    "table item",
    "with recursive t(n) as (values (1) union all select n + 1 from t where n < 10) select sum(n) from t",
    "with d as (delete from item returning id) select count(*) from d",
    "select * into temp copied from item|select count(*) from copied",
    "prepare p as select $1::int + 1|execute p(1)|execute p(2)|deallocate p|execute p(3)",
    "prepare p as select 1|prepare p as select 2|deallocate all|prepare p as select 3|execute p",
    "prepare p (int) as insert into item values ($1, 'p', 1, 1)|execute p(70)|execute p(70)|execute p(71)",
    "deallocate not_there",
    "begin|declare c cursor for select id from item order by id|fetch 1 from c|fetch all from c|fetch 1 from "
    "c|close c|commit",
    "begin|declare c scroll cursor for select id from item order by id|move 2 in c|fetch backward 1 from "
    "c|fetch last from c|commit",
    "declare c cursor for select 1",
    "declare c cursor with hold for select id from item order by id|fetch 1 from c|fetch next from c|close "
    "c|close c",
    "begin|declare c cursor with hold for select id from item order by id|commit|fetch all from c|close all",
    "begin|declare c binary cursor for select id, name from item order by id|fetch all from c|rollback|fetch "
    "1 from c",
    "begin|declare c cursor for select id from item order by id for update|fetch 1 from c|update item set "
    "name = 'cur' where current of c|commit|select name from item order by id",
    "listen here|notify here, 'payload'|unlisten here|notify here, 'unheard'",
    "listen here|begin|notify here, 'a'|notify here, 'a'|notify here, 'b'|commit",
    "listen here|begin|notify here, 'a'|rollback|select 1|unlisten *",
    "listen a; listen b; notify a, '1'; notify b, '2'",
    "select pg_notify('here', 'x')|listen here|select pg_notify('here', 'y')",
    "do $$ begin raise notice 'in do'; end $$",
    "do $$ begin raise warning 'w'; raise info 'i'; raise log 'l'; raise debug 'd'; end $$",
    "do $$ begin for i in 1..50 loop raise notice 'notice %', i; end loop; end $$",
    "do $$ begin perform 1/0; exception when division_by_zero then raise notice 'caught'; end $$",
    "do $$ declare x int; begin x := 1/0; end $$",
    "call twice()|select count(*) from big",
    "begin|call twice()|rollback",
    "select 1; call twice()|select count(*) from big",
    "discard all|select 1",
    "begin|discard all|rollback",
    "prepare p as select 1|listen x|set work_mem = '6MB'|discard all|show work_mem|execute p",
    "discard plans; discard sequences",
    "vacuum big|analyze big",
    "begin|vacuum big|rollback",
    "select 1; vacuum big",
    "checkpoint",
    "lock table item",
    "begin|lock table item in share mode|commit",
    "select 'it''s', E'tab\\there', U&'d\\0061t\\+000061', $q$dollar 'quoted'$q$, b'101', x'1F'",
    "select 'two '\n'parts'",
    "select \"id\" as \"A \"\"quoted\"\" name\" from item order by 1",
    "select 1 as a, 2 as a, 3",
    "select 'unterminated",
    "select \"unterminated",
    "select $$unterminated",
    "select 1 /* unterminated",
    "select 'broken utf8 \xff'",
    "select 'ünïcödé 漢字 🐘' as \"größe\"",
    "select position('x' in repeat('ä', 100)), 1/0",
    "select 'ääää' || no_such",
    "select chr(0)",
    "select repeat('x', 100000)",
    "select generate_series(1, 2000)",
    "select repeat('x', 5000) from generate_series(1, 100)",
    "select 1 from generate_series(1, 10) g where 1/(g - 5) > 0",
    "select g, 1/(500 - g) from generate_series(1, 1000) g",
    "select json_serialize('{}')",
    "select * from json_table('[]', '$' columns (a int path '$'))",
    "merge into item using item i2 on true when not matched by source then delete",
    "select 1_000",
    "select 0x1F",
    "create or replace trigger t before insert on no_such for each row execute function no_such()",
    "grant select on item to other|revoke select on item from other",
    "set role other|select current_user|select * from item|reset role",
    "set session authorization other|select session_user|reset session authorization",
    "comment on table item is 'things'|select obj_description('item'::regclass)",
    "begin|savepoint a|insert into item values (80, 'a', 1, 1)|rollback to a|select count(*) from "
    "item|release a|commit",
    "begin|savepoint a|select 1/0|rollback to savepoint a|select 1|savepoint b|release a|rollback to "
    "b|rollback",
    "begin|rollback to nowhere|commit",
    "savepoint a",
    "begin; savepoint a; select 1/0; rollback to a; commit|rollback to a|commit",
    "begin|insert into line values (1, 999)|commit|select count(*) from line",
    "begin|insert into line values (1, 999)|set constraints all immediate|commit",
    "begin|insert into item values (90, 'two', 1, 1)|prepare transaction 'gid'|select count(*) from "
    "item|commit prepared 'gid'|select count(*) from item",
    "begin|insert into item values (90, 'two', 1, 1)|prepare transaction 'gid'|rollback prepared "
    "'gid'|select count(*) from item",
    "begin|select 1/0|prepare transaction 'gid'|rollback prepared 'gid'",
    "prepare transaction 'gid'|commit prepared 'not_there'",
    "begin|insert into line values (1, 999)|prepare transaction 'gid'",
    "import foreign schema x from server y into z",
    "load 'plpgsql'",
    "alter system set work_mem = '4MB'; select 1",
    "reindex table big|cluster|refresh materialized view nothing",
    "alter table item add column extra int default 5|select extra + 0 from item where id = 1|alter table "
    "item "
    "drop column extra",
};

}  // namespace

Scripts simple_scripts() {
  Scripts scripts;
  for (std::string_view line : kLines) {
    Script script{fmt::format("simple: {}", line.substr(0, 60)), {}};
    while (true) {
      const auto bar = line.find('|');
      // Where "||" is an operator.
      const auto end =
          bar != std::string_view::npos && line.substr(bar, 2) == "||" ? std::string_view::npos : bar;
      script.rounds.push_back({query(line.substr(0, end))});
      if (end == std::string_view::npos) break;
      line.remove_prefix(end + 1);
    }
    scripts.push_back(std::move(script));
  }
  const std::string long_text(1U << 20, 'x');
  scripts.push_back({"simple: a text of more than 1 MiB", {{query("select length('" + long_text + "')")}}});
  scripts.push_back(
      {"simple: a comment of 3 MiB", {{query("select 1 /*" + long_text + long_text + long_text + "*/")}}});
  scripts.push_back(
      {"simple: a text at the limit of 1 MiB", {{query("select '" + long_text.substr(9) + "'")}}});
  std::string list = "select 1";
  for (int i = 0; i < 1500; ++i) list += ", 1";
  scripts.push_back({"simple: a list of 1500", {{query(list)}}});
  std::string deep = "select " + std::string(3000, '(') + "1" + std::string(3000, ')');
  scripts.push_back({"simple: nested deeper than is read", {{query(deep)}, {query("select 1")}}});
  std::string many;
  for (int i = 0; i < 500; ++i) many += fmt::format("select {};", i);
  scripts.push_back({"simple: 500 statements in a string", {{query(many)}}});
  scripts.push_back(
      {"simple: many queries at once",
       {{query("select 1") + query("select 1/0") + query("begin") + query("select 2") + query("commit")}}});
  return scripts;
}

}  // namespace chaperone::pg
