#include "proxy/session/control.hpp"

#include <gtest/gtest.h>

#include "proxy/wire/backend.hpp"
#include "tests/support/messages.hpp"

// Our own conversation with a server that is scripted byte by byte.

namespace chaperone::session {
namespace {

using test::int16;
using test::int32;
using test::message;
using test::string;

std::string ok() {
  return message('R', int32(0));
}
std::string ready() {
  return message('Z', "I");
}
std::string error(std::string_view sqlstate, std::string_view text) {
  return message('E', string("SERROR") + string("VERROR") + string("C" + std::string(sqlstate)) +
                          string("M" + std::string(text)) + string("Dmore") + std::string(1, '\0'));
}
std::string columns(std::initializer_list<std::string_view> names) {
  std::string body = int16(static_cast<std::uint16_t>(names.size()));
  for (const auto name : names)
    body += string(name) + int32(0) + int16(0) + int32(25) + int16(0) + int32(0) + int16(0);
  return message('T', body);
}
std::string row(std::initializer_list<std::optional<std::string_view>> values) {
  std::string body = int16(static_cast<std::uint16_t>(values.size()));
  for (const auto& value : values) {
    body +=
        value ? int32(static_cast<std::uint32_t>(value->size())) + std::string(*value) : int32(0xffffffff);
  }
  return message('D', body);
}

class ControlTest : public testing::Test {
 protected:
  auth::ScramKeyCache keys_;
  Control control_{{.server = {}, .database = "shop", .role = "app", .password = "secret", .parameters = {}},
                   keys_};

