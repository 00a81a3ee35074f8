#include <fmt/format.h>

#include <array>

#include "proxy/config_reader.hpp"

namespace chaperone::config {
namespace {

using rules::yaml::Map;
using rules::yaml::Value;

constexpr std::string_view kSinks = "a list of sinks, as [{file: audit.jsonl}]";

void read_file_sink(const Value& value, const Reader& reader, audit::LogOptions& options) {
  const auto path = reader.path(value, "the path of a file");
  if (!path) return;
  if (!options.file.empty()) value.problem(fmt::format("{} is a second file", value.path()), "one file");
  options.file = *path;
}

void read_stdout_sink(const Value& value, audit::LogOptions& options) {
  const auto on = value.boolean();
  if (!on) return;
  if (!*on) value.problem(fmt::format("{} is false", value.path()), "true, or no such sink");
  if (options.to_stdout) value.problem(fmt::format("{} is there already", value.path()), "it once");
  options.to_stdout = true;
}

void read_sink(const Value& value, const Reader& reader, audit::LogOptions& options) {
  Map sink = value.map("a map: {file: audit.jsonl} or {stdout: true}");
  const auto file = sink.find("file");
  const auto to_stdout = sink.find("stdout");
  const auto rotate = sink.find("rotate_size");
  if (file) read_file_sink(*file, reader, options);
  if (rotate) {
    options.rotate_size = rotate->size(64ULL << 10, 512ULL << 30).value_or(options.rotate_size);
    if (!file) rotate->problem_at_key(fmt::format("{} without a file", rotate->path()), "it beside `file`");
  }
  if (file && to_stdout) {
    to_stdout->problem_at_key(fmt::format("{} beside a file", to_stdout->path()),
                              "a list entry for each sink");
  } else if (to_stdout) {
    read_stdout_sink(*to_stdout, options);
  } else if (!file && value.is_map()) {
    value.problem_at_key(fmt::format("{} names no sink", value.path()), "`file` or `stdout: true`");
  }
}

}  // namespace

void read_audit(const Value& value, const Reader& reader, audit::LogOptions& options) {
  using audit::Durability;
  using audit::Values;
  Map audit = value.map("a map of durability, values and sinks");
  const auto durability = audit.find("durability");
  if (durability) {
    static constexpr std::array<std::string_view, 3> kNames = {"batch", "none", "sync"};
    static constexpr std::array kDurabilities = {Durability::kBatch, Durability::kNone, Durability::kSync};
    options.durability = kDurabilities[durability->choice(kNames).value_or(0)];
  }
  if (const auto values = audit.find("values")) {
    static constexpr std::array<std::string_view, 3> kNames = {"keep", "hash", "drop"};
    static constexpr std::array kValues = {Values::kKeep, Values::kHash, Values::kDrop};
    options.values = kValues[values->choice(kNames).value_or(0)];
  }
  const auto sinks = audit.need("sinks", kSinks);
  if (!sinks) return;
  const auto entries = sinks->list(kSinks);
  for (const Value& entry : entries) read_sink(entry, reader, options);
  if (sinks->is_list() && entries.empty()) sinks->problem("audit.sinks is empty", kSinks);
  if (options.durability == Durability::kSync && options.file.empty() && options.to_stdout) {
    durability->problem("audit.durability is sync, and standard output can't be synced",
                        "a file among the sinks, or batch");
  }
}

}  // namespace chaperone::config
