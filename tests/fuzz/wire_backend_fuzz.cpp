#include <cstdint>
#include <string>

#include "proxy/wire/backend.hpp"
#include "tests/fuzz/require.hpp"

// Every decoder of a server's messages: views stay inside the body, and what has an encoder is written as it
// came. Input: the type byte, then the body.

namespace chaperone::wire::backend {
namespace {

void require_same(const std::string& encoded, std::string_view body) {
  require(std::string_view(encoded).substr(kFrameHeaderLength) == body,
          "what was decoded is written as it came");
}

void check_authentication(std::string_view body) {
  const auto authentication = decode_authentication(body);
  require(authentication.has_value() == (body.size() >= 4), "four bytes are a code");
  if (!authentication) return;
  const std::string_view data = authentication->data;
  std::string encoded;
  switch (static_cast<AuthenticationCode>(authentication->code)) {
    case AuthenticationCode::kSasl:
      if (const auto mechanisms = decode_sasl_mechanisms(data)) {
        encode_authentication_sasl(encoded, *mechanisms);
        require_same(encoded, body);
      }
      break;
    case AuthenticationCode::kSaslContinue:
      encode_authentication_sasl_continue(encoded, data);
      require_same(encoded, body);
      break;
    case AuthenticationCode::kSaslFinal:
      encode_authentication_sasl_final(encoded, data);
      require_same(encoded, body);
      break;
    default:
      break;
  }
}

void check_error(std::string_view body) {
  const auto whole = decode_error_fields(body, true);
  const auto part = decode_error_fields(body, false);
  if (part) {
    for (const auto field : {part->severity, part->sqlstate, part->message}) {
      require(field.empty() || lies_in(field, body), "a field lies in the body");
      require(field.find('\0') == std::string_view::npos, "a field is a C string");
    }
  }
  if (!whole) return;
  require(part && part->severity == whole->severity && part->sqlstate == whole->sqlstate &&
              part->message == whole->message,
          "a whole body reads the same as a beginning");
  std::string encoded;
  const Error error{whole->sqlstate, std::string(whole->message)};
  encode_error_response(encoded, whole->severity, error);
  const auto again = decode_error_fields(std::string_view(encoded).substr(kFrameHeaderLength), true);
  require(again && again->severity == whole->severity && again->sqlstate == whole->sqlstate &&
              again->message == whole->message,
          "the fields come back");
}

void check(char type, std::string_view body) {
  std::string encoded;
  switch (type) {
    case kAuthentication:
      return check_authentication(body);
    case kErrorResponse:
    case kNoticeResponse:
      return check_error(body);
    case kBackendKeyData:
      if (const auto data = decode_backend_key_data(body)) {
        require(data->secret_key.size() >= 4 && data->secret_key.size() <= 256, "a key has 4 to 256 bytes");
        encode_backend_key_data(encoded, data->backend_pid, data->secret_key);
        require_same(encoded, body);
      }
      return;
    case kParameterStatus:
      if (const auto status = decode_parameter_status(body)) {
        require(status->name.size() + status->value.size() + 2 == body.size(),
                "a ParameterStatus is two strings");
      }
      return;
    case kCommandComplete:
      if (const auto tag = decode_command_complete(body)) {
        require(tag->size() + 1 == body.size(), "a tag is one string");
        if (const auto rows = rows_of_tag(*tag)) {
          require(tag->back() >= '0' && tag->back() <= '9' && tag->find(' ') != std::string_view::npos,
                  "rows stand as a number behind a word");
        }
      }
      return;
    case kReadyForQuery:
      if (const auto status = decode_ready_for_query(body)) {
        require(body == "I" || body == "T" || body == "E", "a status is one of three");
      }
      return;
    default:
      return;
  }
}

}  // namespace
}  // namespace chaperone::wire::backend

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  chaperone::wire::backend::check(static_cast<char>(data[0]), chaperone::as_text(data + 1, size - 1));
  return 0;
}
