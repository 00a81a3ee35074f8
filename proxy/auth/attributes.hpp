#pragma once

#include <string>
#include <string_view>

#include "proxy/wire/error.hpp"

namespace chaperone::auth {

/// What a message that binds the channel begins with.
inline constexpr std::string_view kGs2HeaderPlus = "p=tls-server-end-point,,";

/// One `name=value` of a SCRAM message.
struct Attribute {
  char name = 0;
  std::string_view value;
};

/// Reads the attributes of a SCRAM message in their order, as read_attr_value and read_any_attr of
/// auth-scram.c. Values are views of the text. Unlike there, a comma with nothing behind it is an error, as
/// RFC 5802 has it.
class AttributeReader {
 public:
  /// `malformed` is the error to give, save for its detail, which says what is wrong.
  AttributeReader(std::string_view text, wire::Error malformed);

  /// The value of the attribute that has to come next.
  wire::Result<std::string_view> value(char name);
  /// Whatever attribute comes next.
  wire::Result<Attribute> any();
  bool at_end() const { return !more_; }
  /// What has not been read yet.
  std::string_view rest() const { return text_; }

  wire::Error malformed(std::string detail) const;

 private:
  wire::Result<std::string_view> value_of(char name);

  std::string_view text_;
  wire::Error malformed_;
  bool more_ = true;
};

/// The first character of a text for a message: 'x', or 0x.. where it can't be printed or there is none
/// (sanitize_char).
std::string sanitized_front(std::string_view text);

/// Only what RFC 5802 calls printable: %x21-2B / %x2D-7E (is_scram_printable).
bool is_scram_printable(std::string_view text);

/// What both proofs are made over.
std::string auth_message(std::string_view client_first_bare, std::string_view server_first,
                         std::string_view client_final_without_proof);

}  // namespace chaperone::auth
