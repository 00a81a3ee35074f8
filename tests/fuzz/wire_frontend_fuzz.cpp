#include <cstdint>
#include <string>

#include "proxy/wire/frontend.hpp"
#include "tests/fuzz/require.hpp"

// Every decoder of a client's messages: views stay inside the body, a byte more or less is refused, and what
// has an encoder is written as it came. Input: the type byte, then the body.

namespace chaperone::wire::frontend {
namespace {

/// Of one byte more and one less: a message has one length only.
template <class Decode>
void require_exact(std::string_view body, Decode decode) {
  require(!decode(std::string(body) + '\0'), "a byte more is refused");
  if (!body.empty()) require(!decode(std::string(body.substr(0, body.size() - 1))), "a byte less is refused");
}

void require_same(const std::string& encoded, std::string_view body) {
  require(std::string_view(encoded).substr(kFrameHeaderLength) == body,
          "what was decoded is written as it came");
}

void check_bind(std::string_view body) {
  const auto names = decode_bind_names(body);
  const auto bind = decode_bind(body);
  if (!bind) return;
  require(names && names->portal == bind->portal && names->statement == bind->statement,
          "the names are the same");
  for (const auto part : {bind->portal, bind->statement, bind->formats, bind->values}) {
    require(lies_in(part, body), "a view lies in the body");
  }
  std::string_view rest = bind->values;
  std::size_t size = 0;
  for (std::uint16_t i = 0; i < bind->values_count; ++i) {
    const Value value = Bind::next_value(rest);
    size += 4;
    if (value) {
      require(lies_in(*value, bind->values), "a value lies among the values");
      size += value->size();
    }
    require(bind->format(i) >= 0 && bind->format(i) <= 0xffff, "a format is an Int16");
  }
  require(rest.empty() && size == bind->values.size(), "the values are all there is");
  require_exact(body, decode_bind);
}

void check(char type, std::string_view body) {
  std::string encoded;
  switch (type) {
    case kQuery:
      if (const auto query = decode_query(body)) {
        encode_query(encoded, query->query);
        require_same(encoded, body);
        require_exact(body, decode_query);
      }
      return;
    case kParse:
      if (const auto parse = decode_parse(body)) {
        require(lies_in(parse->name, body) && lies_in(parse->query, body), "a view lies in the body");
        encode_parse(encoded, parse->name, parse->query);
        if (parse->parameter_types == 0) require_same(encoded, body);
        require_exact(body, decode_parse);
      }
      return;
    case kBind:
      return check_bind(body);
    case kDescribe:
      if (const auto describe = decode_describe(body)) {
        require(describe->kind + std::string(describe->name) + '\0' == body,
                "a Describe is a kind and a name");
      }
      return;
    case kClose:
      if (const auto close = decode_close(body)) {
        require(close->kind + std::string(close->name) + '\0' == body, "a Close is a kind and a name");
      }
      return;
    case kExecute:
      if (const auto execute = decode_execute(body)) {
        require(execute->portal.size() + 5 == body.size(), "an Execute is a name and a number");
        require_exact(body, decode_execute);
      }
      return;
    case kFunctionCall:
      require(decode_function_call(body).has_value() == (body.size() >= 4), "four bytes are an OID");
      return;
    case kPassword:
      if (const auto response = decode_sasl_initial_response(body)) {
        encode_sasl_initial_response(encoded, response->mechanism, response->data.value_or(""));
        if (response->data) require_same(encoded, body);
        require_exact(body, decode_sasl_initial_response);
      }
      return;
    default:
      require(decode_empty(body).has_value() == body.empty(), "no body is no body");
  }
}

}  // namespace
}  // namespace chaperone::wire::frontend

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  chaperone::wire::frontend::check(static_cast<char>(data[0]), chaperone::as_text(data + 1, size - 1));
  // Any bytes, as those of a body that was cut off.
  std::string_view rest = chaperone::as_text(data, size);
  while (!rest.empty()) {
    const std::size_t before = rest.size();
    chaperone::wire::frontend::Bind::next_value(rest);
    chaperone::require(rest.size() < before, "each value takes its bytes");
  }
  return 0;
}
