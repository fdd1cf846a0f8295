#include <doctest/doctest.h>

#include "core/text/error.hpp"
#include "runners/prompt/prompt_file.hpp"
#include "runners/yaml/yaml.hpp"
#include "tests/runners/prompt/fixed_random.hpp"

using assay::Error;
using assay::Json;
using assay::load_prompt;
using assay::PromptFile;
using assay::TemplateError;

namespace {

std::vector<assay::RenderedMessage> render(const PromptFile& file, const Json& context) {
  CountingRandom random;
  return file.render(assay::prompt::from_json(context), random);
}

/// "kind at place: message"
std::string refusal(const std::string& yaml) {
  try {
    load_prompt(yaml, "p.yaml");
  } catch (const Error& error) {
    return error.kind() + " " + error.what();
  }
  return "none";
}

}  // namespace

TEST_CASE("a prompt file with one template is one user message") {
  const PromptFile file = load_prompt(
      "name: no\nversion: 1.10\ndescription: terse\ndefaults: {tone: kind}\nextract: 'answer: (.*)'\nstop_words: "
      "[STOP, 1]\n"
      "system: Be brief.\nother: 1\nmore: 2\ntemplate: |\n  Others said:\n  {% for p in peers %}{{ p.name }}: {{ "
      "p.content }}\n  {% endfor %}# {{ tone }}\n",
      "prompts/p.yaml");
  CHECK(file.name == "no");
  CHECK(file.version == "1.10");
  CHECK(file.description == "terse");
  CHECK(file.extract == "answer: (.*)");
  CHECK(file.system == "Be brief.");
  CHECK(file.stop_words == std::vector<std::string>{"STOP", "1"});
  CHECK(file.warnings == std::vector<std::string>{"keys without a meaning here: other, more"});
  CHECK(file.variables() == std::vector<std::string>{"peers"});
  CHECK(file.hash.size() == 12);
  const auto messages = render(file, Json::parse(R"j({"peers": [{"name": "A", "content": "{{ 7*7 }}"}]})j"));
  REQUIRE(messages.size() == 1);
  CHECK(messages[0].role == "user");
  CHECK(messages[0].content == "Others said:\nA: {{ 7*7 }}\n# kind");
  CHECK(render(file, Json::parse(R"j({"peers": [], "tone": "rude"})j"))[0].content == "Others said:\n# rude");
}

TEST_CASE("messages take the place of template") {
  const PromptFile file = load_prompt(
      "name: m\nmessages:\n- role: system\n  template: You are {{ who }}.\n- {role: user, template: '{{ q }}'}\n",
      "m.yaml");
  const auto messages = render(file, {{"who", "a judge"}, {"q", "1+1?"}});
  REQUIRE(messages.size() == 2);
  CHECK(messages[0].role == "system");
  CHECK(messages[0].content == "You are a judge.");
  CHECK(messages[1].content == "1+1?");
  CHECK(file.variables() == std::vector<std::string>{"who", "q"});
}

TEST_CASE("options of the file, and what overrides them") {
  const std::string text =
      "name: o\nautoescape: yes\nundefined: lenient\ntrim_blocks: true\nkeep_trailing_newline: on\n"
      "template: |\n  {% if 1 %}\n  {{ x }}{{ y }}\n  {% endif %}\n";
  CHECK(render(load_prompt(text, "o.yaml"), {{"x", "<"}})[0].content == "&lt;\n");
  assay::PromptOverrides overrides;
  overrides.autoescape = false;
  overrides.strict = true;
  const PromptFile strict = load_prompt(text, "o.yaml", overrides);
  CHECK(render(strict, {{"x", "<"}, {"y", ""}})[0].content == "<\n");
  CHECK_THROWS_AS(render(strict, {{"x", "<"}}), TemplateError);
}

TEST_CASE("a prompt without a variable: refused at load under variables, fails its run without, silent when lenient") {
  const std::string head = "name: v\ntemplate: '{{ x }}{{ missing }}'\n";
  CHECK(refusal(head + "variables: [x]\n") ==
        "undefined v:1:11: the variable missing is neither in variables nor in defaults");
  CHECK(refusal(head + "variables: [x]\ndefaults: {missing: 1}\n") == "none");
  CHECK_THROWS_AS(render(load_prompt(head, "v.yaml"), {{"x", 1}}), TemplateError);
  CHECK(render(load_prompt(head + "undefined: lenient\n", "v.yaml"), {{"x", 1}})[0].content == "1");
}

