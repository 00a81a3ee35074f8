#pragma once

/// Reading PostgreSQL's structs: part of pg_tree.cpp, which includes this behind PostgreSQL's headers, and of
/// nothing else.
namespace chaperone::parser {

namespace {

inline std::span<const ListCell> cells(const List* list) {
  if (list == nullptr) return {};
  return {list->elements, static_cast<std::size_t>(list->length)};
}

template <class T>
const T& as(const void* node) {
  return *static_cast<const T*>(node);
}

inline int tag_of(const void* node) {
  return static_cast<int>(as<::Node>(node).type);
}

inline std::string text_or_empty(const char* text) {
  return text == nullptr ? std::string() : std::string(text);
}

/// What the grammar knows as "no location" is kNone.
inline std::uint32_t offset_of(int location) {
  return location < 0 ? kNone : static_cast<std::uint32_t>(location);
}

inline const DefElem* find_option(const List* options, std::string_view name) {
  for (const ListCell& cell : cells(options)) {
    const auto& option = as<DefElem>(cell.ptr_value);
    if (option.defname == name) return &option;
  }
  return nullptr;
}

}  // namespace

}  // namespace chaperone::parser
