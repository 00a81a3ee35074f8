#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/wire/error.hpp"
#include "proxy/wire/frame.hpp"

/// Messages that a server sends (manual, 55.7), decoded as views over the body and as strictly as a client's.
namespace chaperone::wire::backend {

inline constexpr char kAuthentication = 'R';
inline constexpr char kBackendKeyData = 'K';
inline constexpr char kBindComplete = '2';
inline constexpr char kCloseComplete = '3';
inline constexpr char kCommandComplete = 'C';
inline constexpr char kCopyBothResponse = 'W';
inline constexpr char kCopyData = 'd';
inline constexpr char kCopyDone = 'c';
inline constexpr char kCopyInResponse = 'G';
inline constexpr char kCopyOutResponse = 'H';
inline constexpr char kDataRow = 'D';
inline constexpr char kEmptyQueryResponse = 'I';
inline constexpr char kErrorResponse = 'E';
inline constexpr char kFunctionCallResponse = 'V';
inline constexpr char kNegotiateProtocolVersion = 'v';
inline constexpr char kNoData = 'n';
inline constexpr char kNoticeResponse = 'N';
inline constexpr char kNotificationResponse = 'A';
inline constexpr char kParameterDescription = 't';
inline constexpr char kParameterStatus = 'S';
inline constexpr char kParseComplete = '1';
inline constexpr char kPortalSuspended = 's';
inline constexpr char kReadyForQuery = 'Z';
inline constexpr char kRowDescription = 'T';

/// Of an ErrorResponse this much is held, so that its SQLSTATE can be read; a longer one passes in parts.
inline constexpr std::uint32_t kHeldError = 64U << 10;

/// Rules for a session that is logged in. DataRow, CopyData, RowDescription, FunctionCallResponse,
/// NoticeResponse, NotificationResponse and ParameterDescription pass (hold 0); ErrorResponse is held up to
/// kHeldError; the others are whole, and longer than 30,000 bytes they are refused, as libpq does
/// (VALID_LONG_MESSAGE_TYPE).
FrameRule rule(char type);
/// The same, with NoticeResponse held as ErrorResponse is: for sessions in which not all of them may pass.
FrameRule rule_holding_notices(char type);

/// Codes of the Authentication messages (libpq/protocol.h).
enum class AuthenticationCode : std::int32_t {
  kOk = 0,
  kCleartextPassword = 3,
  kMd5Password = 5,
  kSasl = 10,
  kSaslContinue = 11,
  kSaslFinal = 12,
};

struct Authentication {
  std::int32_t code;
  std::string_view data;  ///< what follows the code
};

struct BackendKeyData {
  std::int32_t backend_pid;
  std::string_view secret_key;  ///< 4 to 256 bytes
};

struct ParameterStatus {
  std::string_view name;
  std::string_view value;
};

/// The fields of ErrorResponse and NoticeResponse that the proxy reads (manual, 55.8). Empty = not sent.
struct ErrorFields {
  std::string_view severity;  ///< 'V', not localized; 'S' where a server older than 9.6 sends no 'V'
  std::string_view sqlstate;  ///< 'C'
  std::string_view message;   ///< 'M'
};

/// One field of an ErrorResponse or NoticeResponse: its type byte and its text.
struct ErrorField {
  char type;
  std::string_view text;
};

Result<Authentication> decode_authentication(std::string_view body);
/// The names in AuthenticationSASL's list.
Result<std::vector<std::string_view>> decode_sasl_mechanisms(std::string_view data);
Result<BackendKeyData> decode_backend_key_data(std::string_view body);
Result<ParameterStatus> decode_parameter_status(std::string_view body);
/// `whole` false: the body is the beginning of a long message, and a field that is cut off is left empty.
Result<ErrorFields> decode_error_fields(std::string_view body, bool whole);
/// All fields in their order. `whole` as above; what is cut off is left out.
Result<std::vector<ErrorField>> decode_all_error_fields(std::string_view body, bool whole);
/// The command tag, as "INSERT 0 5".
Result<std::string_view> decode_command_complete(std::string_view body);
/// 'I', 'T' or 'E'.
Result<char> decode_ready_for_query(std::string_view body);
/// The number of rows at the end of a command tag; nothing where the command has none ("BEGIN").
std::optional<std::uint64_t> rows_of_tag(std::string_view tag);

/// Encoders append one whole message to `out`.
void encode_authentication_ok(std::string& out);
void encode_authentication_cleartext_password(std::string& out);
void encode_authentication_sasl(std::string& out, std::span<const std::string_view> mechanisms);
void encode_authentication_sasl_continue(std::string& out, std::string_view data);
void encode_authentication_sasl_final(std::string& out, std::string_view data);
void encode_backend_key_data(std::string& out, std::int32_t backend_pid, std::string_view secret_key);
/// Severity as PostgreSQL writes it: "ERROR", "FATAL".
void encode_error_response(std::string& out, std::string_view severity, const Error& error);
/// `type`: kErrorResponse or kNoticeResponse. Empty fields are left out.
void encode_error_fields(std::string& out, char type, std::span<const ErrorField> fields);
void encode_command_complete(std::string& out, std::string_view tag);
void encode_negotiate_protocol_version(std::string& out, std::uint16_t newest_minor,
                                       std::span<const std::string> unrecognized_options);

}  // namespace chaperone::wire::backend
