#include <doctest/doctest.h>

#include <fstream>

#include "core/model/kind.hpp"
#include "core/model/settings.hpp"
#include "core/text/error.hpp"

using namespace assay;

namespace {

const std::vector<Parameter> kSpecs = {
    {"model", Parameter::Type::text, "", "the model", {}},
    {"n", Parameter::Type::integer, "5", "how many", {}},
    {"limit", Parameter::Type::integer, "", "at most", {}},
    {"t", Parameter::Type::number, "0.5", "temperature", {}},
    {"cot", Parameter::Type::boolean, "false", "think", {}},
    {"order", Parameter::Type::choice, "file", "order", {"file", "random"}},
    {"map.*", Parameter::Type::text, "", "columns", {}},
};

std::string message_of(const ParameterTexts& given) {
  try {
    resolve_parameters(kSpecs, given, "qa");
  } catch (const Error& error) {
    return error.kind() + "|" + error.what() + "|" + error.hint();
  }
  return "";
}

struct FakeKind : Kind {
  std::string name() const override { return "qa"; }
  std::string summary() const override { return "questions"; }
  std::vector<Parameter> parameters() const override { return kSpecs; }
  LoadedBatch load(const Source&, const ParameterTexts&) const override { return {}; }
  bool accepts(const Json&) const override { return false; }
  std::shared_ptr<Runner> make_runner(const BatchInfo&, const ParameterTexts&) const override { return nullptr; }
  Report report(const BatchView&) const override { return {}; }
};

}  // namespace

TEST_CASE("parameters get their defaults and types, in the order of their rows; what has none is left out") {
  CHECK(dump_json(resolve_parameters(kSpecs, {}, "qa")) == R"({"n":5,"t":0.5,"cot":false,"order":"file"})");
  CHECK(dump_json(resolve_parameters(kSpecs,
                                     {{"n", "-3"},
                                      {"t", "1e-3"},
                                      {"cot", "yes"},
                                      {"order", "random"},
                                      {"map.question", "q"},
                                      {"limit", "10"},
                                      {"model", "sim/x"}},
                                     "qa")) ==
        R"({"model":"sim/x","n":-3,"limit":10,"t":0.001,"cot":true,"order":"random","map.question":"q"})");
  CHECK(dump_json(resolve_parameters({}, {}, "qa")) == "{}");
}

TEST_CASE("a wrong parameter names itself, what was given and what is expected") {
  CHECK(message_of({{"n", "x"}}).starts_with("usage|n=x of kind qa: expected a whole number"));
  for (const char* bad : {"", " 1", "1 ", "1.5", "0x10", "1e3", "99999999999999999999", "--1", "+-1"}) {
    CAPTURE(std::string(bad));
    CHECK(message_of({{"n", bad}}) != "");
  }
  for (const char* bad : {"", "nan", "inf", "1e999", "1,5", "x"}) {
    CAPTURE(std::string(bad));
    CHECK(message_of({{"t", bad}}) != "");
  }
  CHECK(message_of({{"cot", "maybe"}}).find("true or false") != std::string::npos);
  CHECK(message_of({{"order", "randm"}}).find("did you mean random") != std::string::npos);
  CHECK(message_of({{"modle", "x"}}).find("did you mean model") != std::string::npos);
  CHECK(message_of({{"map.", "x"}}) != "");
}

TEST_CASE("an unknown kind is told with the nearest") {
  KindRegistry registry;
  registry.add(std::make_unique<FakeKind>());
  CHECK(registry.find("qa") != nullptr);
  CHECK(registry.find("QA") == nullptr);
  CHECK_THROWS_WITH_AS(registry.require("qaa"), "unknown kind \"qaa\": did you mean qa?", Error);
  CHECK_THROWS_AS(registry.add(std::make_unique<FakeKind>()), std::logic_error);
}

TEST_CASE("settings know their value and where it comes from") {
  Settings settings;
  settings.declare({"limit.regex", "10000", "bytes", [](const std::string& text) {
                      if (text.find_first_not_of("0123456789") != std::string::npos) throw Error("usage", "a number");
                    }});
  settings.declare({"name", "x", "a name", {}});
  CHECK(settings.get("limit.regex") == "10000");
  CHECK(settings.origin("limit.regex") == "default");

  const char* environment[] = {"ASSAY_LIMIT_REGEX=5", "ASSAY_UNKNOWN=1", "nonsense", nullptr};
  settings.read_environment(environment);
  CHECK(settings.get("limit.regex") == "5");
  CHECK(settings.origin("limit.regex") == "environment ASSAY_LIMIT_REGEX");

  const std::string path = std::string(ASSAY_BUILD_DIR) + "/settings_test.conf";
  std::ofstream(path) << "# comment\n\nname  two words  \r\n limit.regex\t7\n";
  settings.read_file(path);
  CHECK(settings.get("name") == "two words");
  CHECK(settings.get("limit.regex") == "7");
  CHECK(settings.origin("name") == "file " + path);

  CHECK_THROWS_WITH_AS(settings.set("limit.regx", "1", "set"),
                       "unknown setting \"limit.regx\": did you mean limit.regex?", Error);
  CHECK_THROWS_AS(settings.set("limit.regex", "x", "set"), Error);
  CHECK(settings.get("limit.regex") == "7");
  settings.reset("limit.regex");
  CHECK(settings.origin("limit.regex") == "default");
  CHECK(settings.get("limit.regex") == "10000");

  std::ofstream(path) << "name a\nlimit.regex x\n";
  CHECK_THROWS_WITH_AS(settings.read_file(path), (path + ":2: a number").c_str(), Error);
  std::ofstream(path) << "name\n";
  CHECK_THROWS_AS(settings.read_file(path), Error);
}
