#include "rules/builtin/settings.hpp"

#include <gtest/gtest.h>

#include <cctype>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace chaperone::rules {
namespace {

using Values = std::vector<std::string_view>;

const std::vector<std::string> kPath = {"public"};
const SettingBounds kBounds = {.search_path = kPath, .time = std::chrono::seconds(5)};

bool set(std::string_view name, const Values& values, const SettingBounds& bounds = kBounds) {
  const Setting* setting = find_setting(name);
  return setting != nullptr && setting->is_set() && admits(*setting, values, bounds);
}

bool set(std::string_view name, std::string_view value, const SettingBounds& bounds = kBounds) {
  const Setting* setting = find_setting(name);
  const bool by_set = set(name, Values{value}, bounds);
  if (setting != nullptr && setting->is_set() && setting->kind != SettingKind::kPath) {
    EXPECT_EQ(by_set, admits_text(*setting, value, bounds)) << name << " " << value;
  }
  return by_set;
}

TEST(Settings, WhatDriversAndToolsSend) {
  const std::pair<std::string_view, std::string_view> sent[] = {
      {"application_name", "PostgreSQL JDBC Driver"},
      {"extra_float_digits", "3"},
      {"extra_float_digits", "-15"},
      {"DateStyle", "ISO"},
      {"datestyle", "ISO, MDY"},
      {"intervalstyle", "iso_8601"},
      {"IntervalStyle", "POSTGRES"},
      {"TimeZone", "Europe/Berlin"},
      {"timezone", "UTC"},
      {"client_encoding", "UTF8"},
      {"client_encoding", "utf-8"},
      {"client_encoding", "UNICODE"},
      {"client_min_messages", "warning"},
      {"client_min_messages", "NOTICE"},
      {"standard_conforming_strings", "on"},
      {"standard_conforming_strings", "true"},
      {"bytea_output", "hex"},
      {"default_transaction_isolation", "read committed"},
      {"transaction_isolation", "SERIALIZABLE"},
      {"default_transaction_read_only", "on"},
      {"statement_timeout", "5000"},
      {"statement_timeout", "5s"},
      {"statement_timeout", "1000 ms"},
      {"statement_timeout", "2000000us"},
      {"lock_timeout", "0"},
      {"lock_timeout", "1s"},
      {"idle_in_transaction_session_timeout", "1min"},
      {"jit", "off"},
      {"jit", "0"},
      {"plan_cache_mode", "force_custom_plan"},
      {"work_mem", "64MB"},
      {"work_mem", "4096"},
      {"search_path", "public"},
      {"xmloption", "content"},
      {"row_security", "on"},
      {"chaperone.declared_task", "anything"},
  };
  for (const auto& [name, value] : sent) EXPECT_TRUE(set(name, value)) << name << " = " << value;
  EXPECT_TRUE(set("datestyle", Values{"iso", "mdy"}));
  EXPECT_TRUE(set("statement_timeout", "2147483647", {.search_path = kPath, .time = {}}));
}

TEST(Settings, WhatIsRefused) {
  const std::pair<std::string_view, std::string_view> refused[] = {
      {"standard_conforming_strings", "off"},
      {"standard_conforming_strings", "of"},
      {"standard_conforming_strings", "o"},
      {"standard_conforming_strings", ""},
      {"backslash_quote", "on"},
      {"client_encoding", "SJIS"},
      {"client_encoding", "SQL_ASCII"},
      {"client_encoding", ""},
      {"client_encoding", "utf8x"},
      {"search_path", "pg_temp"},
      {"search_path", "Public"},
      {"search_path", "public, other"},
      {"search_path", ""},
      {"role", "postgres"},
      {"role", "none"},
      {"session_authorization", "postgres"},
      {"default_transaction_read_only", "off"},
      {"transaction_read_only", "0"},
      {"row_security", "off"},
      // Lower levels send LOG and DEBUG messages, with the SQL in them.
      {"client_min_messages", "log"},
      {"client_min_messages", "debug"},
      {"client_min_messages", "debug5"},
      {"statement_timeout", "0"},
      {"statement_timeout", "-1"},
      {"statement_timeout", "5001"},
      {"statement_timeout", "1min"},
      {"statement_timeout", "100us"},  // is rounded to 0
      {"statement_timeout", "999us"},
      {"statement_timeout", "0.1"},
      {"statement_timeout", "0.4ms"},
      {"statement_timeout", "1.5s"},
      {"statement_timeout", "010"},  // octal
      {"statement_timeout", "0x10"},
      {"statement_timeout", "1e3"},
      {"statement_timeout", " 5"},
      {"statement_timeout", "5 "},
      {"statement_timeout", "5S"},
      {"statement_timeout", "5000000000"},
      {"statement_timeout", "99999999999999999999"},
      {"statement_timeout", ""},
      {"statement_timeout", "ms"},
      {"statement_timeout", "-"},
      {"idle_in_transaction_session_timeout", "0"},
      {"idle_session_timeout", "1d"},
      {"lock_timeout", "6s"},
      {"work_mem", "1GB"},
      {"work_mem", "2TB"},
      {"work_mem", "64mb"},
      {"extra_float_digits", "4"},
      {"jit", "maybe"},
      {"server_version", "15"},
      {"lc_collate", "C"},
      {"is_superuser", "on"},
      {"default_text_search_config", "english"},
      // Not in the table, or for nobody.
      {"session_replication_role", "replica"},
      {"transform_null_equals", "on"},
      {"debug_print_rewritten", "on"},
      {"enable_seqscan", "off"},
      {"seed", "0.5"},
      {"log_statement", "all"},
      {"chaperone.actor", "root"},
      {"app.tenant", "7"},
      {"", ""},
  };
  for (const auto& [name, value] : refused) EXPECT_FALSE(set(name, value)) << name << " = " << value;
  EXPECT_FALSE(set("jit", Values{"on", "on"}));
  EXPECT_FALSE(set("jit", Values{}));
  EXPECT_FALSE(set("search_path", Values{"public", "pg_temp"}));
  EXPECT_FALSE(set("search_path", Values{}));
}

TEST(Settings, ReadWriteIsForThoseWhoMayWrite) {
  for (const std::string_view name : {"transaction_read_only", "default_transaction_read_only"}) {
    for (const std::string_view off : {"off", "0", "no", "False"}) {
      EXPECT_FALSE(set(name, off)) << name << off;
      EXPECT_TRUE(set(name, off, {.search_path = kPath, .time = {}, .writes = true})) << name << off;
    }
    EXPECT_TRUE(set(name, "1"));
    EXPECT_FALSE(set(name, "perhaps", {.search_path = kPath, .time = {}, .writes = true}));
  }
}

TEST(Settings, TheSearchPathIsAListInOneText) {
  const std::vector<std::string> path = {"App", "public"};
  const SettingBounds bounds = {.search_path = path, .time = {}};
  const Setting& setting = *find_setting("search_path");
  for (const std::string_view text : {"\"App\",public", "\"App\", public", " \"App\" ,\tPUBLIC "})
    EXPECT_TRUE(admits_text(setting, text, bounds)) << text;
  for (const std::string_view text :
       {"App,public", "\"App\"", "\"App\",public,", "public,\"App\"", "\"App\" public", "\"App",
        "\"App\"\"\",public", "\"App\",\"\",public", ",", ""})
    EXPECT_FALSE(admits_text(setting, text, bounds)) << text;
  EXPECT_TRUE(admits(setting, Values{"App", "public"}, bounds));
  EXPECT_FALSE(admits(setting, Values{"App,public"}, bounds)) << "one schema of that name";
  EXPECT_EQ(describe_values(setting, bounds), "App, public");
}

TEST(Settings, WhatIsShown) {
  for (const std::string_view name :
       {"server_version", "server_version_num", "transaction_isolation", "max_identifier_length",
        "lc_collate", "standard_conforming_strings", "search_path", "TimeZone", "ssl", "is_superuser",
        "session_authorization", "server_encoding", "default_text_search_config"})
    EXPECT_TRUE(find_setting(name) != nullptr && find_setting(name)->is_shown()) << name;
  for (const std::string_view name :
       {"data_directory", "hba_file", "config_file", "primary_conninfo", "shared_preload_libraries", "all",
        "ssl_key_file", "archive_command", "log_directory", "krb_server_keyfile"})
    EXPECT_EQ(find_setting(name), nullptr) << name;
  EXPECT_FALSE(find_setting("session_replication_role")->is_shown());
}

TEST(Settings, Words) {
  EXPECT_EQ(describe_values(*find_setting("statement_timeout"), kBounds), "1 to 5000 milliseconds");
  EXPECT_EQ(describe_values(*find_setting("client_min_messages"), kBounds), "notice, warning or error");
  EXPECT_EQ(describe_values(*find_setting("xmloption"), kBounds), "content or document");
  EXPECT_EQ(describe_values(*find_setting("work_mem"), kBounds), "64 to 65536 kB");
  EXPECT_EQ(describe_values(*find_setting("extra_float_digits"), kBounds), "-15 to 3");
  EXPECT_EQ(describe_values(*find_setting("standard_conforming_strings"), kBounds), "on");
  EXPECT_EQ(describe_values(*find_setting("ssl"), kBounds), "nothing");
  EXPECT_EQ(describe_values(*find_setting("session_authorization"), kBounds), "DEFAULT");
  EXPECT_EQ(describe_values(*find_setting("transaction_read_only"), kBounds), "on");
}

// rules/builtin/parameters.tsv is what pg_settings has. These four are not in that view.
TEST(Settings, AreSettingsOfPostgreSQL) {
  std::map<std::string, std::string> types;
  std::map<std::string, std::string> contexts;
  std::ifstream file(SOURCE_DIR "/rules/builtin/parameters.tsv");
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    std::string name, type, context;
    std::getline(std::getline(std::getline(fields, name, '\t'), type, '\t'), context, '\t');
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    types[name] = type;
    contexts[name] = context;
  }
  ASSERT_GT(types.size(), 350U);
  for (const std::string name : {"role", "session_authorization", "is_superuser", "seed"}) {
    types[name] = "string";
    contexts[name] = "user";
  }
  for (const Setting& setting : settings()) {
    const std::string name(setting.name);
    if (name.starts_with("chaperone.")) continue;
    ASSERT_TRUE(types.contains(name)) << name;
    EXPECT_FALSE(setting.reason.empty()) << name;
    if (!setting.is_set()) continue;
    EXPECT_EQ(contexts[name], "user") << name;
    const bool is_number = setting.kind >= SettingKind::kNumber && setting.kind <= SettingKind::kSize;
    EXPECT_EQ(is_number, types[name] == "integer") << name;
    const bool is_bool = setting.kind == SettingKind::kBoolean || setting.kind == SettingKind::kOn ||
                         setting.kind == SettingKind::kReadOnly;
    EXPECT_EQ(is_bool, types[name] == "bool") << name;
    EXPECT_LE(setting.least, setting.most) << name;
  }
}

}  // namespace
}  // namespace chaperone::rules
