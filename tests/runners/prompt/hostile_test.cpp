// Templates that want to crash, hang or fill the memory: each ends in a text or an error.
#include <doctest/doctest.h>
#include <pthread.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <random>
#include <thread>
#include <vector>

#include "core/text/input.hpp"
#include "tests/runners/prompt/render.hpp"

using assay::Json;
using assay::Template;
using assay::TemplateOptions;

namespace {

std::string repeat(const std::string& text, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}

std::string kind_of(const std::string& text, const Json& context = Json::object(), bool strict = false) {
  TemplateOptions options;
  options.strict = strict;
  const std::string result = outcome(text, context, options);
  return result.substr(0, result.find(' '));
}

[[maybe_unused]] std::size_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::size_t pages = 0, resident = 0;
  file >> pages >> resident;
  return resident * 4096;
}

/// The random templates' share of seconds must stay small under sanitizers too.
constexpr int kRandomTemplates = 10'000;

std::vector<std::string> seeds() {
  std::vector<std::string> out = {
      "{% for x in opts %}{{ loop.index }}{{ x|upper }}{% else %}{{ n }}{% endfor %}",
      "{% macro f(a, b=2) %}{{ a }}{{ f(b) if a < 3 }}{% endmacro %}{{ f(n, [1, {'a': (1, 2)}]) }}",
      "{% set ns = namespace(a=[]) %}{% for i in range(9) %}{% set ns.a = ns.a + [i] %}{% endfor %}{{ ns.a[::-1] }}",
      "{{ items|groupby('v')|map(attribute='list')|list|tojson(2) }}{{ '%5.2f %s'|format(n, uni) }}{# c #}",
      "{%- raw -%}{{ x }}{%- endraw -%}{{ uni[1:]|wordwrap(3)|indent('> ')|truncate(5) }}{{ n ** 2 // 3 % 5 ~ 'x' }}",
  };
  const std::string path = std::string(ASSAY_SHARED_DATA) + "/qa/templates/jinja_cases.json";
  if (std::filesystem::exists(path)) {
    const Json cases = assay::parse_json(assay::read_file(path), path, assay::JsonLimits{});
    for (const Json& one : cases["cases"]) out.push_back(one["template"].get<std::string>());
  } else {
    std::cout << "skipped: the cases of jinja_cases.json as seeds\n";
  }
  return out;
}

const Json kContext =
    Json::parse(R"j({"n": 3, "opts": ["alpha", "beta"], "d": {"b": 1}, "uni": "naïve — 日本", "none": null,
  "items": [{"name": "q1", "v": 3}, {"name": "q2", "v": 1}], "html": "<b>", "long": "The quick brown fox jumps over"})j");

}  // namespace