TEST_CASE("what is wrong with a prompt file is said with its place") {
  CHECK(refusal("- a\n").starts_with("yaml p.yaml:1:1: a prompt file is a mapping"));
  CHECK(refusal("template: x\n").starts_with("yaml p.yaml:1:1: the key name is missing"));
  CHECK(refusal("name: a\n").starts_with("yaml p.yaml:1:1: the key template"));
  CHECK(refusal("name: a\ntemplate: x\nmessages: []\n").starts_with("yaml p.yaml:3:11: template and messages exclude"));
  CHECK(refusal("name: a\ntemplate: [x]\n").starts_with("yaml p.yaml:2:11: template must be a text, not a list"));
  CHECK(refusal("name: a\ntemplate: x\nautoescape: 1\n")
            .starts_with("yaml p.yaml:3:13: autoescape must be true or false"));
  CHECK(refusal("name: a\ntemplate: x\nundefined: loose\n").starts_with("yaml p.yaml:3:12: undefined must be"));
  CHECK(refusal("name: a\ntemplate: x\ndefaults: [1]\n").starts_with("yaml p.yaml:3:11: defaults must be a mapping"));
  CHECK(refusal("name: a\nmessages:\n- {role: tool, template: x}\n").starts_with("yaml p.yaml:3:10: role must be"));
  CHECK(refusal("name: a\nname: b\ntemplate: x\n").starts_with("yaml p.yaml:2:1: the key name appears twice"));
  CHECK(refusal("name: !x a\ntemplate: x\n").starts_with("yaml p.yaml:1:"));
  CHECK(refusal("name: a\ntemplate: \"x\n").starts_with("yaml p.yaml:2:11: "));
  CHECK(refusal("name: a\ntemplate: |\n\tx\n").starts_with("yaml p.yaml:"));
  CHECK(refusal("name: a\n---\nname: b\n").find("one document") != std::string::npos);
  CHECK(refusal("name: a\xFF\n").starts_with("yaml p.yaml:1:1: byte 7 is not UTF-8"));
}

TEST_CASE("{{ x }} without quotes is a mapping: the message shows the block form") {
  for (const char* text : {"name: a\ntemplate: {{ x }}\n", "name: a\ntemplate: { x }\n"}) {
    try {
      load_prompt(text, "p.yaml");
      FAIL("no error");
    } catch (const Error& error) {
      CHECK(error.hint().find("template: |\n  {{ x }}") != std::string::npos);
    }
  }
}

TEST_CASE("an error in a block also gives the line of the file") {
  const std::string text = "name: a\n# why\ntemplate: |\n  one\n  {{ x| }}\n";
  try {
    load_prompt(text, "p.yaml");
    FAIL("no error");
  } catch (const TemplateError& error) {
    CHECK(error.kind() == "syntax");
    CHECK(error.prompt() == "a");
    CHECK(error.line() == 2);
    CHECK(error.column() == 7);
    CHECK(error.message().ends_with("(line 5 of p.yaml)"));
    CHECK(error.excerpt() == "{{ x| }}\n      ^");
  }
}

TEST_CASE("CRLF, a BOM, and a # inside a block are no trouble") {
  const PromptFile file =
      load_prompt("\xEF\xBB\xBFname: a\r\ntemplate: |\r\n  x # no comment\r\n\r\n  {{ y }}", "p.yaml");
  CHECK(render(file, {{"y", 1}})[0].content == "x # no comment\n\n1");
}

TEST_CASE("bombs of YAML are refused while they are read") {
  std::string aliases = "a: &a [x,x,x,x,x,x,x,x,x,x]\n";
  for (char c = 'b'; c < 'j'; ++c) {
    const std::string before(1, static_cast<char>(c - 1));
    aliases += std::string(1, c) + ": &" + c + " [";
    for (int i = 0; i < 10; ++i) aliases += "*" + before + (i < 9 ? "," : "]\n");
  }
  CHECK(refusal(aliases).find("more than 10000 values, aliases counted") != std::string::npos);
  CHECK(refusal("a: " + std::string(101, '[') + std::string(101, ']')).starts_with("yaml p.yaml:1:"));
  CHECK(refusal("a: " + std::string(200'000, '[')).starts_with("yaml p.yaml:1:"));
  CHECK(refusal("a: " + std::string(200'000, '{')).starts_with("yaml p.yaml:1:"));
  CHECK(refusal(std::string((1U << 20) + 1, ' ')).starts_with("yaml p.yaml: more than 1048576 bytes"));
  CHECK(refusal("a: &x [*x]\n").starts_with("yaml"));
}

TEST_CASE("plain scalars have the types of YAML 1.1") {
  const Json got = assay::yaml_to_json(
      "{a: yes, b: Off, c: ~, d: 0x1f, e: 017, f: 1_000, g: -3, h: .5, i: 1e3, j: 2024-01-01, k: '1', l: 1.5e+3, m: "
      "1:30, "
      "n: 0b11, o: y, p: '', q: 08, r: nuLL}",
      "t");
  CHECK(got ==
        Json::parse(R"j({"a": true, "b": false, "c": null, "d": 31, "e": 15, "f": 1000, "g": -3, "h": 0.5, "i": "1e3",
    "j": "2024-01-01", "k": "1", "l": 1500.0, "m": 90, "n": 3, "o": "y", "p": "", "q": "08", "r": "nuLL"})j"));
}

TEST_CASE("what yaml-cpp lets pass and PyYAML does not is refused") {
  for (const char* text : {"a: \"x\n", "a: 'x", "a:\t1\n", "a: b\tc\n", "a:\n- b\n-c\n", "a: [b,,c]\n", "a: b\nc d\n",
                           "a: &x! 1\n", "%a\n", "a: \x07\n", "a: |x\n  y\n", "a: =\n"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(assay::yaml_to_json(text, "t"), Error);
  }
  CHECK(assay::yaml_to_json("a: >+\n  x\n\n\nb: 1\n", "t") == Json::parse(R"({"a": "x\n\n\n", "b": 1})"));
}
