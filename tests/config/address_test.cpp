#include "proxy/config_address.hpp"

#include <gtest/gtest.h>

namespace chaperone::test {
namespace {

TEST(Address, RoundTrips) {
  for (const char* text : {"127.0.0.1:6432", "localhost:1", "db-1.internal_net:65535", "[::1]:6432",
                           "[2001:db8::1]:5432", "unix:/run/postgresql:5432", "unix:/:1"}) {
    std::string problem;
    const auto address = parse_address(text, kServerAddress, problem);
    ASSERT_TRUE(address) << text << ": " << problem;
    EXPECT_EQ(address->to_string(), text);
  }
}

TEST(Address, AUnixSocketHasTheDefaultPortAndNoSlashAtTheEnd) {
  std::string problem;
  EXPECT_EQ(parse_address("unix:/run/x//", kListenAddress, problem)->to_string(), "unix:/run/x:6432");
  EXPECT_EQ(parse_address("unix:/run/x", kServerAddress, problem)->socket_path(), "/run/x/.s.PGSQL.5432");
}

TEST(Address, OnlyAListenerMayLeaveThePortToTheSystem) {
  std::string problem;
  EXPECT_TRUE(parse_address("127.0.0.1:0", kListenAddress, problem));
  EXPECT_FALSE(parse_address("127.0.0.1:0", kServerAddress, problem));
  EXPECT_EQ(problem, "the port is no number from 1 to 65535");
}

TEST(Address, LocalIsWhatNoOtherMachineReaches) {
  const auto local = [](std::string host, bool unix_socket = false) {
    return is_local(session::Address{std::move(host), 1, unix_socket});
  };
  EXPECT_TRUE(local("127.0.0.1"));
  EXPECT_TRUE(local("127.8.9.1"));
  EXPECT_TRUE(local("::1"));
  EXPECT_TRUE(local("localhost"));
  EXPECT_TRUE(local("/run/x", true));
  EXPECT_FALSE(local("0.0.0.0"));
  EXPECT_FALSE(local("::"));
  EXPECT_FALSE(local("10.0.0.1"));
  EXPECT_FALSE(local("127.example.com")) << "a name is what its resolver says";
}

}  // namespace
}  // namespace chaperone::test
