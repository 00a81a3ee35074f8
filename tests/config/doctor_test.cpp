#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <boost/json.hpp>
#include <sstream>

#include "proxy/commands/doctor_files.hpp"
#include "proxy/commands/doctor_report.hpp"
#include "tests/config/files.hpp"
#include "tests/pg/certificates.hpp"

namespace chaperone::commands {
namespace {

using Kind = FileFacts::Kind;
using test::Directory;

std::vector<std::string> ids(const std::vector<Finding>& findings) {
  std::vector<std::string> out;
  for (const Finding& each : findings) out.push_back(each.id);
  return out;
}
using Ids = std::vector<std::string>;

TEST(DoctorFiles, WhoMayReadAndWrite) {
  const auto judged = [](Kind kind, mode_t mode) {
    const FileFacts file{.setting = "passwords", .path = "/etc/a b", .kind = kind, .mode = mode};
    return ids(judge_files({&file, 1}));
  };
  EXPECT_EQ(judged(Kind::kPlain, 0644), Ids{});
  EXPECT_EQ(judged(Kind::kPlain, 0664), Ids{"file-writable"});
  EXPECT_EQ(judged(Kind::kPlain, 0646), Ids{"file-writable"});
  EXPECT_EQ(judged(Kind::kSecret, 0600), Ids{});
  EXPECT_EQ(judged(Kind::kSecret, 0640), Ids{"secret-readable"});
  EXPECT_EQ(judged(Kind::kSecret, 0666), (Ids{"file-writable", "secret-readable"}));
  EXPECT_EQ(judged(Kind::kRecords, 0600), Ids{});
  EXPECT_EQ(judged(Kind::kRecords, 0640), Ids{"audit-readable"});
  EXPECT_EQ(judged(Kind::kDirectory, 0755), Ids{});
  EXPECT_EQ(judged(Kind::kDirectory, 0775), Ids{"directory-writable"});
  EXPECT_EQ(judged(Kind::kDirectory, 01777), Ids{}) << "as /tmp: nobody replaces what is another's";

  const FileFacts odd{.setting = "passwords", .path = "/etc/it's", .kind = Kind::kSecret, .mode = 0644};
  EXPECT_EQ(judge_files({&odd, 1})[0].mend, "chmod go-rwx '/etc/it'\\''s'");
}

TEST(DoctorFiles, TheFilesOfAConfiguration) {
  const Directory directory;
  test::write_named_files(directory);
  const std::string file = directory.write("chaperone.yaml", test::kGoodConfig);
  ASSERT_EQ(::mkdir((directory / "state").c_str(), 0700), 0);
  directory.write("state/token.key", "x");
  directory.write("audit.jsonl", "");
  directory.write("audit.jsonl.000000000001", "", 0644);
  const auto config = read_config(file);
  ASSERT_TRUE(config) << config.error().message;
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  const auto found = [&] {
    std::vector<std::string> out;
    for (const Finding& each : examine_config(*config, file, now)) {
      if (each.id != "insecure-setting" && each.id != "agent-observed")
        out.push_back(each.id + " " + each.object);
    }
    return out;
  };
  EXPECT_EQ(found(), Ids{"audit-readable file " + directory / "audit.jsonl.000000000001"});
  directory.write("audit.jsonl.000000000001", "");
  EXPECT_EQ(found(), Ids{});
  directory.write("policy.yaml", "version: 1\n", 0622);
  directory.write("app.password", "x", 0604);
  directory.write("state/token.key", "x", 0640);
  ASSERT_EQ(::chmod((directory / "state").c_str(), 0770), 0);
  EXPECT_EQ(found(), (Ids{"secret-readable file " + directory / "app.password",
                          "file-writable file " + directory / "policy.yaml",
                          "secret-readable file " + directory / "state/token.key",
                          "directory-writable directory " + directory / "state"}));

  const auto insecure = judge_config(*config);
  EXPECT_EQ(std::ranges::count(insecure, "agent-observed", &Finding::id), 2);
  EXPECT_EQ(std::ranges::count(insecure, "insecure-setting", &Finding::id), 3);
  const auto tls = std::ranges::find(insecure, "setting databases.shop.tls.mode", &Finding::object);
  ASSERT_NE(tls, insecure.end());
  EXPECT_NE(tls->mend.find("verify-full"), std::string::npos);
}

TEST(DoctorFiles, Certificates) {
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  const auto judged = [&](const pg::CertificateOptions& options,
                          const std::string& setting = "listen[0].tls.certificate",
                          const std::string& more = "") {
    const std::string text = pg::Authority().issue(options).certificate + more;
    const auto read = net::certificate_facts({"server.crt", text});
    EXPECT_TRUE(read);
    return read ? judge_certificates({.setting = setting, .path = "server.crt"}, *read, now)
                : std::vector<Finding>();
  };
  constexpr long kDay = 86'400;
  EXPECT_EQ(ids(judged({.ends = 40 * kDay})), Ids{});
  EXPECT_EQ(ids(judged({.ends = 29 * kDay})), Ids{"certificate-expires"});
  EXPECT_EQ(ids(judged({.begins = -2 * kDay, .ends = -kDay})), Ids{"certificate-expired"});
  EXPECT_EQ(ids(judged({.begins = kDay, .ends = 40 * kDay})), Ids{"certificate-not-yet-valid"});
  EXPECT_EQ(ids(judged({.ends = 40 * kDay, .digest = "SHA1"})), Ids{"certificate-weak"});
  EXPECT_EQ(ids(judged({.ends = 40 * kDay, .algorithm = "ED25519"})), Ids{});

  const auto expired = judged({.common_name = "db.internal", .begins = -2 * kDay, .ends = -kDay});
  EXPECT_EQ(expired[0].severity, Severity::kDanger);
  EXPECT_NE(expired[0].object.find("CN=db.internal"), std::string::npos) << expired[0].object;
  // In a list of authorities an old one beside a good one does no harm.
  const std::string good = pg::Authority().issue({.ends = 40 * kDay}).certificate;
  const auto listed = judged({.begins = -2 * kDay, .ends = -kDay}, "databases.shop.tls.ca", good);
  ASSERT_EQ(ids(listed), Ids{"certificate-expired"});
  EXPECT_EQ(listed[0].severity, Severity::kNote);

  const auto broken =
      net::certificate_facts({"a.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"});
  ASSERT_FALSE(broken);
  EXPECT_TRUE(broken.error().message.starts_with("a.pem: a certificate can't be read"))
      << broken.error().message;
}

TEST(DoctorFiles, SecretsInTheEnvironment) {
  const std::vector<std::string> variables = {"PATH=/bin",
                                              "PGPASSWORD=x",
                                              "PGUSER=tester",
                                              "DATABASE_URL=postgresql://app:hidden@db.internal/shop",
                                              "OTHER_URL=postgresql://app@db.internal:5432/shop",
                                              "HOME=/root"};
  const auto found = judge_environment(variables);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].object, "variable PGPASSWORD");
  EXPECT_EQ(found[1].object, "variable DATABASE_URL");
  EXPECT_EQ(found[1].risk.find("hidden"), std::string::npos);
}