TEST_CASE("what grows without end meets a limit") {
  CHECK(kind_of("{{ 'a' * 1000000000 }}") == "limit");
  CHECK(kind_of("{{ [1] * 1000000000 }}") == "limit");
  CHECK(kind_of("{{ 'a'|center(1000000000) }}") == "limit");
  CHECK(kind_of("{{ '%1000000000d'|format(1) }}") == "limit");
  CHECK(kind_of("{{ '%.1000000000f'|format(1) }}") != "crash");
  CHECK(kind_of("{{ 'a\nb'|indent(1000000000) }}") == "limit");
  CHECK(kind_of("{{ ('a' * 1000000)|replace('a', 'b' * 1000000) }}") == "limit");
  CHECK(kind_of("{{ ('a' * 10000)|list|join('b' * 1000000) }}") == "limit");
  CHECK(kind_of("{{ {'a': [1, [2]]}|tojson(100000000) }}") == "limit");
  CHECK(kind_of("{{ [1]|slice(100000000)|list }}") == "limit");
  CHECK(kind_of("{{ [1]|batch(100000000, 0)|list }}") == "limit");
  CHECK(kind_of("{% set ns = namespace(x='ab') %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor %}") ==
        "limit");
  CHECK(kind_of("{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor %}") ==
        "limit");
  CHECK(kind_of("{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ "
                "ns.x }}") == "limit");
  CHECK(kind_of("{% set ns = namespace(x=1) %}{% for i in range(99999) %}{% set ns.x = [ns.x] %}{% endfor %}") ==
        "limit");
  CHECK(kind_of("{% set ns = namespace() %}{% set ns.x = ns %}{{ ns }}") == "limit");
  CHECK(kind_of("{% set ns = namespace() %}{% set ns.x = [ns] %}{% set m = namespace(x=[ns]) %}{{ ns.x == m.x }}") ==
        "text");
  CHECK(kind_of(repeat("{% for i in range(1000) %}", 4) + repeat("{% endfor %}", 4)) == "limit");
  CHECK(kind_of("{% for i in range(100000) %}{% for j in range(100000) %}x{% endfor %}{% endfor %}") == "limit");
  CHECK(kind_of("{% for i in range(99999) %}{{ 'a' * 1000000 == 'b' * 1000000 }}{% endfor %}") == "limit");
  CHECK(kind_of("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}") == "limit");
  CHECK(kind_of("{% macro f(n) %}{{ f(n + 1) }}{{ f(n + 1) }}{% endmacro %}{{ f(0) }}") == "limit");
  CHECK(kind_of(repeat("x", (1U << 20) + 1)) == "limit");
}