  void log_in() {
    control_.take_output();
    control_.on_server(ok() + message('S', string("server_version") + string("15.4")) +
                       message('K', int32(1) + int32(2)) + ready());
    ASSERT_EQ(control_.state(), Control::State::kReady);
  }
  std::string why() const { return control_.error() ? control_.error()->message : "nothing"; }
};

TEST_F(ControlTest, LogsInAndAsks) {
  EXPECT_EQ(control_.take_output(),
            test::startup({{"user", "app"}, {"database", "shop"}, {"client_encoding", "UTF8"}}));
  log_in();
  EXPECT_EQ(control_.parameter("server_version"), "15.4");
  control_.query("SELECT 1; SELECT 2");
  EXPECT_EQ(control_.take_output(), test::query("SELECT 1; SELECT 2"));
  EXPECT_EQ(control_.state(), Control::State::kBusy);
  control_.on_server(columns({"a", "b"}) + row({"x", std::nullopt}) + row({"", "y"}) +
                     message('C', string("SELECT 2")) +
                     message('N', string("Mheard") + std::string(1, '\0')) + columns({}) +
                     message('C', string("SELECT 0")) + ready());
  ASSERT_EQ(control_.state(), Control::State::kReady) << why();
  const auto results = control_.take_results();
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(results[0].columns, (std::vector<std::string>{"a", "b"}));
  ASSERT_EQ(results[0].rows.size(), 2u);
  EXPECT_EQ(results[0].rows[0][0], "x");
  EXPECT_EQ(results[0].rows[0][1], std::nullopt);
  EXPECT_EQ(results[0].rows[1][0], "");
  EXPECT_EQ(results[1].tag, "SELECT 0");
}

TEST_F(ControlTest, EveryByteMayComeAlone) {
  log_in();
  control_.query("q");
  for (const char byte : columns({"a"}) + row({"value"}) + message('C', string("SELECT 1")) + ready()) {
    control_.on_server({&byte, 1});
  }
  ASSERT_EQ(control_.state(), Control::State::kReady) << why();
  EXPECT_EQ(control_.take_results()[0].rows[0][0], "value");
}

TEST_F(ControlTest, AnErrorOfTheServerIsAValueAndTheConversationGoesOn) {
  log_in();
  control_.query("bad");
  control_.on_server(error("42601", "syntax error") + ready());
  EXPECT_EQ(control_.state(), Control::State::kReady);
  ASSERT_TRUE(control_.error());
  EXPECT_EQ(control_.error()->sqlstate, "42601");
  EXPECT_EQ(control_.error()->detail, "more");
  control_.query("good");
  EXPECT_FALSE(control_.error());
  control_.on_server(message('C', string("SET")) + ready());
  EXPECT_EQ(control_.state(), Control::State::kReady);
}

TEST_F(ControlTest, ARefusedLoginIsTheServersError) {
  control_.on_server(error("28P01", "password authentication failed"));
  EXPECT_EQ(control_.state(), Control::State::kBroken);
  EXPECT_EQ(control_.error()->sqlstate, "28P01");
  control_.on_closed("it closed the connection");
  EXPECT_EQ(why(), "password authentication failed");
}

TEST_F(ControlTest, AFatalErrorSaysMoreThanTheEndOfTheConnection) {
  log_in();
  control_.query("q");
  control_.on_server(error("57P01", "terminating connection"));
  control_.on_closed("it closed the connection");
  EXPECT_EQ(control_.state(), Control::State::kBroken);
  EXPECT_EQ(why(), "terminating connection");
}

TEST_F(ControlTest, ThePasswordIsNeverSentInTheClear) {
  for (const std::string& wish : {int32(3), int32(5) + std::string("salt"), int32(7), int32(2)}) {
    Control control({.server = {}, .database = "d", .role = "r", .password = "secret", .parameters = {}},
                    keys_);
    control.take_output();
    control.on_server(message('R', wish));
    EXPECT_EQ(control.state(), Control::State::kBroken);
    EXPECT_EQ(control.take_output(), "");
  }
}

TEST_F(ControlTest, ALoginWithoutTheServersProofIsNone) {
  control_.on_server(message('R', int32(10) + string("SCRAM-SHA-256") + std::string(1, '\0')));
  EXPECT_NE(control_.take_output().find("SCRAM-SHA-256"), std::string::npos);
  control_.on_server(ok() + ready());
  EXPECT_EQ(control_.state(), Control::State::kBroken);
  EXPECT_EQ(why(), "it ended SCRAM without proving that it knows the password");
}

TEST_F(ControlTest, WhatIsOutOfOrderEndsIt) {
  const std::string wrong[] = {
      ready(),     // before a query
      ok(),        // a second time
      row({"x"}),  // no query runs
      columns({"a"}), message('C', string("SELECT 1")), message('G', std::string(3, '\0')), message('?', ""),
  };
  for (const std::string& bytes : wrong) {
    Control control({.server = {}, .database = "d", .role = "r", .password = "", .parameters = {}}, keys_);
    control.on_server(ok() + ready());
    ASSERT_EQ(control.state(), Control::State::kReady);
    control.on_server(bytes);
    EXPECT_EQ(control.state(), Control::State::kBroken) << bytes[0];
    control.query("q");
    EXPECT_TRUE(control.error()) << "nothing is sent on a broken connection";
    EXPECT_EQ(control.state(), Control::State::kBroken);
  }
  const std::string answers[] = {
      row({"x"}),                        // no columns were told
      columns({"a"}) + row({"x", "y"}),  // not so many
      columns({"a"}) + message('D', int16(1) + int32(9) + "short"),
      columns({"a"}) + message('D', int16(1) + int32(0xfffffffe)),
      message('T', int16(2) + string("a")),
      message('G', std::string(3, '\0')),  // COPY: nothing of ours
      message('E', "no end"),
  };
  for (const std::string& bytes : answers) {
    Control control({.server = {}, .database = "d", .role = "r", .password = "", .parameters = {}}, keys_);
    control.on_server(ok() + ready());
    control.query("q");
    control.on_server(bytes);
    EXPECT_EQ(control.state(), Control::State::kBroken) << bytes[0];
  }
}

TEST_F(ControlTest, AnAnswerThatIsTooLongEndsIt) {
  log_in();
  control_.query("q", 100);
  control_.on_server(columns({"a"}) + row({std::string(60, 'x')}));
  EXPECT_EQ(control_.state(), Control::State::kBusy);
  control_.on_server(row({std::string(60, 'x')}));
  EXPECT_EQ(control_.state(), Control::State::kBroken);
  EXPECT_EQ(why(), "its answer is too long");
}

}  // namespace
}  // namespace chaperone::session
