#include "core/query/select.hpp"

#include <doctest/doctest.h>

#include <map>
#include <random>

#include "core/text/error.hpp"

using namespace assay;

namespace {

using Runs = std::vector<RunId>;

void add(RunTable& table, const std::string& name, const std::string& model, std::vector<NewRun> runs) {
  BatchInfo info;
  {
    const auto reader = table.read();
    info.id = static_cast<BatchId>(reader.batches().size());
    info.first = static_cast<RunId>(reader.size());
  }
  info.name = name;
  info.kind = "qa";
  info.model = model;
  info.count = static_cast<std::uint32_t>(runs.size());
  table.add_batch(info, runs);
}

NewRun run(const std::string& id, Status status, Verdict verdict, const std::string& category = "") {
  NewRun made;
  made.id = id;
  made.status = status;
  made.score.verdict = verdict;
  if (!category.empty()) made.facets = {{"category", category}};
  return made;
}

/// qa: q1 q2 q3 (runs 0-2); a:b: q1 x (3, 4); deb: q10 (5).
struct World : PayloadSource {
  World() {
    using enum Status;
    auto q1 = run("q1", complete, Verdict::correct, "math");
    q1.score.metric("f1", 0.25);
    q1.usage = {2, 100, 0, 20, 0, 20'000'000'000, 0};
    q1.steps = 3;
    auto q2 = run("q2", complete, Verdict::incorrect, "law");
    q2.score.metric("f1", 0.75);
    auto q3 = run("q3", fail, Verdict::none, "computer science");
    q3.error = {"timeout", "no answer for 10 s", "step 1"};
    q3.attempts = {{3, fail, {}, 12.5}};
    add(table, "qa", "openai/gpt-4o", {q1, q2, q3});
    add(table, "a:b", "openai/gpt-4o-mini",
        {run("q1", ready, Verdict::none, "law"), run("x", incomplete, Verdict::none)});
    add(table, "deb", "sim/x", {run("Q10", complete, Verdict::none)});
    table.set_tag("odd", {1});
    table.set_tag("see me", {1});
    table.set_notes(2, {{1, "the key is wrong"}, {2, "ask Ann"}});
  }

  void visit(const Runs& runs, const PayloadParts& parts,
             const std::function<bool(RunId, const QueryPayload&)>& each) override {
    visited += runs.size();
    for (const RunId id : runs) {
      QueryPayload payload;
      if (parts.data) payload.data = data[id];
      if (parts.answer) payload.answer = answers[id];
      if (parts.context) payload.context = contexts[id];
      if (parts.logs) payload.logs = logs[id];
      if (!each(id, payload)) return;
    }
  }

  Runs all(const std::string& query) { return select(parse_query(query), table, {}, this).runs; }
  Selection listed(const std::string& query, const Runs& listing) {
    return select(parse_query(query), table, {&listing, false}, this);
  }
  std::string error(const std::string& query, const Runs* listing = nullptr) {
    try {
      select(parse_query(query), table, {listing, false}, this);
    } catch (const Error& e) {
      CHECK(e.kind() == "query");
      return e.what();
    }
    return "";
  }

  RunTable table;
  std::map<RunId, std::string> data, answers, contexts;
  std::map<RunId, std::vector<std::string>> logs;
  std::size_t visited = 0;
};

}  // namespace

TEST_CASE("every form selects what the spec's table says") {
  World world;
  const std::pair<const char*, Runs> cases[] = {
      {"", {0, 1, 2, 3, 4, 5}},
      {"q1", {0, 3}},
      {"Q1", {5}},
      {"i:Q1", {0, 3, 5}},
      {"s:qa", {0, 1, 2}},
      {"'qa:q'", {0, 1, 2}},
      {"zzz", {}},
      {"r:q[12]$", {0, 1, 3}},
      {"r:^a", {3, 4}},
      {"r:^.a:", {0, 1, 2}},
      {"FAIL", {2}},
      {"COMPLETE", {0, 1, 5}},
      {"READY | INCOMPLETE", {3, 4}},
      {"CORRECT", {0}},
      {"score:null", {2, 3, 4, 5}},
      {"score!=null", {0, 1}},
      {"status~^COMP", {0, 1, 5}},
      {"batch:qa", {0, 1, 2}},
      {"batch:a:b", {3, 4}},
      {"batch!=qa", {3, 4, 5}},
      {"batch~^[ad]", {3, 4, 5}},
      {"batch:q", {}},
      {"kind:qa", {0, 1, 2, 3, 4, 5}},
      {"model:openai/gpt-4o", {0, 1, 2}},
      {"model:gpt-4o", {0, 1, 2, 3, 4}},
      {"model:mini", {3, 4}},
      {"model=mini", {}},
      {"tag:odd", {1}},
      {"tag:'see me'", {1}},
      {"tag:see", {}},
      {"tag~^s", {1}},
      {"note:key", {2}},
      {"note:'ask Ann'", {2}},
      {"note:Key", {}},
      {"note~^ask", {2}},
      {"!note:key tag:odd", {1}},
      {"tag!=odd", {0, 2, 3, 4, 5}},
      {"err:timeout", {2}},
      {"err:'for 10'", {2}},
      {"err~^no.*s$", {2}},
      {"err:other", {}},
      {"steps>2", {0}},
      {"steps=0", {1, 2, 3, 4, 5}},
      {"time>10s", {2}},
      {"time=12.5", {2}},
      {"cost>0.01", {0}},
      {"cost>=$0.02", {0}},
      {"attempts>=2", {2}},
      {"calls=2", {0}},
      {"tokens_in>=100", {0}},
      {"tokens_out<20", {1, 2, 3, 4, 5}},
      {"metric.f1<0.5", {0}},
      {"metric.f1!=0.25", {1}},
      {"metric.none>0", {}},
      {"category:math", {0}},
      {"category=law", {1, 3}},
      {"category:science", {2}},
      {"category=science", {}},
      {"category~^(law|math)$", {0, 1, 3}},
      {"category!=law", {0, 2}},
      {"qa:q1", {0}},
      {"a:b:q1", {3}},
      {"'a:b:q1'", {3}},
      {"3", {2}},
      {"a:2-4", {1, 2, 3}},
      {"[1,3]", {0, 2}},
      {"*", {0, 1, 2, 3, 4, 5}},
      {"!q1", {1, 2, 4, 5}},
      {"q1 | FAIL", {0, 2, 3}},
      {"q1 !batch:qa", {3}},
      {"(q1|x) category:law", {3}},
      {"!(COMPLETE | READY) !FAIL", {4}},
      {"!(!q1)", {0, 3}},
  };
  for (const auto& [text, expected] : cases) {
    CAPTURE(std::string(text));
    CHECK(world.all(text) == expected);
  }
}

TEST_CASE("a query filters the last listing; all and an address reach beyond, with what stands beside them") {
  World world;
  const Runs listing = {2, 1};  // as sorted by the person
  CHECK(world.listed("", listing).runs == Runs{1, 2});
  CHECK(world.listed("q", listing).runs == Runs{1, 2});
  CHECK(world.listed("COMPLETE", listing).runs == Runs{1});
  CHECK(world.listed("all", listing).runs == Runs{0, 1, 2, 3, 4, 5});
  CHECK(world.listed("* COMPLETE", listing).runs == Runs{0, 1, 5});
  CHECK(world.listed("COMPLETE all", listing).runs == Runs{0, 1, 5});
  CHECK(world.listed("deb:Q10", listing).runs == Runs{5});
  CHECK(world.listed("deb:Q10 | COMPLETE", listing).runs == Runs{1, 5});
  CHECK(world.listed("(deb:Q10 | q) COMPLETE", listing).runs == Runs{1, 5});
  CHECK(world.listed("(all | q) (q1 | x)", listing).runs == Runs{0, 3, 4});
  CHECK(world.listed("deb:Q10 FAIL", listing).runs == Runs{});
  CHECK(world.listed("!deb:Q10", listing).runs == Runs{1, 2});
  CHECK(world.listed("!all", listing).runs == Runs{});
  CHECK(world.listed("all !qa:q1", listing).runs == Runs{1, 2, 3, 4, 5});
  CHECK(select(parse_query("COMPLETE"), world.table, {&listing, true}).runs == Runs{0, 1, 5});
}

TEST_CASE("indices are those of the listing, in its order, and what is beyond its end is told") {
  World world;
  const Runs listing = {5, 2, 0, 4};
  CHECK(world.listed("1", listing).runs == Runs{5});
  CHECK(world.listed("1-3", listing).runs == Runs{5, 2, 0});
  CHECK(world.listed("a:3,1", listing).runs == Runs{5, 0});
  CHECK(world.listed("[1-1]", listing).runs == Runs{5});
  CHECK(world.listed("1-4 !2", listing).runs == Runs{0, 4, 5});
  CHECK(world.error("5", &listing) == "column 1: there is no 5: the listing has 4 runs");
  CHECK(world.error("q 3-9", &listing) == "column 3: there is no 9: the listing has 4 runs");
  CHECK(select(parse_query("2"), world.table, {&listing, true}).runs == Runs{2});
  world.table.set_dropped({2}, true);  // the others keep their numbers
  CHECK(world.listed("1-3", listing).runs == Runs{5, 0});
}

TEST_CASE("a selection says how many of how many, and why there are none") {
  World world;
  const Runs listing = {0, 1, 2};
  CHECK(describe(world.listed("COMPLETE", listing)) == "2 runs (of 3 listed)");
  CHECK(describe(world.listed("CORRECT", listing)) == "1 run (of 3 listed)");
  CHECK(describe(world.listed("all", listing)) == "6 runs");
  CHECK(describe(select(parse_query("q1"), world.table, {})) == "2 runs (of 6)");
  CHECK(describe(world.listed("batch:a:b", listing)) ==
        "no runs: nothing listed matches (of 3); 2 runs outside the listing do");
  CHECK(describe(world.listed("READY", listing)) ==
        "no runs: nothing listed matches (of 3); 1 run outside the listing does");
  CHECK(describe(world.listed("zzz", listing)) == "no runs: nothing listed matches (of 3)");
  CHECK(describe(select(parse_query("zzz"), world.table, {})) == "no runs: none of 6 matches");
  CHECK(describe(select(parse_query(""), RunTable(), {})) == "no runs: there are none yet");
}

TEST_CASE("a mistyped field or run is told, with the nearest") {
  World world;
  CHECK(world.error("x statsu:FAIL") == "column 3: unknown field \"statsu\": did you mean status?");
  CHECK(world.error("categry=law") == "column 1: unknown field \"categry\": did you mean category?");
  CHECK(world.error("qa:q9") == "column 1: batch \"qa\" has no run \"q9\"");
  CHECK(world.error("a:b:q9") == "column 1: batch \"a:b\" has no run \"q9\"");
  CHECK(world.error("a:c") == "column 3: an index is expected");
  CHECK(world.error("x status:DONE") == "column 10: \"DONE\" is no status");
  CHECK(world.error("zz:q1").find("unknown field \"zz\"") != std::string::npos);
}

TEST_CASE("dropped runs are never selected") {
  World world;
  world.table.set_dropped({0}, true);
  world.table.set_batch_dropped(1, true);
  CHECK(world.all("") == Runs{1, 2, 5});
  CHECK(world.all("q1") == Runs{});
  CHECK(world.listed("*", {0, 1, 2, 3, 4}).runs == Runs{1, 2, 5});
  CHECK(world.error("qa:q1") == "column 1: batch \"qa\" has no run \"q1\"");
}

TEST_CASE("a run's name is its address even when it looks like another term") {
  RunTable table;
  add(table, "status", "", {run("FAIL", Status::ready, Verdict::none), run("x", Status::fail, Verdict::none)});
  add(table, "7", "", {run("3", Status::ready, Verdict::none)});
  add(table, "my (new) batch", "", {run("a|b", Status::ready, Verdict::none)});
  const auto names = [&](const char* query) { return select(parse_query(query), table, {}).runs; };
  CHECK(names("status:FAIL") == Runs{0});
  CHECK(names("FAIL") == Runs{1});
  CHECK(names("status=FAIL") == Runs{1});
  CHECK(names("status:x") == Runs{1});
  CHECK(names("7:3") == Runs{2});
  CHECK(names("'my (new) batch:a|b'") == Runs{3});
  CHECK(names("\"my (new) batch\":'a|b'") == Runs{3});
}

TEST_CASE("paths into data and answer, texts of context and log") {
  World world;
  world.data = {
      {0, R"({"k":3,"o":{"p":["x","yy"]},"a.b":1})"}, {1, R"({"k":"3","n":null})"}, {2, R"({"k":10,"t":true})"}};
  world.answers = {{0, R"("It is 42.")"}, {1, "42"}, {2, R"({"v":"42","q":"say \"hi\""})"}, {3, "null"}, {4, R"("b")"}};
  world.contexts = {{0, R"([{"role":"user","content":"be \"kind\"\n"}])"},
                    {1, R"([{"role":"kind","content":[{"t":"x"}]}])"}};
  world.logs = {{2, {R"("one \"two\"")", R"({"k":1})"}}};
  const std::pair<const char*, Runs> cases[] = {
      {"data.k=3", {0, 1}},     {"data.k>3", {2}},
      {"data.k!=3", {2}},       {"data.k:3", {0, 1}},
      {"data.o.p.1=yy", {0}},   {"data.o.p.2=yy", {}},
      {"data.a.b=1", {0}},      {"data.t=true", {2}},
      {"data.n=null", {1}},     {"data.k<x", {1}},
      {"data:yy", {0}},         {"answer:42", {0, 1, 2}},
      {"answer=42", {1}},       {"answer=null", {3}},
      {"answer>41", {1}},       {"answer<c", {0, 4}},
      {"answer.v=42", {2}},     {"answer.q:'\"hi\"'", {2}},
      {"answer~^It.*\\d", {0}}, {"context:'be \"kind'", {0}},
      {"context:kind", {0}},    {"context:'\"t\":\"x\"'", {1}},
      {"context~k.nd", {0}},    {"log:'one \"two\"'", {2}},
      {"log~^one", {2}},        {"!answer:42 COMPLETE", {5}},
  };
  for (const auto& [text, expected] : cases) {
    CAPTURE(std::string(text));
    CHECK(world.all(text) == expected);
  }
}

TEST_CASE("what is on disk is read last, for those runs only that the rest leaves") {
  World world;
  world.answers = {{2, "\"x\""}};
  CHECK(world.all("answer:x batch:qa FAIL") == Runs{2});
  CHECK(world.visited == 1);
  CHECK_THROWS_AS(select(parse_query("answer:x"), world.table, {}), Error);
}

TEST_CASE("a stop ends a query") {
  World world;
  std::stop_source stop;
  stop.request_stop();
  CHECK_THROWS_AS(select(parse_query("q"), world.table, {}, nullptr, stop.get_token()), QueryStopped);
}

TEST_CASE("a search over all names at once finds what a search name by name finds") {
  std::mt19937 random(7);
  RunTable table;
  const std::string letters = "aabAB1-_. \xff:^$";
  std::vector<NewRun> runs;
  std::vector<std::string> names;
  for (int i = 0; i < 3000; ++i) {
    std::string id;
    for (auto n = random() % 7; n > 0; --n) id += letters[random() % letters.size()];
    runs.push_back(run(id, Status::ready, Verdict::none));
    names.push_back("q:" + id);
  }
  add(table, "q", "", runs);
  const auto reader = table.read();
  Runs everyone(names.size()), some;
  for (RunId id = 0; id < everyone.size(); ++id) {
    everyone[id] = id;
    if (random() % 3 == 0) some.push_back(id);
  }
  const char* patterns[] = {
      "a",       "^q",     "b$",     "^q:$",          "$",       "^",      "[^a]",      "[^a]$", "\\s",        "\\W+$",
      "\\D\\D$", ".",      "..b",    "a.*b",          "(?i)ab$", "a|b$",   "^(q:a|.b)", "\\bb",  "\\Bb",       "\\Aq:a",
      "b\\z",    "(?s).$", "(?m)^a", "[[:^alpha:]]$", "a\\n",    "[^q]*$", "x*",        "\\\\A", "(?:a|b){3}", "\\pL$"};
  for (const char* source : patterns) {
    CAPTURE(std::string(source));
    for (const bool any_case : {false, true}) {
      const Pattern pattern(source, any_case);
      for (const Runs& among : {everyone, some}) {
        Runs expected;
        for (const RunId id : among)
          if (pattern.matches(names[id])) expected.push_back(id);
        CHECK(search_names(reader, among, pattern, any_case, {}) == expected);
      }
    }
  }
  for (const char* text : {"a", "aa", ":", "q", "\n", "b\n", "a\nq", ":b", "\xff", "ab1", "", "q:aab"}) {
    CAPTURE(std::string(text));
    for (const Runs& among : {everyone, some}) {
      Runs expected;
      for (const RunId id : among)
        if (names[id].find(text) != std::string::npos) expected.push_back(id);
      CHECK(search_names(reader, among, text, {}) == expected);
    }
  }
}

TEST_CASE("whatever is typed selects or is told as an error") {
  World world;
  world.answers = {{0, "\"x\""}, {1, "{\"v\":[1,2"}, {2, ""}};
  const Runs listing = {2, 0, 5};
  std::mt19937 random(11);
  const char* pieces[] = {"a",     "q1", "r:",      "s:",       "a:",   "i:",  "[",           "]",       "(",
                          ")",     "|",  "!",       " ",        "\"",   "'",   "\\",          "-",       ",",
                          "3",     "0",  "status:", "FAIL",     "=",    ">=",  "~",           "data.",   "k",
                          "qa:",   ":",  "*",       ".",        "all",  "\n",  "\xff",        "answer:", "metric.f1",
                          "time>", "1m", "cost<",   "category", "x{3}", "(?i", "99999999999", "log~"};
  std::size_t selected = 0, refused = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string text;
    for (auto n = random() % 9; n > 0; --n) text += pieces[random() % std::size(pieces)];
    CAPTURE(text);
    try {
      const Selection selection = world.listed(text, listing);
      ++selected;
      if (parse_query(text).root().kind != QueryNode::Kind::term)
        REQUIRE(std::is_sorted(selection.runs.begin(), selection.runs.end()));
    } catch (const Error& error) {
      REQUIRE(error.kind() == "query");
      REQUIRE(!error.message().empty());
      ++refused;
    }
  }
  CHECK(selected > 1000);
  CHECK(refused > 1000);
}
