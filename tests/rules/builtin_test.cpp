#include "rules/builtin/builtin.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

namespace chaperone::rules {
namespace {

// The words of a text.
std::vector<std::string_view> words(std::string_view text) {
  std::vector<std::string_view> found;
  while (true) {
    text.remove_prefix(std::min(text.find_first_not_of(" \n"), text.size()));
    if (text.empty()) return found;
    found.push_back(text.substr(0, text.find_first_of(" \n")));
    text.remove_prefix(found.back().size());
  }
}

std::string_view class_of(std::string_view name, std::string_view schema = "pg_catalog") {
  const BuiltinName* found = builtin().find_name(name, schema);
  return found == nullptr ? "not there" : name_of(found->value);
}

TEST(Builtin, EveryFunctionHasItsNameJudged) {
  for (const BuiltinFunction& function : builtin().functions()) {
    const BuiltinName* name = builtin().find_name(function.name, function.schema);
    ASSERT_NE(name, nullptr) << function.schema << "." << function.name;
    EXPECT_FALSE(name->reason.empty()) << name->name;
    EXPECT_EQ(name->bound.kind == Bound::Kind::kNone, name->value != BuiltinClass::kBounded) << name->name;
    EXPECT_LE(name->bound.argument, function.arguments.size()) << name->name;
  }
  for (const BuiltinName& name : builtin().names())
    EXPECT_FALSE(builtin().find_functions(name.name, name.schema).empty()) << name.name;
}

TEST(Builtin, ANameHasOneClass) {
  std::set<std::pair<std::string_view, std::string_view>> seen;
  for (const BuiltinName& name : builtin().names())
    EXPECT_TRUE(seen.emplace(name.schema, name.name).second) << name.name;
  EXPECT_GT(seen.size(), 2700U);
}

TEST(Builtin, DangerousNamesAreDenied) {
  const std::pair<std::string_view, std::string_view> names[] = {
      {"runs_sql",
       "query_to_xml query_to_xmlschema query_to_xml_and_xmlschema table_to_xml table_to_xmlschema "
       "schema_to_xml database_to_xml database_to_xml_and_xmlschema cursor_to_xml cursor_to_xmlschema "
       "ts_stat "
       "ts_rewrite pg_input_is_valid pg_input_error_info"},
      {"files",
       "pg_read_file pg_read_binary_file pg_read_file_old pg_ls_dir pg_ls_logdir pg_ls_waldir pg_ls_tmpdir "
       "pg_stat_file pg_current_logfile pg_hba_file_rules pg_show_all_file_settings pg_config"},
      {"large_objects",
       "lo_import lo_export lo_get lo_put lo_from_bytea lo_create lo_unlink lo_open loread lowrite"},
      {"writes",
       "nextval setval txid_current pg_current_xact_id pg_import_system_collations gin_clean_pending_list "
       "brin_summarize_new_values binary_upgrade_set_next_pg_authid_oid pg_nextoid"},
      {"sleeps", "pg_sleep pg_sleep_for pg_sleep_until"},
      {"signals", "pg_cancel_backend pg_terminate_backend pg_reload_conf pg_promote pg_rotate_logfile"},
      {"locks",
       "pg_advisory_lock pg_advisory_xact_lock pg_try_advisory_lock pg_try_advisory_xact_lock_shared "
       "pg_advisory_unlock"},
      {"sessions",
       "pg_notify pg_export_snapshot pg_blocking_pids pg_lock_status current_query pg_prepared_statement "
       "pg_cursor txid_current_snapshot pg_xact_status txid_status pg_prepared_xact pg_listening_channels"},
      {"statistics",
       "pg_stat_get_activity pg_stat_get_live_tuples pg_stat_reset pg_stat_get_backend_activity "
       "pg_mcv_list_items"},
      {"physical",
       "pg_relation_size pg_total_relation_size pg_database_size pg_relation_filepath "
       "pg_tablespace_location"},
      {"replication",
       "pg_switch_wal pg_create_restore_point pg_logical_emit_message pg_logical_slot_get_changes "
       "pg_replication_origin_create pg_create_logical_replication_slot pg_drop_replication_slot "
       "pg_current_wal_lsn pg_backup_start"},
      {"state", "setseed currval lastval"},
      {"tables",
       "currtid2 pg_sequence_last_value pg_get_functiondef pg_get_function_sqlbody row_security_active "
       "satisfies_hash_partition"},
      {"settings", "pg_show_all_settings pg_settings_get_flags"},
      {"server", "inet_server_addr inet_server_port inet_client_addr pg_conf_load_time"},
      {"unbounded",
       "array_fill bpchar bit varbit polygon xpath xpath_exists xmlexists xml xml_is_well_formed"},
      {"bounded", "repeat lpad rpad format translate"},
      {"session", "current_setting set_config"},
      {"type_io",
       "textin int4in regclassin record_in array_in int4send uuid_send array_recv xml_recv domain_in"},
      {"internal",
       "plpgsql_call_handler fmgr_sql_validator RI_FKey_check_ins int4_avg_accum jsonb_agg_transfn btint4cmp "
       "textlike_support eqsel makeaclitem suppress_redundant_updates_trigger"},
  };
  for (const auto& [value, list] : names)
    for (const std::string_view name : words(list)) EXPECT_EQ(class_of(name), value) << name;
  // Extensions' and what was never there.
  for (const std::string_view name : words("dblink dblink_exec crosstab pg_file_write no_such_function"))
    EXPECT_EQ(class_of(name), "not there") << name;
  EXPECT_EQ(class_of("count", "information_schema"), "not there");
}

TEST(Builtin, WhatIsDeniedIsInNoSet) {
  for (const BuiltinName& name : builtin().names()) {
    std::set<std::string_view> sets;
    for (const std::string_view set : words("safe json text_search introspection session"))
      if (in_set(name.value, set)) sets.insert(set);
    if (is_allowed(name.value)) {
      EXPECT_EQ(sets.size(),
                name.value == BuiltinClass::kJson || name.value == BuiltinClass::kTextSearch ? 2U : 1U)
          << name.name;
      EXPECT_EQ(sets.count(set_of(name.value)), 1U) << name.name;
    } else {
      EXPECT_TRUE(sets.empty()) << name.name;
      EXPECT_EQ(set_of(name.value), "") << name.name;
    }
    EXPECT_FALSE(in_set(name.value, "")) << name.name;
    EXPECT_FALSE(in_set(name.value, name_of(BuiltinClass::kBounded))) << name.name;
    EXPECT_FALSE(in_set(name.value, name_of(BuiltinClass::kRunsSql))) << name.name;
  }
}

TEST(Builtin, EverydayNamesAreSafe) {
  const std::string_view names = R"(
    count sum avg min max array_agg string_agg json_agg jsonb_agg json_object_agg jsonb_object_agg bool_and bool_or every
    stddev stddev_pop stddev_samp variance var_pop var_samp corr covar_pop regr_slope regr_intercept regr_r2 mode
    percentile_cont percentile_disc bit_and bit_or any_value range_agg
    row_number rank dense_rank percent_rank cume_dist ntile lag lead first_value last_value nth_value
    lower upper initcap length char_length character_length octet_length trim_array btrim ltrim rtrim left right substr
    substring position strpos replace translate reverse split_part concat concat_ws ascii chr md5 sha256 encode decode
    quote_ident quote_literal quote_nullable overlay to_hex starts_with string_to_array string_to_table array_to_string
    regexp_replace regexp_match regexp_matches regexp_split_to_array regexp_split_to_table regexp_like regexp_count
    regexp_substr regexp_instr unistr normalize
    abs ceil ceiling floor round trunc mod power pow sqrt cbrt exp ln log log10 sign gcd lcm div pi random degrees radians
    sin cos tan asin acos atan atan2 width_bucket factorial
    now clock_timestamp statement_timestamp transaction_timestamp timeofday age date_part date_trunc date_bin extract
    make_date make_time make_timestamp make_timestamptz make_interval to_char to_date to_timestamp to_number
    justify_days justify_hours justify_interval isfinite timezone overlaps date timestamp timestamptz
    int4 int8 float8 text varchar numeric
    unnest generate_series generate_subscripts array_length array_position array_positions array_append array_prepend
    array_cat array_remove array_replace array_upper array_lower array_dims cardinality
    int4range tstzrange daterange isempty lower_inc upper_inc range_merge
    jsonb_build_object jsonb_build_array json_build_object json_build_array to_json to_jsonb row_to_json jsonb_set
    jsonb_insert jsonb_each jsonb_each_text jsonb_array_elements jsonb_array_elements_text jsonb_array_length
    jsonb_object_keys jsonb_typeof jsonb_extract_path jsonb_extract_path_text jsonb_path_query jsonb_path_query_first
    jsonb_path_exists jsonb_strip_nulls jsonb_pretty jsonb_to_record jsonb_to_recordset jsonb_populate_record
    json_array_elements json_each json_typeof
    gen_random_uuid current_database current_schema current_schemas current_user session_user version pg_typeof
    pg_backend_pid pg_is_in_recovery num_nulls num_nonnulls enum_range host network masklen pg_size_pretty
    like_escape similar_to_escape is_normalized pg_collation_for pg_advisory_unlock_all
    to_tsvector plainto_tsquery websearch_to_tsquery ts_rank ts_headline)";
  EXPECT_GT(words(names).size(), 200U);
  for (const std::string_view name : words(names)) {
    const BuiltinName* found = builtin().find_name(name);
    ASSERT_NE(found, nullptr) << name;
    EXPECT_TRUE(in_set(found->value, "safe")) << name << " is " << name_of(found->value);
  }
}

TEST(Builtin, ClientsAskTheCatalogs) {
  for (const std::string_view name : words(R"(
      pg_get_viewdef pg_get_constraintdef pg_get_indexdef pg_get_expr pg_get_userbyid pg_get_serial_sequence
      pg_get_function_arguments pg_get_function_result pg_get_triggerdef pg_get_keywords format_type obj_description
      col_description shobj_description pg_table_is_visible pg_type_is_visible pg_function_is_visible
      has_table_privilege has_schema_privilege has_any_column_privilege has_database_privilege pg_has_role to_regclass
      to_regtype pg_encoding_to_char pg_relation_is_publishable pg_index_column_has_property aclexplode)"))
    EXPECT_EQ(class_of(name), "introspection") << name;
  EXPECT_EQ(class_of("_pg_expandarray", "information_schema"), "introspection");
  for (const std::string_view name :
       words("to_tsvector to_tsquery plainto_tsquery websearch_to_tsquery ts_headline ts_rank setweight"))
    EXPECT_EQ(class_of(name), "text_search") << name;
}

// No rule or pattern lets a function through that is volatile, or that works on what SQL has no values for.
TEST(Builtin, WhatIsInASetIsHarmlessByItsDeclaration) {
  const std::vector<std::string_view> reviewed = words(
      "random random_normal gen_random_uuid clock_timestamp timeofday array_sample array_shuffle "
      "pg_is_in_recovery "
      "set_config pg_partition_ancestors pg_partition_tree pg_advisory_unlock_all");
  for (const BuiltinFunction& function : builtin().functions()) {
    const BuiltinName& name = *builtin().find_name(function.name, function.schema);
    if (!is_allowed(name.value)) continue;
    EXPECT_NE(function.kind, 'p') << name.name;
    if (function.volatility == 'v') {
      EXPECT_NE(std::find(reviewed.begin(), reviewed.end(), name.name), reviewed.end()) << name.name;
    }
    std::vector<std::string_view> types(function.arguments.begin(), function.arguments.end());
    types.push_back(function.result);
    for (const std::string_view type : types) {
      EXPECT_NE(type, "internal") << name.name;
      EXPECT_NE(type, "cstring") << name.name;
      EXPECT_NE(type, "trigger") << name.name;
      // A literal for such an argument is looked up in the catalogs.
      if (type.starts_with("reg") && name.value != BuiltinClass::kIntrospection &&
          name.value != BuiltinClass::kTextSearch) {
        EXPECT_EQ(name.name, "pg_typeof");
      }
    }
  }
}

TEST(Builtin, BoundsOfWhatANumberMakesLarge) {
  const Bound lpad = builtin().find_name("lpad")->bound;
  EXPECT_EQ(lpad.argument, 2);
  EXPECT_TRUE(lpad.admits("0", false));
  EXPECT_TRUE(lpad.admits("10000", false));
  for (const std::string_view text : {"10001", "-1", "1e9", "1.5", "", "99999999999999999999", "0x10", " 5"})
    EXPECT_FALSE(lpad.admits(text, false)) << text;
  EXPECT_FALSE(lpad.admits("5", true));
  EXPECT_EQ(builtin().find_name("repeat")->bound.argument, 2);

  const Bound translate = builtin().find_name("translate")->bound;
  EXPECT_EQ(translate.argument, 2);
  EXPECT_TRUE(translate.admits("", true));
  EXPECT_TRUE(translate.admits(std::string(1000, 'a'), true));
  EXPECT_FALSE(translate.admits(std::string(1001, 'a'), true));
  EXPECT_FALSE(translate.admits("1", false));

  const Bound format = builtin().find_name("format")->bound;
  EXPECT_EQ(format.argument, 1);
  for (const std::string_view text :
       {"", "%s", "Hello %s, %I %L", "%%", "%10s", "%-10s|", "%1$s", "%2$-9s", "100%% of %s", "%-10000s"})
    EXPECT_TRUE(format.admits(text, true)) << text;
  for (const std::string_view text : {"%10001s", "%1000000000s", "%*s", "%-*s", "%1$*2$s", "%1$2$s", "%",
                                      "a%1", "%s %1$99999s", "%99999999999999s", "%%%99999s"})
    EXPECT_FALSE(format.admits(text, true)) << text;
  EXPECT_FALSE(format.admits("%s", false));
  EXPECT_FALSE(Bound().admits("1", false)) << "no bound to be within";
}

TEST(Builtin, Overloads) {
  const auto lower = builtin().find_functions("lower");
  EXPECT_EQ(lower.size(), 3U) << "text, range, multirange";
  const auto concat = builtin().find_functions("concat");
  ASSERT_EQ(concat.size(), 1U);
  EXPECT_EQ(concat[0].variadic, "any");
  EXPECT_EQ(concat[0].volatility, 's');
  const auto interval = builtin().find_functions("make_interval");
  ASSERT_EQ(interval.size(), 1U);
  EXPECT_EQ(interval[0].defaults, 7);
  const auto each = builtin().find_functions("json_each");
  ASSERT_EQ(each.size(), 1U);
  ASSERT_EQ(each[0].columns.size(), 2U);
  EXPECT_EQ(each[0].columns[1].name, "value");
  EXPECT_EQ(each[0].columns[1].type, "json");
  EXPECT_TRUE(each[0].returns_set);
  EXPECT_EQ(builtin().find_functions("count")[0].kind, 'a');
  EXPECT_EQ(builtin().find_functions("row_number")[0].kind, 'w');
  EXPECT_EQ(builtin().find_functions("any_value")[0].versions, kIn17);
  EXPECT_EQ(builtin().find_functions("pg_backup_start")[0].versions, kIn15 | kIn17);
  EXPECT_TRUE(builtin().find_functions("no_such_function").empty());
  EXPECT_TRUE(builtin().find_functions("").empty());
  EXPECT_TRUE(builtin().find_functions("Lower").empty()) << "names are as PostgreSQL folds them";
}

TEST(Builtin, Types) {
  const auto class_of_type = [](std::string_view name) {
    const BuiltinType* type = builtin().find_type(name);
    return type == nullptr ? "not there" : name_of(type->value);
  };
  for (const std::string_view name : words("int4 text numeric timestamptz uuid bytea _text _int8 oid "
                                           "name char daterange tsvector record"))
    EXPECT_EQ(class_of_type(name), "safe") << name;
  for (const std::string_view name : words("json jsonb _jsonb"))
    EXPECT_EQ(class_of_type(name), "json") << name;
  for (const std::string_view name : words("regclass regproc regrole regtype regnamespace _regclass aclitem"))
    EXPECT_EQ(class_of_type(name), "introspection") << name;
  EXPECT_EQ(class_of_type("regconfig"), "text_search");
  EXPECT_EQ(class_of_type("_xml"), "unbounded");
  for (const std::string_view name : words("cstring internal anyelement trigger pg_node_tree"))
    EXPECT_EQ(class_of_type(name), "internal") << name;
  EXPECT_EQ(class_of_type("integer"), "not there") << "the grammar says int4";
  EXPECT_EQ(class_of_type("pg_class"), "not there") << "the row type of a relation";
  EXPECT_EQ(builtin().find_type("_int4")->element, "int4");
  EXPECT_EQ(builtin().find_type("sql_identifier", "information_schema")->base, "name");
  for (const BuiltinType& type : builtin().types()) {
    if (type.category == 'A' && type.kind == 'b' && type.name.front() == '_' && type.schema == "pg_catalog") {
      EXPECT_NE(builtin().find_type(type.element), nullptr) << type.name;
    }
  }
}

TEST(Builtin, Relations) {
  const auto relation = [](std::string_view name, std::string_view schema = "pg_catalog") {
    const auto found = builtin().find_relations(name, schema);
    return found.empty() ? "not there" : name_of(found.front().value);
  };
  for (const std::string_view name :
       words("pg_class pg_attribute pg_namespace pg_type pg_index pg_constraint "
             "pg_proc pg_enum pg_tables pg_views pg_roles pg_database pg_extension"))
    EXPECT_EQ(relation(name), "introspection") << name;
  EXPECT_EQ(relation("columns", "information_schema"), "introspection");
  EXPECT_EQ(relation("pg_authid"), "secrets");
  EXPECT_EQ(relation("pg_shadow"), "secrets");
  EXPECT_EQ(relation("pg_user_mapping"), "secrets");
  EXPECT_EQ(relation("pg_stats"), "statistics");
  EXPECT_EQ(relation("pg_statistic"), "statistics");
  EXPECT_EQ(relation("pg_stat_activity"), "statistics");
  EXPECT_EQ(relation("pg_stat_wal"), "statistics");
  EXPECT_EQ(relation("pg_settings"), "settings");
  EXPECT_EQ(relation("pg_locks"), "sessions");
  EXPECT_EQ(relation("pg_prepared_statements"), "sessions");
  EXPECT_EQ(relation("pg_hba_file_rules"), "files");
  EXPECT_EQ(relation("columns"), "not there");

  const auto hides = [](std::string_view name, std::string_view column) {
    const auto hidden = builtin().find_relations(name).front().hidden;
    return std::find(hidden.begin(), hidden.end(), column) != hidden.end();
  };
  EXPECT_TRUE(hides("pg_class", "reltuples"));
  EXPECT_TRUE(hides("pg_class", "relpages"));
  EXPECT_TRUE(hides("pg_attribute", "attmissingval"));
  EXPECT_TRUE(hides("pg_subscription", "subconninfo"));
  EXPECT_FALSE(hides("pg_class", "relname"));
  EXPECT_EQ(builtin().find_relations("pg_attribute").size(), 2U) << "15 and 17 order its columns differently";
  for (const BuiltinRelation& row : builtin().relations())
    for (const std::string_view column : row.hidden)
      EXPECT_TRUE(std::any_of(row.columns.begin(), row.columns.end(),
                              [&](const BuiltinColumn& c) { return c.name == column; }))
          << row.name << "." << column;
}

}  // namespace
}  // namespace chaperone::rules
