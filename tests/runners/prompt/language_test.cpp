// Rules of the language that are easy to get wrong; expected values from Jinja2 3.1.6.
#include <doctest/doctest.h>

#include "tests/runners/prompt/render.hpp"

using assay::Json;
using assay::TemplateOptions;

namespace {

struct Row {
  const char* text;
  const char* expected;
};

const Json kContext = Json::parse(R"j({"n": 3, "d": {"b": 1, "a": 2}, "opts": ["alpha", "beta"],
  "items": [{"name": "q1", "v": 3}, {"name": "q2", "v": 1}], "html": "<b>'x'</b>", "uni": "日本語"})j");

void check(const Row* rows, std::size_t count, const TemplateOptions& options = {}) {
  for (std::size_t i = 0; i < count; ++i) {
    CAPTURE(rows[i].text);
    CHECK(outcome(rows[i].text, kContext, options) == std::string("text ") + rows[i].expected);
  }
}

TemplateOptions lenient() {
  TemplateOptions options;
  options.strict = false;
  return options;
}

}  // namespace

TEST_CASE("operators bind and count as in Jinja2") {
  const Row rows[] = {
      {"{{ -2 ** 2 }} {{ 2 ** 3 ** 2 }} {{ -n|abs }} {{ 1 - 1 - 1 }}", "4 64 3 -1"},
      {"{{ 7 // -2 }} {{ -7 % 3 }} {{ 7 / 2 }} {{ 2 ** -1 }} {{ 7.5 // 2 }}", "-4 2 3.5 0.5 3.0"},
      {"{{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ not 1 == 2 }}", "True False True"},
      {"{{ 1e16 }} {{ 1e-05 }} {{ 0.1 + 0.2 }} {{ 2.0 }} {{ 1e15 }}",
       "1e+16 1e-05 0.30000000000000004 2.0 1000000000000000.0"},
      {"{{ 0x1F }} {{ 1_000 }} {{ 0b11 }} {{ 0o17 }} {{ 'a' \"b\" }}", "31 1000 3 15 ab"},
      {"{{ '\\x41\\u00e9\\q' }}", "Aé\\q"},
      {"{{ 1 == 1.0 == true }} {{ '1' == 1 }} {{ [1] == (1,) }}", "True False False"},
      {"{{ (1,) }} {{ () }} {{ ['it\\'s', none, 1.5] }} {{ {'k': none} }}",
       "(1,) () [\"it's\", None, 1.5] {'k': None}"},
      {"{{ uni[1] }} {{ uni[::-1] }} {{ opts[5:] }} {{ 'abcdef'[-2:0:-2] }}", "本 語本日 [] ec"},
      {"{{ 'a' if n == 3 else 'b' }} {{ n is divisibleby 3 }} {{ n is not none }}", "a True True"},
  };
  check(rows, std::size(rows));
}

TEST_CASE("white space control removes what it names and nothing else") {
  const Row rows[] = {
      {"x\n\n", "x\n"},
      {"a {{- n -}} b", "a3b"},
      {"{{-1}}{{+1}}", "11"},
      {"a\n{% if n %}\nb\n{% endif %}\nc\n", "a\n\nb\n\nc"},
      {"{% raw -%}  {{ x }} {%- endraw %} z", "{{ x }} z"},
      {"a {#- c -#}\n b", "ab"},
      {"}} x %} { { #}", "}} x %} { { #}"},
      {"a\r\nb\rc", "a\nb\nc"},
  };
  check(rows, std::size(rows));
  TemplateOptions both;
  both.trim_blocks = both.lstrip_blocks = true;
  const Row block_rows[] = {
      {"a\n  {% if n %}\nb\n  {% endif %}\nc", "a\nb\nc"},
      {"  {%+ if n %}x{% endif +%}\ny", "  x\ny"},
      {"  {# c #}\n y", " y"},
      {"  {{ n }}\n", "  3"},
  };
  check(block_rows, std::size(block_rows), both);
}

