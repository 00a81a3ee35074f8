#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "proxy/commands/doctor_database.hpp"
#include "proxy/commands/doctor_grants.hpp"
#include "rules/policy/load.hpp"

namespace chaperone::commands {
namespace {

using rules::GrantObject;
using rules::Privilege;

constexpr std::string_view kPolicy = R"(version: 1
capabilities:
  look-up:
    tables:
      customers: {read: {columns: [id]}}
  notes:
    tables:
      notes: {read: {columns: [id], rows: {where: "id = 1", enforce: rls}}}
agents:
  bot: {capabilities: [look-up]}
  other: {capabilities: [look-up, notes]}
)";

rules::PolicySet policy(const std::string& more = "") {
  rules::Problems problems;
  auto read = rules::load_policy(std::string(kPolicy) + more, "policy.yaml", problems);
  EXPECT_TRUE(problems.empty()) << problems.text();
  return read;
}

std::vector<std::string> roles(const DoctorSubject& subject) {
  std::vector<std::string> out;
  for (const auto& [role, capabilities] : subject.holders()) {
    out.push_back(role);
    for (const auto& each : capabilities) out.back() += " " + each->name;
  }
  return out;
}
using Names = std::vector<std::string>;

TEST(DoctorSubject, WhoHoldsTheCapabilities) {
  const auto plain = policy();
  const DoctorSubject leases{.name = "shop", .role = "broker", .leases = true, .policy = &plain};
  EXPECT_EQ(roles(leases), (Names{"agc_look-up look-up", "agc_notes notes"}));
  const DoctorSubject shared{.name = "shop", .role = "app", .policy = &plain};
  EXPECT_EQ(roles(shared), (Names{"app look-up notes"}));
  const DoctorSubject own{.name = "shop", .own_names = true, .policy = &plain};
  EXPECT_EQ(roles(own), (Names{"bot look-up", "other look-up notes"}));

  const auto watching = policy("  watched: {mode: observe}\n");
  const DoctorSubject watched{.name = "shop", .role = "app", .policy = &watching};
  EXPECT_EQ(roles(watched), Names{}) << "what an observed agent may do is up to the role";
  const DoctorSubject told{.name = "shop", .policy = &plain};
  EXPECT_EQ(roles(told), Names{}) << "a command says which role it is";
  const DoctorSubject unknown{.name = "shop", .role = "app"};
  EXPECT_EQ(roles(unknown), Names{});
}

TEST(DoctorSubject, WhatIsAskedIsJson) {
  const auto plain = policy();
  const DoctorSubject subject{
      .name = "shop", .role = "it's", .connections = 7, .config = "a.yaml", .policy = &plain};
  const auto asked = boost::json::parse(questions(subject)).as_object();
  EXPECT_EQ(asked.at("role").as_string(), "it's");
  EXPECT_EQ(asked.at("leases").as_bool(), false);
  EXPECT_EQ(asked.at("connections").to_number<int>(), 7);
  EXPECT_EQ(boost::json::serialize(asked.at("agents")), R"(["bot","other"])");
  EXPECT_EQ(boost::json::serialize(asked.at("tables")),
            R"([["public","customers",false,"it's",false],["public","notes",true,"it's",true]])");
  EXPECT_EQ(asked.at("broker_sql").as_string(), "pgchaperone broker sql --config a.yaml --database shop");
}

/// One role, r, that needs SELECT (id) on public.t.
class CompareGrants : public testing::Test {
 protected:
  CompareGrants() {
    needed_.grants.emplace(rules::Grant{.role = "r",
                                        .object = GrantObject::kRelation,
                                        .schema = "public",
                                        .name = "t",
                                        .column = "id",
                                        .arguments = "",
                                        .privilege = Privilege::kSelect},
                           rules::GrantReason{});
    live_.database = "shop";
    live_.superusers["r"] = false;
    hold("r", "id", "SELECT");
  }
  HeldPrivilege& hold(const std::string& grantee, const std::string& column, const std::string& privilege) {
    return live_.held.emplace_back(HeldPrivilege{.role = "r",
                                                 .grantee = grantee,
                                                 .object = "relation",
                                                 .schema = "public",
                                                 .name = "t",
                                                 .column = column,
                                                 .privilege = privilege,
                                                 .sql = "TABLE public.t"});
  }
  std::vector<std::string> found(bool leases = true) const {
    std::vector<std::string> out;
    for (const Finding& each : compare_grants(needed_, live_, leases)) {
      out.push_back((each.severity == Severity::kDanger ? "danger " : "warning ") + each.id + ": " +
                    each.mend);
    }
    return out;
  }

  rules::Grants needed_;
  Privileges live_;
};

TEST_F(CompareGrants, ExactlyWhatIsNeeded) {
  EXPECT_EQ(found(), Names{});
}

TEST_F(CompareGrants, Less) {
  live_.held.clear();
  EXPECT_EQ(found(), Names{"warning grant-missing: GRANT SELECT (id) ON TABLE public.t TO r;"});
  hold("", "", "SELECT");
  EXPECT_EQ(found(), Names{"danger public-grant: REVOKE SELECT ON TABLE public.t FROM PUBLIC;"})
      << "PUBLIC's is enough, and too much";
  live_.held.clear();
  live_.superusers.clear();
  EXPECT_EQ(found(), Names{}) << "the role is not there, which is another finding";
}

TEST_F(CompareGrants, More) {
  hold("r", "a b", "SELECT");
  EXPECT_EQ(found(), Names{"danger grant-wider: REVOKE SELECT (\"a b\") ON TABLE public.t FROM r;"});
  EXPECT_EQ(found(false), Names{"warning grant-wider: REVOKE SELECT (\"a b\") ON TABLE public.t FROM r;"});
  live_.superusers["r"] = true;
  EXPECT_EQ(found(), Names{}) << "nothing holds a superuser back, which is another finding";
}

TEST_F(CompareGrants, AWholeTableIsTakenBackAndTheColumnsGivenAgain) {
  hold("r", "", "SELECT");
  EXPECT_EQ(found(), Names{"danger grant-wider: REVOKE SELECT ON TABLE public.t FROM r;\n"
                           "GRANT SELECT (id) ON TABLE public.t TO r;"});
}

TEST_F(CompareGrants, OfOwnersAndThroughOthers) {
  hold("r", "", "DELETE").owner = true;
  EXPECT_EQ(found(), Names{}) << "what an owner may do is another finding";
  hold("readers", "", "DELETE");
  EXPECT_EQ(found(), Names{}) << "and so is the membership of a capability role";
  EXPECT_EQ(found(false), Names{"warning grant-inherited: REVOKE readers FROM r;"});
}

TEST_F(CompareGrants, ThatMayBeGrantedOn) {
  live_.held[0].grantable = true;
  EXPECT_EQ(
      found(),
      Names{"danger grant-option: REVOKE GRANT OPTION FOR SELECT (id) ON TABLE public.t FROM r CASCADE;"});
}

}  // namespace
}  // namespace chaperone::commands
