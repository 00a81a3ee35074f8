#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "proxy/wire/error.hpp"
#include "proxy/wire/frame.hpp"

/// Messages that a client sends (manual, 55.7), decoded as views over the message body and checked as
/// PostgreSQL checks them: a missing NUL, a negative count or bytes behind the end are 08P01. Field names are
/// the manual's. Every view lives as long as the body it was decoded from.
namespace chaperone::wire::frontend {

inline constexpr char kBind = 'B';
inline constexpr char kClose = 'C';
inline constexpr char kCopyData = 'd';
inline constexpr char kCopyDone = 'c';
inline constexpr char kCopyFail = 'f';
inline constexpr char kDescribe = 'D';
inline constexpr char kExecute = 'E';
inline constexpr char kFlush = 'H';
inline constexpr char kFunctionCall = 'F';
inline constexpr char kParse = 'P';
inline constexpr char kPassword = 'p';  // also SASLInitialResponse, SASLResponse, GSSResponse
inline constexpr char kQuery = 'Q';
inline constexpr char kSync = 'S';
inline constexpr char kTerminate = 'X';

/// Limits of SocketBackend (tcop/postgres.c): PQ_LARGE_MESSAGE_LIMIT and PQ_SMALL_MESSAGE_LIMIT.
inline constexpr std::uint32_t kLargeMessageLimit = 0x3fffffff - 1;
inline constexpr std::uint32_t kSmallMessageLimit = 10000;
/// PG_MAX_AUTH_TOKEN_LENGTH: the largest message accepted during authentication.
inline constexpr std::uint32_t kMaxAuthTokenLength = 65535;
/// Of SQL text (Query, Parse) this much is held before it is decided; a longer one passes in parts when
/// observing.
inline constexpr std::uint32_t kHeldStatement = (1U << 20) + 4096;
/// Of Bind and FunctionCall this much is held: the names, and as many parameter values as records keep.
inline constexpr std::uint32_t kHeldBind = 64U << 10;

/// Rules for a session that is logged in. Query, Parse, Bind, FunctionCall are held as above, CopyData passes
/// (hold 0), the small ones are whole.
FrameRule rule(char type);
/// Rules during authentication: 'p' alone, whole.
FrameRule authentication_rule(char type);

/// A whole Flush.
inline constexpr std::string_view kFlushMessage{"H\0\0\0\4", 5};

struct Query {
  std::string_view query;
};

struct Parse {
  std::string_view name;
  std::string_view query;
  std::uint16_t parameter_types;  ///< how many OIDs follow; they are checked for length only
};

/// One value of Bind: nothing = NULL.
using Value = std::optional<std::string_view>;

/// Bind; its formats and values are read one after the other, without an allocation.
struct Bind {
  std::string_view portal;
  std::string_view statement;
  std::uint16_t values_count;
  /// The raw Int16s of the parameter formats: none = all text, one = for all, else one each.
  std::string_view formats;
  /// The raw values, each an Int32 length (-1 = NULL) and its bytes.
  std::string_view values;

  /// Takes the next value from the front of `rest` (which starts as `values`).
  static Value next_value(std::string_view& rest);
  /// 0 = text, 1 = binary, of the value at `index`.
  int format(std::size_t index) const;
};

struct Describe {
  char kind;  ///< 'S' statement or 'P' portal
  std::string_view name;
};

struct Execute {
  std::string_view portal;
  std::int32_t max_rows;  ///< 0 or less = all
};

struct Close {
  char kind;
  std::string_view name;
};

struct FunctionCall {
  std::uint32_t function_oid;
};

struct SaslInitialResponse {
  std::string_view mechanism;
  std::optional<std::string_view> data;
};

Result<Query> decode_query(std::string_view body);
Result<Parse> decode_parse(std::string_view body);
Result<Bind> decode_bind(std::string_view body);
/// Of a Bind that is longer than what is held, portal and statement name alone; values stay empty.
Result<Bind> decode_bind_names(std::string_view body_beginning);
Result<Describe> decode_describe(std::string_view body);
Result<Execute> decode_execute(std::string_view body);
Result<Close> decode_close(std::string_view body);
/// Reads the OID at the front of a FunctionCall; the rest is the server's to judge.
Result<FunctionCall> decode_function_call(std::string_view body_beginning);
/// Sync, Flush, Terminate, CopyDone have no body.
Result<void> decode_empty(std::string_view body);
/// PasswordMessage.
Result<std::string_view> decode_password(std::string_view body);
Result<SaslInitialResponse> decode_sasl_initial_response(std::string_view body);

/// Encoders append one whole message to `out`.
void encode_query(std::string& out, std::string_view query);
/// `parameter_types`: as in the message, an Int16 count and its OIDs; empty = none.
void encode_parse(std::string& out, std::string_view name, std::string_view query,
                  std::string_view parameter_types = {});
void encode_execute(std::string& out, std::string_view portal, std::int32_t max_rows);
/// All of a portal's rows, in text, of a statement without parameters: Bind, Describe, Execute and Flush, all
/// without names.
void encode_run_unnamed(std::string& out);
void encode_sasl_initial_response(std::string& out, std::string_view mechanism, std::string_view data);
void encode_sasl_response(std::string& out, std::string_view data);
void encode_sync(std::string& out);
void encode_terminate(std::string& out);

}  // namespace chaperone::wire::frontend