TEST_CASE("scopes: for, with, macro and set blocks keep their names, if does not") {
  const Row rows[] = {
      {"{% for x in [1] %}{% set y = x %}{% endfor %}[{{ y }}]", "[]"},
      {"{% if true %}{% set z = 1 %}{% endif %}{{ z }}", "1"},
      {"{% with a = 1 %}{% with a = 2, b = a %}{{ a }}{{ b }}{% endwith %}{{ a }}{% endwith %}", "211"},
      {"{% macro f() %}{{ y }}{% endmacro %}{% set y = 5 %}{% for y in [7] %}{{ f() }}{% endfor %}", "5"},
      {"{% for x in [1,2] %}{% macro m() %}{{ x }}{% endmacro %}{{ m() }}{% endfor %}", "12"},
      {"{% macro f(a, b=2, c=a) %}{{ a }}{{ b }}{{ c }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ f(1,3,4,5,z=6) }}",
       "134(5,){'z': 6}"},
      {"{% set ns = namespace(s=0) %}{% for i in range(4) %}{% set ns.s = ns.s + i %}{% endfor %}{{ ns.s }}", "6"},
      {"{% macro f(n) %}{% if n %}{{ n }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(9) }}", "987654321"},
      {"{% set x | upper %}a{{ n }}{% endset %}{{ x }}{% filter replace('a', 'b') %}aa{% endfilter %}", "A3bb"},
  };
  check(rows, std::size(rows), lenient());
}

TEST_CASE("loops: their variable, conditions when reached, unpacking, else") {
  const Row rows[] = {
      {"{% for i in range(7) if i is odd %}{{ loop.index }}/{{ loop.length }}{{ loop.last }};{% endfor %}",
       "1/3False;2/3False;3/3True;"},
      {"{% set ns = namespace(go=true) %}{% for i in [1,2,3] if ns.go %}{{ i }}{% set ns.go = i < 2 %}{% endfor %}",
       "12"},
      {"{% for a, (b, c) in [[1, (2, 3)]] %}{{ a }}{{ b }}{{ c }}{% endfor %}", "123"},
      {"{% for x in [] %}{% else %}none{% endfor %}", "none"},
      {"{% for c in 'é日' %}{{ c }}.{% endfor %}{% for k in d %}{{ k }}{% endfor %}", "é.日.ba"},
      {"{% for i in [1,1,2] %}{{ loop.changed(i) }}{{ loop.cycle('a','b') }} {% endfor %}", "Truea Falseb Truea "},
  };
  check(rows, std::size(rows));
}

