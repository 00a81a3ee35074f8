#include "proxy/commands/policy_draft.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "proxy/commands/json_text.hpp"
#include "rules/text.hpp"

namespace chaperone::commands {
namespace {

using rules::Relation;
using rules::RelationKind;

/// Of what a policy file may be (rules/policy/yaml.hpp), with room for what people add.
constexpr std::size_t kMostBytes = 900U << 10;
constexpr std::size_t kMostValues = 40'000;
constexpr std::size_t kLineWidth = 110;

/// Words that say it alone; each is one between "_" or capitals.
constexpr std::array<std::string_view, 25> kSensitiveWords = {
    "password", "passwords", "passwd", "pwd",   "pass", "passphrase", "passcode",   "secret", "secrets",
    "token",    "tokens",    "ssn",    "salt",  "cvv",  "cvc",        "iban",       "pin",    "otp",
    "totp",     "mfa",       "apikey", "creds", "jwt",  "passport",   "credentials"};
/// Those that say it together.
constexpr std::array<std::string_view, 16> kSensitiveParts = {
    "password",       "passwd",   "secret",          "api_key",        "private_key", "access_key",
    "encryption_key", "auth_key", "signing_key",     "credential",     "credit_card", "card_number",
    "cardnumber",     "tax_id",   "social_security", "security_number"};

/// "passwordHash" and "Password-Hash" as "password_hash".
std::string as_words(std::string_view name) {
  std::string out;
  bool small = false;
  for (const char c : name) {
    const bool capital = c >= 'A' && c <= 'Z';
    const bool letter = capital || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (capital && small) out += '_';
    out += letter ? rules::lower(c) : '_';
    small = letter && !capital;
  }
  return out;
}

/// Whether YAML reads it as the text that it is, and this project's reader as one part of a name.
bool is_plain(std::string_view name) {
  constexpr std::array<std::string_view, 10> kYamlWords = {"null", "true", "false", "yes", "no",
                                                           "on",   "off",  "y",     "n",   "nan"};
  const auto first = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  return !name.empty() && first(name.front()) && std::all_of(name.begin(), name.end(), [&](char c) {
    return first(c) || (c >= '0' && c <= '9') || c == '-';
  }) && std::find(kYamlWords.begin(), kYamlWords.end(), rules::lower(name)) == kYamlWords.end();
}

/// A part of a table's name, as a policy has it.
std::string name_part(std::string_view name) {
  if (name.find_first_of(".\"") == std::string_view::npos) return std::string(name);
  std::string out = "\"";
  for (const char c : name) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

std::string name_of(const Relation& relation, const rules::Catalog& catalog) {
  const std::string name = name_part(relation.name);
  const bool found = catalog.find_relation(relation.name) == &relation;
  return found ? name : name_part(relation.schema) + "." + name;
}

std::string yaml(std::string_view name) {
  const auto dot = name.find('.');
  const bool plain = dot == std::string_view::npos
                         ? is_plain(name)
                         : is_plain(name.substr(0, dot)) && is_plain(name.substr(dot + 1));
  return plain ? std::string(name) : json_text(name);
}

bool may_be_read(const Relation& relation, const rules::Catalog& catalog) {
  const bool has_rows =
      relation.kind == RelationKind::kTable || relation.kind == RelationKind::kPartitionedTable ||
      relation.kind == RelationKind::kView || relation.kind == RelationKind::kMaterializedView ||
      relation.kind == RelationKind::kForeignTable;
  const bool partition =
      std::any_of(relation.parents.begin(), relation.parents.end(), [&](const auto& parent) {
        const Relation* const found = catalog.find_relation(parent.first, parent.second);
        return found != nullptr && found->kind == RelationKind::kPartitionedTable;
      });
  if (rules::has_control_character(relation.schema + relation.name)) return false;
  // As pg_stat_statements: the SQL of others, with its values.
  return has_rows && !relation.system && !partition && !relation.columns.empty() &&
         !relation.name.starts_with("pg_");
}

/// A flow list under `indent` blanks, on as many lines as it takes.
std::string list(const std::vector<std::string>& items, std::size_t indent, std::size_t begins_at) {
  std::string out = "[";
  std::size_t width = begins_at + 1;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i != 0) out += ",";
    if (i != 0 && width + items[i].size() + 2 > kLineWidth) {
      out += "\n" + std::string(indent, ' ');
      width = indent;
    } else if (i != 0) {
      out += " ";
    }
    out += items[i];
    width += items[i].size() + 2;
  }
  return out + "]";
}

}  // namespace

bool looks_sensitive(std::string_view name) {
  const std::string words = "_" + as_words(name) + "_";
  const auto holds = [&](std::string_view text) { return words.find(text) != std::string::npos; };
  return std::any_of(kSensitiveParts.begin(), kSensitiveParts.end(), holds) ||
         std::any_of(kSensitiveWords.begin(), kSensitiveWords.end(),
                     [&](std::string_view word) { return holds(fmt::format("_{}_", word)); });
}

PolicyDraft draft_policy(const rules::Catalog& catalog, std::string_view agent, std::string_view database) {
  PolicyDraft draft;
  std::string tables;
  std::size_t values = 0;
  for (const Relation& relation : catalog.relations()) {
    if (!may_be_read(relation, catalog)) continue;
    const std::string name = name_of(relation, catalog);
    std::vector<std::string> shown, hidden;
    for (const auto& column : relation.columns) {
      if (rules::has_control_character(column.name)) continue;
      (looks_sensitive(column.name) ? hidden : shown).push_back(yaml(column.name));
    }
    if (looks_sensitive(relation.name) || shown.empty()) {
      draft.left_out.push_back(name);
      tables += fmt::format("      # left out, since it looks sensitive: {}\n", yaml(name));
      continue;
    }
    std::string entry =
        fmt::format("      {}:\n        read:\n          columns: {}\n", yaml(name), list(shown, 20, 19));
    if (!hidden.empty())
      entry += fmt::format("          # left out, since they look sensitive: {}\n", fmt::join(hidden, ", "));
    values += shown.size() + 6;
    if (tables.size() + entry.size() > kMostBytes || values > kMostValues) {
      draft.not_named.push_back(name);
      continue;
    }
    for (const auto& column : relation.columns) {
      if (looks_sensitive(column.name)) draft.left_out.push_back(fmt::format("{}.{}", name, column.name));
    }
    tables += entry;
    ++draft.tables;
  }
  draft.text = fmt::format(
      R"(# What {0} may do in {1}: a first draft, made from the database's catalog. Cut it down to what the task needs:
# take out tables and columns, add `rows: "tenant_id = :tenant"`, `mask: {{email: email}}`, `insert`, `update`, `delete`.
version: 1
capabilities:
  read-tables:
    description: Read the tables that are listed here.
    include: [introspection]            # so that clients and tools can list them
)",
      json_text(agent), json_text(database));
  if (draft.tables != 0) draft.text += "    tables:\n";
  draft.text += tables;
  if (!draft.not_named.empty()) {
    draft.text += fmt::format("      # {} more have no room in one file; name those that are needed\n",
                              draft.not_named.size());
  }
  draft.text += fmt::format(
      R"(    functions: [safe]                   # those of PostgreSQL that neither write nor read anything else
    limits:
      rows: 1000
      bytes: 8MiB
      time: 30s
agents:
  {}:
    mode: observe                       # nothing is refused yet; without this line it is
    capabilities: [read-tables]
)",
      yaml(agent));
  return draft;
}

}  // namespace chaperone::commands
