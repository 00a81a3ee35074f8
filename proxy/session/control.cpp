#include "proxy/session/control.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/endian/conversion.hpp>
#include <utility>

#include "proxy/wire/backend.hpp"
#include "proxy/wire/frontend.hpp"
#include "proxy/wire/sqlstate.hpp"
#include "proxy/wire/startup.hpp"
#include "rules/text.hpp"

namespace chaperone::session {

namespace backend = wire::backend;
namespace sqlstate = wire::sqlstate;

namespace {

/// A row that is longer is no answer to what we ask.
constexpr std::uint32_t kMaxMessage = 64U << 20;

/// Everything whole: our own questions have answers that fit.
wire::FrameRule whole(char type) {
  wire::FrameRule rule = backend::rule(type);
  rule.max_length = std::min(rule.max_length, kMaxMessage);
  rule.hold = rule.max_length;
  return rule;
}

/// Reads a body's fields from the front; after a shortage everything is empty and ok() is false.
class Body {
 public:
  explicit Body(std::string_view bytes) : bytes_(bytes) {}

  bool ok() const { return ok_; }
  bool at_end() const { return ok_ && bytes_.empty(); }
  std::uint16_t int16() {
    const std::string_view field = take(2);
    return ok_ ? boost::endian::load_big_u16(reinterpret_cast<const unsigned char*>(field.data()))
               : std::uint16_t{0};
  }
  std::int32_t int32() {
    const std::string_view field = take(4);
    return ok_ ? boost::endian::load_big_s32(reinterpret_cast<const unsigned char*>(field.data())) : 0;
  }
  std::string_view string() {
    const std::size_t end = bytes_.find('\0');
    if (end == std::string_view::npos) ok_ = false;
    const std::string_view field = take(end);
    take(1);
    return field;
  }
  std::string_view take(std::size_t size) {
    if (!ok_ || size > bytes_.size()) {
      ok_ = false;
      return {};
    }
    const std::string_view field = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return field;
  }

