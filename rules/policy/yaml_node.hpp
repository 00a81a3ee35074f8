#pragma once

#include <string>
#include <vector>

#include "rules/policy/problems.hpp"

/// The tree between the YAML parser and the reader (yaml.hpp), inside the rules layer.
namespace chaperone::rules::yaml {

struct Member;

struct Node {
  enum class Kind {
    kBroken,  ///< reported already: reading it gives nothing and says nothing
    kNull,
    kScalar,
    kList,
    kMap,
  };
  Kind kind = Kind::kBroken;
  bool plain = false;  ///< a scalar without quotes, so that it may be a number or a boolean
  Mark mark;
  std::string scalar;
  std::vector<Node> items;
  std::vector<Member> members;  ///< each key once, in the order of the file
};

struct Member {
  std::string key;
  Mark mark;
  Node value;
};

/// Parses `text`; what is wrong goes to `problems`. Gives false where no tree could be made.
bool parse(std::string_view text, const std::string& file, Problems& problems, Node& root);

}  // namespace chaperone::rules::yaml
