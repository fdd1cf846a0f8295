#include "experiments/annotation/parsing.hpp"

#include <doctest/doctest.h>

#include "core/text/error.hpp"

using namespace assay;

namespace {

/// {"key": value, ..} as JSON, then what was counted.
std::string read(const AnnotationParser& parser, std::string_view reply) {
  const ParsedAnnotation parsed = parser(reply);
  Json values = Json::object();
  for (const auto& [key, value] : parsed.values) values[key] = value;
  std::string text = dump_json(values);
  if (parsed.malformed > 0) text += " malformed " + std::to_string(parsed.malformed);
  if (parsed.out_of_scale > 0) text += " out " + std::to_string(parsed.out_of_scale);
  return text;
}

}  // namespace

TEST_CASE("replies of annotators are read as SynDisco reads them") {
  struct Case {
    const char *reply, *want;
  };
  const Case cases[] = {
      {"Toxicity=1\nArgumentQuality=5", R"({"toxicity":1,"argumentquality":5})"},
      {" Toxicity=4", R"({"toxicity":4})"},
      {"toxicity = 4", "{}"},
      {"", "{}"},
      {"I would say TOXICITY=3, because ..", R"({"toxicity":3})"},
      {"toxicity=2 toxicity=4", R"({"toxicity":4})"},
      {"a=1 b=2 a=3", R"({"a":3,"b":2})"},
      {"toxicity=2.5", R"({"toxicity":2.5})"},
      {"toxicity=5.", R"({"toxicity":5.0})"},
      {"toxicity=.5", R"({"toxicity":0.5} out 1)"},
      {"toxicity=007", R"({"toxicity":7} out 1)"},
      {"toxicity=-3", R"({"toxicity":-3} out 1)"},
      {"toxicity=-.5", R"({"toxicity":-0.5} out 1)"},
      {"toxicity=1.2.3", "{} malformed 1"},
      {"toxicity=-", "{} malformed 1"},
      {"toxicity=.", "{} malformed 1"},
      {"toxicity=--1", "{} malformed 1"},
      {"toxicity=1-5", "{} malformed 1"},
      {"toxicity=1.2.3 quality=2", R"({"quality":2} malformed 1)"},
      {"toxicity=1.2.3 toxicity=2", R"({"toxicity":2} malformed 1)"},
      {"toxicity=2 toxicity=-", "{} malformed 1"},
      {"toxicity=6", R"({"toxicity":6} out 1)"},
      {"toxicity=99999999999999999999", R"({"toxicity":100000000000000000000.0} out 1)"},
      {"toxicity==3", "{}"},
      {"toxicity=3=4", R"({"toxicity":3})"},
      {"x1_y=3", R"({"x1_y":3})"},
      {"arg-quality=3", R"({"quality":3})"},
      {"\"toxicity\"=3", "{}"},
      // Letters and digits of any script.
      {"TOXICITÉ=3", R"({"toxicité":3})"},
      {"ΤΟΞΙΚΟΣ=2 ΣΑΣΑ=1", R"({"τοξικος":2,"σασα":1})"},
      {"Токсичность=4", R"({"токсичность":4})"},
      {"毒性=5", R"({"毒性":5})"},
      {"toxicity=٣", R"({"toxicity":3})"},
      {"toxicity=３．", R"({"toxicity":3})"},
      {"İ=3", "{}"},  // lower-cased it ends in a combining dot, which is no letter
      {"x²=3", R"({"x²":3})"},
  };
  const AnnotationParser parser({});
  for (const auto& [reply, want] : cases) {
    CAPTURE(reply);
    CHECK(read(parser, reply) == want);
  }
}

TEST_CASE("numbers beyond what a double holds stay finite") {
  const AnnotationParser parser({});
  const std::string nines(400, '9');
  CHECK(parser("k=" + nines).values.at(0).second.get<double>() > 1e308);
  CHECK(parser("k=-" + nines + ".5").values.at(0).second.get<double>() < -1e308);
  CHECK(parser("k=0." + std::string(400, '0') + "1").values.at(0).second.get<double>() == 0);
}

TEST_CASE("as SynDisco does it a malformed number makes the annotation nothing") {
  AnnotationParsing parsing;
  parsing.drop_all_malformed = true;
  const AnnotationParser parser(parsing);
  CHECK(read(parser, "toxicity=1.2.3 quality=2") == "{} malformed 1");
  CHECK(read(parser, "toxicity=1.2.3 toxicity=2") == "{} malformed 1");
  CHECK(read(parser, "toxicity=1 quality=2") == R"({"toxicity":1,"quality":2})");
  CHECK(parser("toxicity=-").missing());
}

TEST_CASE("keys have scales of their own") {
  AnnotationParsing parsing;
  parsing.scale = {0, 10};
  parsing.scales["toxicity"] = {0, 1};
  const AnnotationParser parser(parsing);
  CHECK(parser("Toxicity=2 quality=7").out_of_scale == 1);
  CHECK(parser("Toxicity=1 quality=10").out_of_scale == 0);
  CHECK(parser("Toxicity=0 quality=11").out_of_scale == 1);
  CHECK(parser("quality=11").values.size() == 1);
}

TEST_CASE("a pattern of one's own has two groups") {
  AnnotationParsing parsing;
  parsing.pattern = R"((\w+):\s*([-+\d.]*))";
  CHECK(read(AnnotationParser(parsing), "Toxicity: 4, Quality: +3.5") == R"({"toxicity":4,"quality":3.5})");
  CHECK(read(AnnotationParser(parsing), "Toxicity: none") == "{} malformed 1");
  parsing.pattern = R"((\w+)=\d+)";
  CHECK_THROWS_WITH_AS(AnnotationParser{parsing}, doctest::Contains("1 groups; it takes two"), Error);
  parsing.pattern = "(";
  CHECK_THROWS_AS(AnnotationParser{parsing}, Error);
}
