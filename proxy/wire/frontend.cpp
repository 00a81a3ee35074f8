#include "proxy/wire/frontend.hpp"

#include <fmt/format.h>

#include "proxy/wire/bytes.hpp"
#include "proxy/wire/rule_table.hpp"

namespace chaperone::wire::frontend {
namespace {

// The C string and nothing behind it: what Query, and the name in Describe and Close, are.
struct Target {
  char kind;
  std::string_view name;
};

Result<Target> decode_target(std::string_view body, const char* message) {
  BodyReader reader(body);
  const char kind = reader.byte();
  const std::string_view name = reader.string();
  if (auto end = reader.end(); !end) return end.error();
  if (kind != 'S' && kind != 'P') {
    return violation(fmt::format("invalid {} message subtype {}", message, static_cast<unsigned char>(kind)));
  }
  return Target{kind, name};
}

// The limits are SocketBackend's. 'p' is refused there as any unknown type is.
constexpr FrameRule rule_of(char type) {
  switch (type) {
    case kQuery:
    case kParse:
      return {kLargeMessageLimit, kHeldStatement};
    case kBind:
    case kFunctionCall:
      return {kLargeMessageLimit, kHeldBind};
    case kCopyData:
      return {kLargeMessageLimit, 0};
    case kClose:
    case kDescribe:
    case kExecute:
    case kFlush:
    case kSync:
    case kTerminate:
    case kCopyDone:
    case kCopyFail:
      return {kSmallMessageLimit, kSmallMessageLimit};
    default:
      return {0, 0};
  }
}

constexpr RuleTable kRules = rule_table(rule_of);

}  // namespace

FrameRule rule(char type) {
  return look_up(kRules, type);
}

FrameRule authentication_rule(char type) {
  if (type != kPassword) return {0, 0, Stream::kAuthentication};
  return {kMaxAuthTokenLength, kMaxAuthTokenLength, Stream::kAuthentication};
}

Result<Query> decode_query(std::string_view body) {
  BodyReader reader(body);
  const Query query{reader.string()};
  if (auto end = reader.end(); !end) return end.error();
  return query;
}

// As exec_parse_message's caller in PostgresMain.
Result<Parse> decode_parse(std::string_view body) {
  BodyReader reader(body);
  Parse parse{};
  parse.name = reader.string();
  parse.query = reader.string();
  parse.parameter_types = reader.u16();
  reader.bytes(std::size_t{parse.parameter_types} * 4);
  if (auto end = reader.end(); !end) return end.error();
  return parse;
}

// As exec_bind_message. Counts are unsigned there too.
Result<Bind> decode_bind(std::string_view body) {
  BodyReader reader(body);
  Bind bind{};
  bind.portal = reader.string();
  bind.statement = reader.string();
  const std::uint16_t formats_count = reader.u16();
  bind.formats = reader.bytes(std::size_t{formats_count} * 2);
  bind.values_count = reader.u16();
  if (auto good = reader.so_far(); !good) return good.error();
  if (formats_count > 1 && formats_count != bind.values_count) {
    return violation(fmt::format("bind message has {} parameter formats but {} parameters", formats_count,
                                 bind.values_count));
  }
  const std::string_view values = reader.rest();
  for (std::uint16_t i = 0; i < bind.values_count && !reader.failed(); ++i) {
    const std::uint32_t length = reader.u32();
    if (length != 0xffffffff) reader.bytes(length);  // any other negative one is larger than a message can be
  }
  bind.values = values.substr(0, values.size() - reader.rest().size());
  const std::uint16_t result_formats_count = reader.u16();
  reader.bytes(std::size_t{result_formats_count} * 2);
  if (auto end = reader.end(); !end) return end.error();
  return bind;
}

Result<Bind> decode_bind_names(std::string_view body_beginning) {
  BodyReader reader(body_beginning);
  Bind bind{};
  bind.portal = reader.string();
  bind.statement = reader.string();
  if (auto good = reader.so_far(); !good) return good.error();
  return bind;
}

Value Bind::next_value(std::string_view& rest) {
  BodyReader reader(rest);
  const std::uint32_t length = reader.u32();
  Value value;
  if (!reader.failed() && length != 0xffffffff) value = reader.bytes(length);
  rest = reader.rest();
  return value;
}

int Bind::format(std::size_t index) const {
  const std::size_t count = formats.size() / 2;
  if (count == 0) return 0;
  if (count == 1) index = 0;
  return index < count ? BodyReader(formats.substr(index * 2)).u16() : 0;
}

Result<Describe> decode_describe(std::string_view body) {
  const auto target = decode_target(body, "DESCRIBE");
  if (!target) return target.error();
  return Describe{target->kind, target->name};
}

Result<Close> decode_close(std::string_view body) {
  const auto target = decode_target(body, "CLOSE");
  if (!target) return target.error();
  return Close{target->kind, target->name};
}

Result<Execute> decode_execute(std::string_view body) {
  BodyReader reader(body);
  Execute execute{};
  execute.portal = reader.string();
  execute.max_rows = reader.i32();
  if (auto end = reader.end(); !end) return end.error();
  return execute;
}

Result<FunctionCall> decode_function_call(std::string_view body_beginning) {
  BodyReader reader(body_beginning);
  const FunctionCall call{reader.u32()};
  if (auto good = reader.so_far(); !good) return good.error();
  return call;
}

Result<void> decode_empty(std::string_view body) {
  return BodyReader(body).end();
}

// As recv_password_packet.
Result<std::string_view> decode_password(std::string_view body) {
  BodyReader reader(body);
  const std::string_view password = reader.string();
  if (!reader.end())
    return Error{.sqlstate = sqlstate::kProtocolViolation, .message = "invalid password packet size"};
  return Result<std::string_view>(boost::system::in_place_value, password);
}

// As CheckSASLAuth.
Result<SaslInitialResponse> decode_sasl_initial_response(std::string_view body) {
  BodyReader reader(body);
  SaslInitialResponse response{};
  response.mechanism = reader.string();
  const std::uint32_t length = reader.u32();
  if (length != 0xffffffff) response.data = reader.bytes(length);
  if (auto end = reader.end(); !end) return end.error();
  return response;
}

void encode_query(std::string& out, std::string_view query) {
  const MessageWriter message(out, kQuery);
  append_string(out, query);
}

void encode_parse(std::string& out, std::string_view name, std::string_view query,
                  std::string_view parameter_types) {
  const MessageWriter message(out, kParse);
  append_string(out, name);
  append_string(out, query);
  if (parameter_types.empty()) {
    out.append(2, '\0');
  } else {
    out.append(parameter_types);
  }
}

void encode_execute(std::string& out, std::string_view portal, std::int32_t max_rows) {
  const MessageWriter execute(out, kExecute);
  append_string(out, portal);
  append_u32(out, static_cast<std::uint32_t>(max_rows));
}

void encode_run_unnamed(std::string& out) {
  {
    const MessageWriter bind(out, kBind);
    out.append(8, '\0');  // portal, statement; no formats, no values, no result formats
  }
  {
    const MessageWriter describe(out, kDescribe);
    out.append("P");
    append_string(out, {});
  }
  encode_execute(out, {}, 0);
  const MessageWriter flush(out, kFlush);
}

void encode_sasl_initial_response(std::string& out, std::string_view mechanism, std::string_view data) {
  const MessageWriter message(out, kPassword);
  append_string(out, mechanism);
  append_u32(out, static_cast<std::uint32_t>(data.size()));
  out.append(data);
}

void encode_sasl_response(std::string& out, std::string_view data) {
  const MessageWriter message(out, kPassword);
  out.append(data);
}

void encode_sync(std::string& out) {
  const MessageWriter message(out, kSync);
}

void encode_terminate(std::string& out) {
  const MessageWriter message(out, kTerminate);
}

}  // namespace chaperone::wire::frontend