 private:
  std::string_view bytes_;
  bool ok_ = true;
};

}  // namespace

ControlLogin control_login(const Database& database, std::string_view name, std::string_view role) {
  ControlLogin login{.server = database.server,
                     .database = std::string(database.database.empty() ? name : database.database),
                     .role = {},
                     .password = {},
                     .tls = database.tls,
                     .parameters = {}};
  if (const auto* fixed = std::get_if<StaticCredential>(&database.credential)) {
    login.role = fixed->role.empty() ? std::string(role) : fixed->role;
    login.password = fixed->password;
  } else if (const auto* made = std::get_if<SessionRoleCredential>(&database.credential)) {
    login.role = made->broker;
    login.password = made->password;
  } else if (const auto* shown = std::get_if<ClientCertificateCredential>(&database.credential)) {
    login.role = shown->role;
  }
  return login;
}

std::string text_of(const ControlError& error) {
  const auto on_one_line = [](std::string_view foreign) {
    const std::string text = rules::in_quotes(foreign);
    return text.substr(1, text.size() - 2);
  };
  std::string text = on_one_line(error.message);
  if (error.sqlstate != sqlstate::kConnectionFailure) text += fmt::format(" ({})", error.sqlstate);
  for (const std::string& more : {error.detail, error.hint}) {
    if (!more.empty()) text += "; " + on_one_line(more);
  }
  return text;
}

Control::Control(ControlLogin login, auth::ScramKeyCache& keys)
    : login_(std::move(login)), keys_(keys), reader_(whole) {
  wire::StartupMessage message;
  message.parameters = {{"user", login_.role}, {"database", login_.database}, {"client_encoding", "UTF8"}};
  for (const auto& parameter : login_.parameters) message.parameters.push_back(parameter);
  output_ = wire::encode(message);
}

std::string_view Control::parameter(std::string_view name) const {
  const auto found = parameters_.find(name);
  return found == parameters_.end() ? std::string_view() : found->second;
}

void Control::query(std::string_view sql, std::size_t max_bytes) {
  if (state_ != State::kReady) return fail("a query while another one runs");
  error_.reset();
  results_.clear();
  current_ = {};
  left_ = max_bytes;
  state_ = State::kBusy;
  wire::frontend::encode_query(output_, sql);
}

void Control::fail(std::string message) {
  if (state_ == State::kBroken) return;
  state_ = State::kBroken;
  error_ = ControlError{std::string(sqlstate::kConnectionFailure), std::move(message), {}, {}};
}

void Control::on_closed(std::string_view why) {
  // A FATAL that came before says more.
  if (error_ && state_ != State::kBroken) {
    state_ = State::kBroken;
  } else {
    fail(std::string(why));
  }
}

void Control::on_server(std::string_view bytes) {
  while (state_ != State::kBroken) {
    switch (reader_.next(bytes)) {
      case wire::FrameReader::Item::kNeedMore:
        return;
      case wire::FrameReader::Item::kFrame:
        on_frame(reader_.frame());
        break;
      case wire::FrameReader::Item::kChunk:
        return fail("a message came in parts");
      case wire::FrameReader::Item::kBad:
        return fail(reader_.error().message);
    }
  }
}

void Control::on_frame(const wire::Frame& frame) {
  const std::string_view body = frame.body();
  switch (frame.type) {
    case backend::kNoticeResponse:
    case backend::kNotificationResponse:
      return;
    case backend::kParameterStatus:
      if (const auto status = backend::decode_parameter_status(body)) {
        parameters_[std::string(status->name)] = status->value;
        return;
      }
      return fail("it sent a ParameterStatus that can't be read");
    case backend::kErrorResponse:
      return server_error(body);
    case backend::kAuthentication:
      if (!authenticated_) return authentication(body);
      break;
    case backend::kBackendKeyData:
      if (authenticated_ && state_ == State::kLoggingIn) return;
      break;
    case backend::kReadyForQuery:
      if (authenticated_ && state_ != State::kReady && backend::decode_ready_for_query(body)) {
        state_ = State::kReady;
        return;
      }
      break;
    case backend::kRowDescription:
      if (state_ == State::kBusy) return row_description(body);
      break;
    case backend::kDataRow:
      if (state_ == State::kBusy) return data_row(body);
      break;
    case backend::kCommandComplete:
    case backend::kEmptyQueryResponse:
      if (state_ != State::kBusy) break;
      if (frame.type == backend::kCommandComplete) {
        const auto tag = backend::decode_command_complete(body);
        if (!tag) return fail(tag.error().message);
        current_.tag = *tag;
      }
      results_.push_back(std::exchange(current_, {}));
      return;
    default:
      break;
  }
  fail(fmt::format("it sent message type '{}' where none such may be", frame.type));
}

void Control::authentication(std::string_view body) {
  using Code = backend::AuthenticationCode;
  const auto message = backend::decode_authentication(body);
  if (!message) return fail(message.error().message);
  switch (static_cast<Code>(message->code)) {
    case Code::kOk:
      if (scram_ && !server_proved_) return fail("it ended SCRAM without proving that it knows the password");
      scram_.reset();
      authenticated_ = true;
      return;
    case Code::kSasl:
    case Code::kSaslContinue:
    case Code::kSaslFinal:
      return sasl(message->code, message->data);
    case Code::kCleartextPassword:
      return fail("it asks for the password in clear text, which is never sent");
    case Code::kMd5Password:
      return fail(
          "it asks for an MD5 password; only SCRAM-SHA-256 is spoken (password_encryption, pg_hba.conf)");
  }
  fail(fmt::format("it asks for authentication method {}, which is not spoken", message->code));
}

void Control::sasl(std::int32_t number, std::string_view data) {
  using Code = backend::AuthenticationCode;
  const auto code = static_cast<Code>(number);
  if (code == Code::kSasl && !scram_) {
    const auto mechanisms = backend::decode_sasl_mechanisms(data);
    if (!mechanisms) return fail(mechanisms.error().message);
    scram_.emplace(login_.password.view(), keys_, end_point_);
    const auto mechanism = scram_->choose(*mechanisms);
    if (mechanism.empty()) return fail("it offers no SCRAM-SHA-256");
    if (login_.password.empty()) {
      return fail("it asks for a password, and the configuration has none (password_file)");
    }
    wire::frontend::encode_sasl_initial_response(output_, mechanism, scram_->first());
    return;
  }
  if (!scram_ || server_proved_ || code == Code::kSasl) return fail("it sent a SASL message out of turn");
  if (code == Code::kSaslContinue) {
    const auto answer = scram_->final(data);
    if (!answer) return fail(answer.error().message);
    wire::frontend::encode_sasl_response(output_, *answer);
    return;
  }
  const auto proved = scram_->verify(data);
  if (!proved) return fail(proved.error().message);
  server_proved_ = true;
}

void Control::row_description(std::string_view bytes) {
  constexpr std::size_t kAfterName = 4 + 2 + 4 + 2 + 4 + 2;  // table, column, type, length, modifier, format
  Body body(bytes);
  current_.columns.clear();
  for (std::uint16_t i = body.int16(); i > 0 && body.ok(); --i) {
    current_.columns.emplace_back(body.string());
    body.take(kAfterName);
  }
  if (!body.at_end()) fail("it sent a RowDescription that can't be read");
}

void Control::data_row(std::string_view bytes) {
  if (bytes.size() > left_) return fail("its answer is too long");
  left_ -= bytes.size();
  Body body(bytes);
  std::vector<std::optional<std::string>> row;
  for (std::uint16_t i = body.int16(); i > 0 && body.ok(); --i) {
    const std::int32_t length = body.int32();
    if (length == -1) {
      row.emplace_back();
    } else {
      row.emplace_back(body.take(static_cast<std::uint32_t>(length)));
    }
  }
  if (!body.at_end() || row.size() != current_.columns.size()) {
    return fail("it sent a DataRow that can't be read");
  }
  current_.rows.push_back(std::move(row));
}

void Control::server_error(std::string_view bytes) {
  ControlError error{};
  Body body(bytes);
  while (body.ok() && !body.at_end()) {
    const std::string_view code = body.take(1);
    if (code == std::string_view("\0", 1)) break;
    const std::string_view value = body.string();
    if (code == "C") error.sqlstate = value;
    if (code == "M") error.message = value;
    if (code == "D") error.detail = value;
    if (code == "H") error.hint = value;
  }
  if (!body.at_end()) return fail("it sent an ErrorResponse that can't be read");
  if (!error_) error_ = std::move(error);
  // Before the first ReadyForQuery every error ends the connection.
  if (state_ == State::kLoggingIn) state_ = State::kBroken;
}

}  // namespace chaperone::session
