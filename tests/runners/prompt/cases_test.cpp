#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <sstream>

#include "core/text/error.hpp"
#include "core/text/input.hpp"
#include "runners/prompt/cases.hpp"
#include "runners/prompt/sha256.hpp"

using assay::Json;

namespace {

void check_all(const std::string& file, std::size_t count, const std::string& root = "") {
  const std::string path = std::string(ASSAY_SHARED_DATA) + "/qa/templates/" + file;
  if (!std::filesystem::exists(path)) {
    std::cout << "skipped: " << file << " is not there\n";
    return;
  }
  const Json cases = assay::parse_json(assay::read_file(path), file, assay::JsonLimits{});
  const Json result = assay::run_prompt_cases(cases, root, nullptr);
  CHECK(result["n"] == count);
  CHECK(result["passed"] == count);
  for (const Json& failed : result["failed"]) MESSAGE(assay::dump_json(failed));
}

}  // namespace

TEST_CASE("templates render as Jinja2 3.1.6 renders them") { check_all("jinja_cases.json", 452); }
TEST_CASE("YAML is read as PyYAML 6.0.3 reads it") { check_all("yaml_cases.json", 21); }
TEST_CASE("errors have kind, line and column") { check_all("error_cases.json", 16); }
TEST_CASE("the prompt files of MAD render byte for byte") {
  check_all("render_mad.json.gz", 96, std::string(ASSAY_SHARED_DATA) + "/debate/mad");
}

TEST_CASE("a cases file reports what failed, and writes every outcome") {
  const Json cases = Json::parse(R"j({"contexts": {"a": {"x": 1}, "b": {"x": "<"}}, "cases": [
    {"id": "one", "template": "{{ x }}", "context": "a", "expected": "1"},
    {"id": "two", "template": "{{ x }}", "context": "b", "autoescape": true, "expected": "<"},
    {"id": "three", "template": "{{ y }}", "context": "a", "undefined": "strict", "error": "undefined", "line": 1, "column": 4},
    {"id": "four", "template": "{{ y }}", "context": "a", "undefined": "strict", "error": "undefined", "column": 5},
    {"id": "five", "template": "{{ x }}", "context": "a",
     "sha256": "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"},
    {"yaml": "a: [1, x]", "expected": {"a": [1, "x"]}},
    {"yaml": "a: 1\na: 2", "error": "yaml"}]})j");
  std::ostringstream out;
  const Json result = assay::run_prompt_cases(cases, "", &out);
  CHECK(result["n"] == 7);
  CHECK(result["passed"] == 5);
  REQUIRE(result["failed"].size() == 2);
  CHECK(result["failed"][0] == Json::parse(R"({"id": "two", "got": {"text": "&lt;"}, "want": {"expected": "<"}})"));
  CHECK(result["failed"][1]["id"] == "four");
  const std::string text = out.str();
  CHECK(std::count(text.begin(), text.end(), '\n') == 7);
  CHECK(text.starts_with("{\"id\":\"one\",\"text\":\"1\"}\n"));
}

TEST_CASE("a document that is no cases file is refused") {
  CHECK_THROWS_AS(assay::run_prompt_cases(Json::array(), "", nullptr), assay::Error);
  CHECK_THROWS_AS(assay::run_prompt_cases(Json::parse(R"({"cases": [{"template": "x"}]})"), "", nullptr), assay::Error);
  CHECK_THROWS_AS(assay::run_prompt_cases(Json::parse(R"({"cases": [{"template": 3, "expected": "x"}]})"), "", nullptr),
                  assay::Error);
}

TEST_CASE("SHA-256 of nothing and of abc as FIPS 180-4 has them") {
  CHECK(assay::sha256_hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(assay::sha256_hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}