const std::vector<Finding> kFindings = {
    {Severity::kNote, "a-note", "", "the policy", "It is so.", "nothing"},
    {Severity::kDanger, "a-danger", "shop", "table public.\x1b[2J", "It is bad.",
     "REVOKE ALL;\nGRANT SELECT;"},
    {Severity::kDanger, "a-danger", "shop", "table public.\x1b[2J", "It is bad.",
     "REVOKE ALL;\nGRANT SELECT;"},
};

TEST(DoctorReport, Text) {
  std::ostringstream out;
  report_findings(kFindings, DoctorFormat::kText, out, false);
  EXPECT_EQ(out.str(),
            "danger a-danger: table public.?[2J (database shop)\n"
            "    It is bad.\n"
            "    mend: REVOKE ALL;\n"
            "          GRANT SELECT;\n"
            "note a-note: the policy\n"
            "    It is so.\n"
            "    mend: nothing\n"
            "1 danger, 0 warnings, 1 note\n");
}

TEST(DoctorReport, Json) {
  std::ostringstream out;
  report_findings(kFindings, DoctorFormat::kJson, out, false);
  std::istringstream lines(out.str());
  std::string line;
  ASSERT_TRUE(std::getline(lines, line));
  const auto first = boost::json::parse(line).as_object();
  EXPECT_EQ(first.at("id").as_string(), "a-danger");
  EXPECT_EQ(first.at("severity").as_string(), "danger");
  EXPECT_EQ(first.at("database").as_string(), "shop");
  EXPECT_EQ(first.at("object").as_string(), "table public.\x1b[2J");
  EXPECT_EQ(first.at("mend").as_string(), "REVOKE ALL;\nGRANT SELECT;");
  ASSERT_TRUE(std::getline(lines, line));
  EXPECT_TRUE(boost::json::parse(line).as_object().at("database").is_null());
  EXPECT_FALSE(std::getline(lines, line)) << "each finding once";
  EXPECT_TRUE(any_to_mend(kFindings));
  EXPECT_FALSE(any_to_mend({kFindings[0]}));
}

}  // namespace
}  // namespace chaperone::commands
