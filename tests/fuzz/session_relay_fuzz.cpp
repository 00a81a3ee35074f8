#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "proxy/session/relay.hpp"
#include "tests/fuzz/require.hpp"

// Bytes of both sides, interleaved at will, to a session that is logged in. What goes out is what came in but
// for what has to be dropped and the Flush behind an Execute; no statement has two outcomes, and at the end
// none lacks one. Input: pieces, each a byte that says whose it is and how it goes on, one for its length,
// then its bytes.

namespace chaperone::session {
namespace {

constexpr std::string_view kFlush{"H\0\0\0\4", 5};

/// What went upstream came from the client, in the same order; a Flush may be ours. A Flush is taken for the
/// client's where it can be: to use a byte of the client's earlier than needed leaves all that is behind it.
class Upstream {
 public:
  void client(std::string_view bytes) { client_ += bytes; }
  void sent(std::string_view bytes) {
    while (!bytes.empty()) {
      if (bytes.starts_with(kFlush) && client_.compare(at_, kFlush.size(), kFlush) != 0) {
        bytes.remove_prefix(kFlush.size());
        continue;
      }
      const auto found = client_.find(bytes.front(), at_);
      require(found != std::string::npos, "to the server goes what the client sent");
      at_ = found + 1;
      bytes.remove_prefix(1);
    }
  }

 private:
  std::string client_;
  std::size_t at_ = 0;
};

class Log {
 public:
  void read(const audit::Batch& batch) {
    for (std::size_t i = 0; i < batch.lines(); ++i) {
      const auto line = batch.line(i);
      require(!closed_, "the last record is the end of the session");
      if (line.starts_with(R"("kind":"session")") && line.find(R"("event":"closed")") != line.npos)
        closed_ = true;
      const auto at = line.find(R"("statement":)");
      if (at == line.npos) continue;
      const auto number = std::stoull(std::string(line.substr(at + 12, 20)));
      if (line.starts_with(R"("kind":"statement")")) {
        require(outcomes_.emplace(number, 0).second, "a statement is recorded once");
      } else if (line.starts_with(R"("kind":"outcome")")) {
        const auto found = outcomes_.find(number);
        require(found != outcomes_.end(), "an outcome has its statement");
        require(++found->second == 1, "a statement has one outcome");
      }
    }
  }
  void finish() const {
    require(closed_, "the end is recorded");
    for (const auto& each : outcomes_) require(each.second == 1, "at the end each statement has its outcome");
  }

 private:
  std::map<unsigned long long, int> outcomes_;
  bool closed_ = false;
};

class Run {
 public:
  Run() : relay_({}, cache_, counters_, audit::SessionMembers({.session = "s", .agent = "a"})) {
    happen([&](Step& step) { relay_.begin(step); });
  }

  void piece(unsigned char how, std::string_view bytes) {
    // In a block of its own: whoever keeps a view beyond the call is seen.
    const auto block = std::make_unique<std::string>(bytes);
    if (relay_.over()) return;
    switch (how % 16) {
      case 12:
        return happen([&](Step& step) { relay_.on_client_closed(step); });
      case 13:
        return happen([&](Step& step) { relay_.on_client_lost(step); });
      case 14:
        return happen([&](Step& step) { relay_.drain(step, false); });
      case 15:
        return happen([&](Step& step) { relay_.drain(step, true); });
      default:
        break;
    }
    if (how % 2 == 0) {
      if (!relay_.wants_client()) return;
      upstream_.client(*block);
      happen([&](Step& step) { relay_.on_client(*block, step); });
    } else {
      happen([&](Step& step) { relay_.on_server(*block, step); });
    }
  }

  void finish() {
    if (!relay_.over()) happen([&](Step& step) { relay_.on_server_closed(step, "it closed"); });
    require(relay_.over() && !relay_.wants_client(), "without its server a session is over");
    log_.finish();
  }

 private:
  template <class Event>
  void happen(Event&& event) {
    Step step(batch_, {});
    event(step);
    require((step.action == Action::kClose) == relay_.over(), "it closes when it is over, and only then");
    upstream_.sent(step.to_server.flatten());
    require(step.to_client.flatten().size() == step.to_client.size(), "the pieces are the whole");
    log_.read(batch_);
    batch_.clear();
  }

  SqlCache cache_;
  Counters counters_;
  audit::Batch batch_;
  Relay relay_;
  Upstream upstream_;
  Log log_;
};

}  // namespace
}  // namespace chaperone::session

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace chaperone;
  session::Run run;
  auto input = as_text(data, size);
  while (input.size() >= 2) {
    const auto how = static_cast<unsigned char>(input[0]);
    const auto length = std::min<std::size_t>(static_cast<unsigned char>(input[1]), input.size() - 2);
    run.piece(how, input.substr(2, length));
    input.remove_prefix(2 + length);
  }
  run.finish();
  return 0;
}
