#include "proxy/wire/backend.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

#include "proxy/wire/bytes.hpp"
#include "proxy/wire/rule_table.hpp"
#include "proxy/wire/startup.hpp"

namespace chaperone::wire::backend {
namespace {

// libpq reads a length as a signed int; a short message longer than this means that we are out of step.
constexpr std::uint32_t kLongLimit = std::numeric_limits<std::int32_t>::max();
constexpr std::uint32_t kShortLimit = 30000;
constexpr std::size_t kMinSecretKeyLength = 4;

void append_authentication_code(std::string& out, AuthenticationCode code) {
  append_u32(out, static_cast<std::uint32_t>(code));
}

// A field is a C string: what would follow a NUL can't be sent.
void append_field(std::string& out, char type, std::string_view text) {
  out.push_back(type);
  append_string(out, text.substr(0, text.find('\0')));
}

constexpr FrameRule rule_of(char type) {
  switch (type) {
    case kDataRow:
    case kCopyData:
    case kRowDescription:
    case kFunctionCallResponse:
    case kNoticeResponse:
    case kNotificationResponse:
    case kParameterDescription:
      return {kLongLimit, 0, Stream::kBackend};
    case kErrorResponse:
      return {kLongLimit, kHeldError, Stream::kBackend};
    case kAuthentication:
    case kBackendKeyData:
    case kBindComplete:
    case kCloseComplete:
    case kCommandComplete:
    case kCopyBothResponse:
    case kCopyDone:
    case kCopyInResponse:
    case kCopyOutResponse:
    case kEmptyQueryResponse:
    case kNegotiateProtocolVersion:
    case kNoData:
    case kParameterStatus:
    case kParseComplete:
    case kPortalSuspended:
    case kReadyForQuery:
      return {kShortLimit, kShortLimit, Stream::kBackend};
    default:
      return {0, 0, Stream::kBackend};
  }
}

constexpr RuleTable kRules = rule_table(rule_of);
constexpr RuleTable kHoldingNotices = [] {
  RuleTable table = rule_table(rule_of);
  table[static_cast<unsigned char>(kNoticeResponse)].hold = kHeldError;
  return table;
}();

}  // namespace

FrameRule rule(char type) {
  return look_up(kRules, type);
}

FrameRule rule_holding_notices(char type) {
  return look_up(kHoldingNotices, type);
}

Result<Authentication> decode_authentication(std::string_view body) {
  BodyReader reader(body);
  const std::int32_t code = reader.i32();
  if (auto good = reader.so_far(); !good) return good.error();
  return Authentication{code, reader.rest()};
}

Result<std::vector<std::string_view>> decode_sasl_mechanisms(std::string_view data) {
  BodyReader reader(data);
  std::vector<std::string_view> mechanisms;
  for (std::string_view name = reader.string(); !name.empty(); name = reader.string())
    mechanisms.push_back(name);
  if (auto end = reader.end(); !end) return end.error();
  return mechanisms;
}

Result<BackendKeyData> decode_backend_key_data(std::string_view body) {
  BodyReader reader(body);
  const std::int32_t backend_pid = reader.i32();
  if (auto good = reader.so_far(); !good) return good.error();
  const std::string_view secret_key = reader.rest();
  if (secret_key.size() < kMinSecretKeyLength) return violation("insufficient data left in message");
  if (secret_key.size() > kMaxSecretKeyLength) return violation("invalid message format");
  return BackendKeyData{backend_pid, secret_key};
}

Result<ParameterStatus> decode_parameter_status(std::string_view body) {
  BodyReader reader(body);
  ParameterStatus status{};
  status.name = reader.string();
  status.value = reader.string();
  if (auto end = reader.end(); !end) return end.error();
  return status;
}

Result<ErrorFields> decode_error_fields(std::string_view body, bool whole) {
  BodyReader reader(body);
  ErrorFields fields;
  std::string_view localized_severity;
  while (whole || !reader.rest().empty()) {
    const char type = reader.byte();
    if (type == '\0') {
      if (auto end = reader.end(); !end) return end.error();
      break;
    }
    const std::string_view text = reader.string();  // of one that is cut off: empty, and nothing is left
    if (type == 'V') fields.severity = text;
    if (type == 'S') localized_severity = text;
    if (type == 'C') fields.sqlstate = text;
    if (type == 'M') fields.message = text;
  }
  if (fields.severity.empty()) fields.severity = localized_severity;
  return fields;
}

Result<std::vector<ErrorField>> decode_all_error_fields(std::string_view body, bool whole) {
  BodyReader reader(body);
  std::vector<ErrorField> fields;
  while (whole || !reader.rest().empty()) {
    const char type = reader.byte();
    if (type == '\0') {
      if (auto end = reader.end(); !end) return end.error();
      break;
    }
    fields.push_back({type, reader.string()});
  }
  return fields;
}

Result<std::string_view> decode_command_complete(std::string_view body) {
  BodyReader reader(body);
  const std::string_view tag = reader.string();
  if (auto end = reader.end(); !end) return end.error();
  // Named, because an Error could be made of a string too.
  return Result<std::string_view>(boost::system::in_place_value, tag);
}

Result<char> decode_ready_for_query(std::string_view body) {
  BodyReader reader(body);
  const char status = reader.byte();
  if (auto end = reader.end(); !end) return end.error();
  if (status != 'I' && status != 'T' && status != 'E')
    return violation("invalid transaction status from server");
  return status;
}

std::optional<std::uint64_t> rows_of_tag(std::string_view tag) {
  const std::size_t space = tag.rfind(' ');
  if (space == std::string_view::npos) return std::nullopt;
  const char* end = tag.data() + tag.size();
  std::uint64_t rows = 0;
  const auto [stop, failure] = std::from_chars(tag.data() + space + 1, end, rows);
  if (failure != std::errc() || stop != end) return std::nullopt;
  return rows;
}

void encode_authentication_ok(std::string& out) {
  const MessageWriter message(out, kAuthentication);
  append_authentication_code(out, AuthenticationCode::kOk);
}

void encode_authentication_cleartext_password(std::string& out) {
  const MessageWriter message(out, kAuthentication);
  append_authentication_code(out, AuthenticationCode::kCleartextPassword);
}

void encode_authentication_sasl(std::string& out, std::span<const std::string_view> mechanisms) {
  const MessageWriter message(out, kAuthentication);
  append_authentication_code(out, AuthenticationCode::kSasl);
  for (const std::string_view mechanism : mechanisms) append_string(out, mechanism);
  out.push_back('\0');
}

void encode_authentication_sasl_continue(std::string& out, std::string_view data) {
  const MessageWriter message(out, kAuthentication);
  append_authentication_code(out, AuthenticationCode::kSaslContinue);
  out.append(data);
}

void encode_authentication_sasl_final(std::string& out, std::string_view data) {
  const MessageWriter message(out, kAuthentication);
  append_authentication_code(out, AuthenticationCode::kSaslFinal);
  out.append(data);
}

void encode_backend_key_data(std::string& out, std::int32_t backend_pid, std::string_view secret_key) {
  const MessageWriter message(out, kBackendKeyData);
  append_u32(out, static_cast<std::uint32_t>(backend_pid));
  out.append(secret_key);
}

// The fields in the order of send_message_to_frontend.
void encode_error_response(std::string& out, std::string_view severity, const Error& error) {
  const MessageWriter message(out, kErrorResponse);
  append_field(out, 'S', severity);
  append_field(out, 'V', severity);
  append_field(out, 'C', error.sqlstate);
  append_field(out, 'M', error.message);
  if (!error.detail.empty()) append_field(out, 'D', error.detail);
  if (!error.hint.empty()) append_field(out, 'H', error.hint);
  out.push_back('\0');
}

void encode_error_fields(std::string& out, char type, std::span<const ErrorField> fields) {
  const MessageWriter message(out, type);
  for (const ErrorField& field : fields) {
    if (!field.text.empty()) append_field(out, field.type, field.text);
  }
  out.push_back('\0');
}

void encode_command_complete(std::string& out, std::string_view tag) {
  const MessageWriter message(out, kCommandComplete);
  append_string(out, tag);
}

// As SendNegotiateProtocolVersion, which sends the whole version number, not the minor alone.
void encode_negotiate_protocol_version(std::string& out, std::uint16_t newest_minor,
                                       std::span<const std::string> unrecognized_options) {
  const MessageWriter message(out, kNegotiateProtocolVersion);
  append_u32(out, 3U << 16 | newest_minor);
  append_u32(out, static_cast<std::uint32_t>(unrecognized_options.size()));
  for (const std::string& option : unrecognized_options) append_string(out, option);
}

}  // namespace chaperone::wire::backend