TEST_CASE("macros may call each other a hundred deep, on a small stack") {
  const std::string text =
      "{% macro f(n) %}{% if n %}{% with a = n %}{{ f(n - 1) ~ '.' }}{% endwith %}{% endif %}{% endmacro %}{{ f(COUNT) "
      "}}";
  const auto with = [&](const std::string& count) { return std::string(text).replace(text.find("COUNT"), 5, count); };
  CHECK(render(with("99")) == std::string(99, '.'));
  CHECK(kind_of(with("100")) == "limit");
  // A worker thread has 256 KiB.
  struct Job {
    std::string text, result;
  } job{with("99"), {}};
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  pthread_attr_setstacksize(&attributes, 256 * 1024);
#endif
  pthread_t thread{};
  REQUIRE(pthread_create(
              &thread, &attributes,
              [](void* data) -> void* {
                auto* mine = static_cast<Job*>(data);
                mine->result = render(mine->text);
                return nullptr;
              },
              &job) == 0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
  CHECK(job.result == std::string(99, '.'));
}

TEST_CASE("nesting is bounded where the text is read, chains of operators are not nesting") {
  const auto nested = [](std::size_t n) { return "{{ " + repeat("(", n) + "1" + repeat(")", n) + " }}"; };
  CHECK(render(nested(190)) == "1");
  CHECK(kind_of(nested(1000)) == "limit");
  CHECK(kind_of("{{ " + repeat("[", 100'000) + " }}") == "limit");
  CHECK(kind_of("{{ " + repeat("- ", 100'000) + "1 }}") == "limit");
  CHECK(kind_of("{{ " + repeat("not ", 100'000) + "1 }}") == "limit");
  CHECK(kind_of("{{ a" + repeat(".a", 100'000) + " }}") == "limit");
  CHECK(kind_of("{{ 1" + repeat("|abs", 100'000) + " }}") == "limit");
  CHECK(kind_of("{{ 1" + repeat(" if 1 else 1", 50'000) + " }}") == "limit");
  CHECK(kind_of(repeat("{% if 1 %}", 10'000) + repeat("{% endif %}", 10'000)) == "limit");
  CHECK(kind_of("{% for " + repeat("(", 10'000) + "a in b %}{% endfor %}") == "limit");
  CHECK(render(repeat("{% if 1 %}", 150) + "x" + repeat("{% endif %}", 150)) == "x");
  CHECK(render("{{ 1" + repeat(" + 1", 50'000) + " }}") == "50001");
  CHECK(render("{{ 'a'" + repeat(" ~ 'a'", 10'000) + " }}").size() == 10'001);
  CHECK(kind_of("{{ 1" + repeat(" and 1", 50'000) + " }}") == "text");
  CHECK(kind_of("{% if 0 %}" + repeat("{% elif 0 %}", 20'000) + "{% endif %}") == "text");
}

TEST_CASE("memory stays within max_output and 64 MiB") {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  std::cout << "skipped: memory is not measured under a sanitizer\n";
#else
  const char* templates[] = {
      "{% set ns = namespace(x='ab') %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}{{ ns.x }}{% endfor %}",
      "{% set ns = namespace(x=[1]) %}{% for i in range(99999) %}{% set ns.x = [ns.x, 'a' * 9999999] %}{% endfor %}",
      "{% macro f(n) %}{{ 'a' * 900000 }}{{ f(n + 1) }}{% endmacro %}{{ f(0) }}",
      "{% for i in range(99999) %}{{ 'abcdefghij' * 1000 }}{% endfor %}",
      "{{ ('ab ' * 300000).split()|map('upper')|list|length }}",
      "{{ ('a' * 999999)|list|sort|join('b' * 100) }}",
      "{% set ns = namespace(x=[]) %}{% for i in range(99999) %}{% set ns.x = ns.x + [namespace(a='x' * 10000)] %}{% "
      "endfor %}",
  };
  for (const std::string text : templates) {
    CAPTURE(text);
    const std::size_t before = resident_bytes();
    std::atomic<bool> done = false;
    std::size_t peak = before;
    std::thread watch([&] {
      while (!done) {
        peak = std::max(peak, resident_bytes());
        std::this_thread::sleep_for(std::chrono::microseconds(200));
      }
    });
    kind_of(text);
    done = true;
    watch.join();
    CHECK((peak - before) / (1U << 20) <= 80);
  }
#endif
}

TEST_CASE("10,000 random texts of template bytes end in a text or an error") {
  std::mt19937 random(7);
  const std::string alphabet = "{}%#|-+ \n\"'()[].,:=~*/<>!\\aend0159_xif\xC3\xA9\xFF";
  TemplateOptions options;
  options.limits.max_operations = 20'000;
  for (int i = 0; i < kRandomTemplates; ++i) {
    std::string text;
    for (std::size_t n = random() % 60; n > 0; --n) {
      text +=
          random() % 8 == 0 ? (random() % 2 == 0 ? "{{" : "{% ") : std::string(1, alphabet[random() % alphabet.size()]);
    }
    CHECK_FALSE(outcome(text, kContext, options).empty());
  }
}

TEST_CASE("random changes of good templates end in a text or an error") {
  const std::vector<std::string> good = seeds();
  std::mt19937 random(11);
  const char* const parts[] = {"{{", "}}",    "{%",    "%}",   "{#",        "|",      "(",    ")",
                               "[",  "]",     "*",     "-",    "999999999", " in ",   " is ", "'",
                               "\"", "loop",  "f(",    "opts", " if ",      " else ", ".",    ",",
                               "x",  "|list", "|join", "**",   "range(99)"};
  TemplateOptions options;
  options.limits.max_operations = 50'000;
  options.limits.max_output = 1U << 16;
  std::size_t texts = 0;
  for (int i = 0; i < kRandomTemplates; ++i) {
    std::string text = good[random() % good.size()];
    for (std::size_t changes = 1 + random() % 3; changes > 0; --changes) {
      const std::size_t at = random() % (text.size() + 1);
      switch (random() % 4) {
        case 0:
          text.insert(at, parts[random() % std::size(parts)]);
          break;
        case 1:
          text.erase(at, 1 + random() % 4);
          break;
        case 2:
          text.insert(at, text.substr(random() % (text.size() + 1), random() % 20));
          break;
        default:
          if (at < text.size()) text[at] = static_cast<char>(random());
      }
    }
    options.autoescape = random() % 2 == 0;
    options.strict = random() % 2 == 0;
    const std::string result = outcome(text, kContext, options);
    texts += result.starts_with("text ") ? 1 : 0;
    CHECK_FALSE(result.empty());
  }
  CHECK(texts > kRandomTemplates / 20);
}

TEST_CASE("the same input always gives the same outcome, limits included") {
  const std::string text = "{% for i in range(100000) %}{{ i }}{% for j in range(9) %}{{ j }}{% endfor %}{% endfor %}";
  CHECK(outcome(text) == outcome(text));
}

TEST_CASE("time grows linearly with the template and with the context") {
  // Processor time of this thread: neighbours on the machine do not count.
  const auto now = [] {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
  };
  const auto best = [&](const auto& work) {
    double least = 1e9;
    for (int i = 0; i < 5; ++i) {
      const double begin = now();
      work();
      least = std::min(least, now() - begin);
    }
    return least;
  };
  const auto ratio_of = [&](const auto& make, const auto& run) {
    const auto small = make(1), large = make(2);
    double ratio = 1e9;
    for (int i = 0; i < 5 && ratio > 2.5; ++i) ratio = best([&] { run(large); }) / best([&] { run(small); });
    return ratio;
  };
  const auto parse = [](const std::string& text) { Template::parse(text); };
  CHECK(ratio_of([](std::size_t n) { return repeat("text {{ a.b|upper }} {% if a %}x{% endif %}\n", 2500 * n); },
                 parse) <= 2.5);
  CHECK(ratio_of([](std::size_t n) { return repeat("plain { text }\n", 7000 * n); }, parse) <= 2.5);
  CHECK(ratio_of([](std::size_t n) { return "{{ 1" + repeat(" + 1", 25'000 * n) + " }}"; }, parse) <= 2.5);
  const auto variables = [](std::size_t n) {
    std::string text;
    for (std::size_t i = 0; i < 5000 * n; ++i)
      text += "{% set v" + std::to_string(i) + " = " + std::to_string(i) + " %}";
    return text + "{{ v17 }}";
  };
  CHECK(ratio_of(variables, [](const std::string& text) { render(text); }) <= 2.5);
  const auto context = [](std::size_t n) {
    Json list = Json::array();
    for (std::size_t i = 0; i < 10'000 * n; ++i)
      list.push_back({{"name", "item " + std::to_string(i)}, {"text", std::string(60, 'x')}});
    return Json{{"items", list}};
  };
  const auto walk = [](const Json& given) {
    render("{% for i in items %}{{ i.name }}: {{ i.text|upper }}\n{% endfor %}{{ items|tojson|length }}", given);
  };
  CHECK(ratio_of(context, walk) <= 2.5);
}

TEST_CASE("eight threads that share one template give equal texts") {
  const auto parsed = Template::parse(
      "{% macro m(x) %}[{{ x|upper }}]{% endmacro %}{% for p in peers %}{{ loop.index }} {{ m(p.name) }} {{ p.n + 1 "
      "}};{% endfor %}");
  const auto context =
      assay::prompt::from_json(Json::parse(R"j({"peers": [{"name": "é<", "n": 1}, {"name": "b", "n": 2.5}]})j"));
  CountingRandom random;
  const std::string expected = parsed->render(context, random);
  CHECK(expected == "1 [É<] 2;2 [B] 3.5;");
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  constexpr int kTimes = 500;
#else
  constexpr int kTimes = 10'000;
#endif
  std::atomic<int> wrong = 0;
  std::vector<std::jthread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      CountingRandom mine;
      for (int i = 0; i < kTimes; ++i) {
        if (parsed->render(context, mine) != expected) ++wrong;
      }
    });
  }
  threads.clear();
  CHECK(wrong == 0);
}

TEST_CASE("text from data that looks like a template is not one") {
  const Json context = {{"question", "What is {{ 7*7 }}? {% raw %} {# x #} {{ question }}"}};
  CHECK(render("Q: {{ question }}", context) == "Q: What is {{ 7*7 }}? {% raw %} {# x #} {{ question }}");
  CHECK(render("{% set q %}{{ question }}{% endset %}{{ q|trim }}", context) == context["question"].get<std::string>());
}
