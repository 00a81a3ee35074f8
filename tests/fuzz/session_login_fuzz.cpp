#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "proxy/session/session.hpp"
#include "proxy/wire/frontend.hpp"
#include "proxy/wire/startup.hpp"
#include "tests/fuzz/require.hpp"

// Bytes of both sides, interleaved at will, to a session from its first byte on. Nobody gets to the server
// without a proof, and what is upstream then is the StartupMessage of the role. Input: pieces, each a byte
// that says whose it is and how it goes on, one for its length, then its bytes. An honest client may be among
// them, as the first to speak. Where the first byte of all is 128 or more, TLS is offered; the bytes of a
// handshake are left out.

namespace chaperone::session {
namespace {

constexpr std::string_view kPassword = "pencil";

std::shared_ptr<const Environment> environment() {
  static const auto made = [] {
    auto environment = std::make_shared<Environment>();
    environment->databases["shop"] = {.server = {.host = "db"},
                                      .database = "live",
                                      .credential = StaticCredential{.role = "app", .password = "secret"}};
    const auto line = auth::Passwords::line("bot", auth::ScramVerifier::derive(kPassword, 1));
    environment->passwords = auth::Passwords::from_text(line, "passwords").value();
    return environment;
  }();
  return made;
}

class Run {
 public:
  explicit Run(bool offers_tls) : offers_tls_(offers_tls) {
    thread_.admit = [] { return std::nullopt; };
    session_.emplace(environment(), thread_, offers_tls ? "10.0.0.7:51234" : "unix", offers_tls);
  }

  void piece(unsigned char how, std::string_view bytes) {
    const auto block = std::make_unique<std::string>(bytes);
    switch (how % 16) {
      case 11:
        return established();
      case 12:
        return happen([&](Step& step) { session_->on_client_closed(step); });
      case 13:
        return happen([&](Step& step) { session_->on_deadline(step); });
      case 14:
        return prove();
      case 15:
        return happen([&](Step& step) { session_->drain(true, step); });
      default:
        break;
    }
    if (how % 2 == 0) return client(*block);
    if (connected_) happen([&](Step& step) { session_->on_server(*block, step); });
  }

  void finish() {
    if (connected_) happen([&](Step& step) { session_->on_server_closed("it closed", step); });
    happen([&](Step& step) { session_->on_client_lost(step); });
    require(over_, "without its peers a session is over");
  }

 private:
  void client(std::string_view bytes) {
    if (over_ || shaking_hands_ || !session_->wants_client()) return;
    happen([&](Step& step) { session_->on_client(bytes, step); });
  }

  // The honest client, where nothing has been said yet.
  void prove() {
    if (std::exchange(proved_, true) || spoken_) return;
    if (offers_tls_) {
      client(wire::encode(wire::SslRequest{}));
      established();
    }
    auth::ScramKeyCache keys;
    auth::ScramClient scram(kPassword, keys);
    client(wire::encode(wire::StartupMessage{.parameters = {{"user", "bot"}, {"database", "shop"}}}));
    std::string message;
    wire::frontend::encode_sasl_initial_response(message, auth::kScramSha256, scram.first());
    said_.clear();
    client(message);
    require(said_.size() > 9, "the honest client is challenged");
    const auto final = scram.final(std::string_view(said_).substr(9));
    require(final.has_value(), "the challenge is a good one");
    message.clear();
    wire::frontend::encode_sasl_response(message, *final);
    honest_ = true;
    client(message);
    require(connected_, "the honest client gets in");
  }

  void established() {
    if (!std::exchange(shaking_hands_, false) || over_) return;
    require(said_.empty() || said_.back() == 'S', "consent is the last that is said in clear");
    session_->on_tls_established("end point");
    encrypted_ = true;
  }

  template <class Event>
  void happen(Event&& event) {
    if (over_) return;
    spoken_ = true;
    Step step(batch_, {});
    event(step);
    said_ += step.to_client.flatten();
    require(connected_ || step.to_server.empty(), "nothing goes upstream before there is one");
    require(batch_.empty() || session_->logged_in() || step.action == Action::kClose, "a refusal is the end");
    batch_.clear();
    over_ = step.action == Action::kClose || step.action == Action::kCancel;
    if (step.action == Action::kStartTls) {
      require(offers_tls_ && !encrypted_, "TLS is begun once, where it is offered");
      session_->take_client_hello();
      shaking_hands_ = true;
    }
    if (step.action != Action::kConnectUpstream) return;
    require(encrypted_ || !offers_tls_, "where TLS is offered nobody gets in without");
    require(honest_, "nobody gets in without a proof");
    connected_ = true;
    Step connected(batch_, {});
    session_->on_upstream_connected(connected);
    require(connected.to_server.flatten() ==
                wire::encode(wire::StartupMessage{.parameters = {{"user", "app"}, {"database", "live"}}}),
            "the server is asked for the role");
  }

  ThreadState thread_;
  audit::Batch batch_;
  std::optional<Session> session_;
  std::string said_;
  const bool offers_tls_;
  bool shaking_hands_ = false, encrypted_ = false;
  bool spoken_ = false, proved_ = false, honest_ = false, connected_ = false, over_ = false;
};

}  // namespace
}  // namespace chaperone::session

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace chaperone;
  auto input = as_text(data, size);
  session::Run run(!input.empty() && static_cast<unsigned char>(input[0]) >= 128);
  while (input.size() >= 2) {
    const auto how = static_cast<unsigned char>(input[0]);
    const auto length = std::min<std::size_t>(static_cast<unsigned char>(input[1]), input.size() - 2);
    run.piece(how, input.substr(2, length));
    input.remove_prefix(2 + length);
  }
  run.finish();
  return 0;
}
