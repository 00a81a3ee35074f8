#include "tests/pg/scripts.hpp"

namespace chaperone::pg {
namespace {

Login with(std::vector<std::pair<std::string, std::string>> parameters) {
  Login login;
  login.parameters = std::move(parameters);
  return login;
}

}  // namespace

Scripts session_scripts() {
  const Round alive = {query("select 'alive'")};
  return {
      {"session: nothing at all", {}},
      {"session: terminate", {{terminate(), "$"}}},
      {"session: terminate behind a query", {{query("select 1") + terminate(), "Z$"}}},
      {"session: terminate in a transaction",
       {{query("begin; insert into big values (1, 'x')")}, {terminate(), "$"}}},
      {"session: terminate behind an unfinished unit", {{extended("select 1") + terminate(), "$"}}},
      {"session: application name",
       {{query("show application_name")}},
       with({{"application_name", "näme with spaces"}})},
      {"session: encoding and styles",
       {{query("select 'ä', '2020-02-01'::date")}},
       with({{"client_encoding", "LATIN1"}, {"DateStyle", "German"}, {"TimeZone", "Asia/Tokyo"}})},
      {"session: options",
       {{query("show work_mem")}, {query("show enable_seqscan")}},
       with({{"options", "-c work_mem=7MB -c enable_seqscan=off"}})},
      {"session: extra float digits", {{query("select 0.1::float4")}}, with({{"extra_float_digits", "0"}})},
      {"session: empty values", {alive}, with({{"application_name", ""}, {"options", ""}})},
      {"session: a parameter twice",
       {{query("show application_name")}},
       with({{"application_name", "one"}, {"application_name", "two"}})},
      {"session: many parameters",
       {{query("show search_path")}},
       with({{"search_path", "pg_catalog"},
             {"geqo", "off"},
             {"lock_timeout", "1000"},
             {"statement_timeout", "10s"}})},
      {"session: no such parameter", {}, with({{"no_such_setting", "1"}})},
      {"session: a value that is refused", {}, with({{"work_mem", "lots"}})},
      {"session: options that are refused", {}, with({{"options", "-c no_such_setting=1"}})},
      {"session: encoding that does not exist", {}, with({{"client_encoding", "EBCDIC"}})},
      {"session: replication that is off", {alive}, with({{"replication", "false"}})},
      {"session: notification from another session",
       {{query("listen here")}, {"", "A", "notify here, 'from outside'"}, alive}},
      {"session: notifications while busy",
       {{query("listen here")},
        {query("begin")},
        {query("select 1"), "Z", "notify here, 'held back'"},
        {query("commit"), "Z"},
        alive}},
      {"session: settings reloaded",
       {alive, {query("select count(*) from pg_settings where name = 'work_mem'")}}},
      {"session: terminated by another", {alive, {"", "$", "select pg_terminate_backend($PID)"}}},
      {"session: terminates itself", {{query("select pg_terminate_backend(pg_backend_pid())"), "$"}}},
      {"session: terminates itself in a pipeline",
       {{extended("select 1") + extended("select pg_terminate_backend(pg_backend_pid())") +
             extended("select 2") + sync(),
         "$"}}},
      {"session: cancels itself", {{query("select pg_cancel_backend(pg_backend_pid())")}, alive}},
      {"session: terminated while it runs",
       {{query("select pg_sleep(20)"), "$", "select pg_sleep(0.05), pg_terminate_backend($PID)"}}},
      {"session: cancelled while it runs",
       {{query("select pg_sleep(20)"), "Z", "select pg_sleep(0.05), pg_cancel_backend($PID)"}, alive}},
      {"session: cancelled in a pipeline",
       {{extended("select 1") + extended("select pg_sleep(20)") + extended("select 3") + sync(), "Z",
         "select pg_sleep(0.05), pg_cancel_backend($PID)"},
        alive}},
      {"session: terminated in copy in",
       {{query("copy big from stdin"), "G"},
        {copy_data("1\tx\n"), "$", "select pg_sleep(0.05), pg_terminate_backend($PID)"}}},
      {"session: idle in transaction timeout",
       {{query("set idle_in_transaction_session_timeout = 50")}, {query("begin")}, {"", "$"}}},
      {"session: idle in failed transaction timeout",
       {{query("set idle_in_transaction_session_timeout = 50")}, {query("begin; select 1/0")}, {"", "$"}}},
      {"session: idle timeout", {{query("set idle_session_timeout = 50")}, {"", "$"}}},
      {"session: idle in transaction timeout, extended",
       {{query("set idle_in_transaction_session_timeout = 50")}, {extended("begin") + sync()}, {"", "$"}}},
      {"session: a write refused",
       {{query("set default_transaction_read_only = on")},
        {query("insert into big values (1, 'x')")},
        {extended("insert into big values (1, 'x')") + sync()}}},
      {"session: everything in one flight",
       {{query("listen here") + extended("select $1::text", {"x"}) + sync() + query("notify here") +
         query("begin") + extended("select 1/0") + sync() + query("rollback") +
         query("set datestyle = 'German'") + query("select shout('loud')") + query("copy item to stdout") +
         query("")}}},
      {"session: parameter reported in a unit",
       {{extended("set application_name = 'a'") + extended("set application_name = 'b'") + sync()},
        {query("reset application_name")}}},
      {"session: parameter set back by rollback",
       {{query("begin")}, {query("set datestyle = 'German'")}, {query("rollback")}}},
      {"session: large object",
       {{query("begin")},
        {query("select lo_from_bytea(424242, '\\x0102')")},
        {query("select lo_get(424242)")},
        {query("select lo_unlink(424242)")},
        {query("commit")}}},
  };
}

}  // namespace chaperone::pg