TEST_CASE("filters follow Python where a guess would go wrong") {
  const Row rows[] = {
      {"{{ 2.5|round }} {{ 2.675|round(2) }} {{ 1250|round(-2) }} {{ 2.1|round(0, 'ceil') }}", "2.0 2.67 1200 3.0"},
      {"{{ ['b','A','c']|sort|join }} {{ ['b','A']|sort(case_sensitive=true)|join }}", "Abc Ab"},
      {"{{ 'foo bar baz'|truncate(9) }} {{ 'foo bar baz'|truncate(9, false, '...', 0) }}", "foo bar baz foo..."},
      {"{{ {'b': 1, 'a': '<é'}|tojson }}", "{\"a\": \"\\u003c\\u00e9\", \"b\": 1}"},
      {"{{ 'don\\'t (stop) x-y'|title }} {{ 'a_b c-d'|wordcount }} {{ 'ß'|upper }}", "Don't (Stop) X-Y 3 SS"},
      {"{{ '<p>a  <!-- <x> -->&amp;&#65;</p>'|striptags }}", "a &A"},
      {"{{ '%5.2f|%-4d|%04d|%x|%s%%'|format(1.5, 7, 42, 255, none) }}", " 1.50|7   |0042|ff|None%"},
      {"{{ items|groupby('v')|map(attribute='grouper')|list }} {{ items|sum(attribute='v') }}", "[1, 3] 4"},
      {"{{ [1,2,3]|batch(2, 0)|list }} {{ [1,2,3]|slice(2, 0)|list }}", "[[1, 2], [3, 0]] [[1, 2], [3, 0]]"},
      {"{{ 'aaa bbb-ccc'|wordwrap(6) }}", "aaa\nbbb-\nccc"},
      {"{{ 'a\\n\\nb'|indent(2) }}|{{ 'a\\nb'|indent('> ', true) }}", "a\n\n  b|> a\n> b"},
      {"{{ 1000|filesizeformat }} {{ 1234567|filesizeformat(true) }}", "1.0 kB 1.2 MiB"},
      {"{{ ' 1_0 '|int }} {{ '3.7'|int }} {{ '0x1f'|int(base=16) }} {{ 'x'|int(7) }} {{ 'x'|float }}", "10 3 31 7 0.0"},
      {"{{ d|dictsort }} {{ d|items|list }} {{ ['b','B','a']|unique|list }}",
       "[('a', 2), ('b', 1)] [('b', 1), ('a', 2)] ['b', 'a']"},
      {"{{ 'a b/c?'|urlencode }} {{ {'k y': 'v&'}|urlencode }}", "a%20b/c%3F k+y=v%26"},
      {"{{ 'a,b'.split(',') }} {{ d.get('zz', 5) }} {{ 'AbC'.lower().count('b') }}", "['a', 'b'] 5 1"},
      {"{{ ['x','y','z']|random }}{{ ['x','y','z']|random }}", "xy"},
  };
  check(rows, std::size(rows));
}

TEST_CASE("autoescape escapes printed values once") {
  TemplateOptions on;
  on.autoescape = true;
  const Row rows[] = {
      {"{{ html }}", "&lt;b&gt;&#39;x&#39;&lt;/b&gt;"},
      {"{{ html|safe }} {{ html|e|e }}", "<b>'x'</b> &lt;b&gt;&#39;x&#39;&lt;/b&gt;"},
      {"{{ (html|safe) ~ '<' }} {{ ('<'|safe) + '<' }} {{ ['<'|safe, '<']|join(',') }}", "<b>'x'</b>&lt; <&lt; <,&lt;"},
      {"{% macro m() %}<{{ '<' }}{% endmacro %}{{ m() }}{% set x %}<i>{% endset %}{{ x }}", "<&lt;<i>"},
  };
  check(rows, std::size(rows), on);
  const Row plain[] = {{"{{ html }}", "<b>'x'</b>"}};
  check(plain, 1);
}

TEST_CASE("a lenient template prints nothing for what is missing, and fails where Jinja2 does") {
  const Row rows[] = {
      {"[{{ missing }}] {{ missing|length }} {{ d.nope }} {% for x in missing %}{% else %}e{% endfor %}", "[] 0  e"},
      {"{{ missing is defined }} {{ missing|default('a') }} {{ missing == other }}", "False a True"},
  };
  check(rows, std::size(rows), lenient());
  for (const char* text : {"{{ missing.x }}", "{{ missing + 1 }}", "{{ missing < 1 }}", "{{ missing() }}"}) {
    CAPTURE(text);
    CHECK(outcome(text, kContext, lenient()) == "undefined 1:4");
  }
}

TEST_CASE("variables() names what the caller must give") {
  const auto parsed = assay::Template::parse(
      "{% set a = b %}{{ a }}{% for x in c %}{{ x }}{{ loop.index }}{{ d }}{% endfor %}{{ x }}"
      "{% macro m(p, q=e) %}{{ p }}{{ later }}{{ varargs }}{{ f }}{% endmacro %}{% set later = 1 %}{{ range(2) }}{{ "
      "m(b) }}");
  CHECK(parsed->variables() == std::vector<std::string>{"b", "c", "d", "x", "e", "f"});
}
