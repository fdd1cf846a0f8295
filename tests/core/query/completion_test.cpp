#include "core/query/completion.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "core/query/select.hpp"

using namespace assay;

namespace {

using Texts = std::vector<std::string>;

void add(RunTable& table, BatchId id, RunId first, const std::string& name) {
  BatchInfo info;
  info.id = id;
  info.first = first;
  info.count = 2;
  info.name = name;
  info.kind = "qa";
  info.model = "sim/x";
  NewRun a, b;
  a.id = "item one";
  a.facets = {{"category", "computer science"}};
  a.status = Status::fail;
  a.error = {"timeout", "m", ""};
  b.id = "q(2)";
  b.facets = {{"category", "law"}};
  b.score.metric("f1", 1);
  table.add_batch(info, {a, b});
}

}  // namespace

TEST_CASE("Tab offers fields, their values, batches and their runs") {
  RunTable table;
  add(table, 0, 0, "quiz");
  add(table, 1, 2, "my batch");
  table.set_tag("odd", {0});
  const auto complete = [&](const char* word) { return complete_query(word, table); };
  const std::pair<const char*, Texts> cases[] = {
      {"sta", {"status:"}},
      {"!sta", {"!status:"}},
      {"step", {"steps>"}},
      {"status:", {"status:READY", "status:INCOMPLETE", "status:COMPLETE", "status:FAIL"}},
      {"(score:IN", {"(score:INCORRECT"}},
      {"batch:", {"batch:quiz", "batch:my batch"}},
      {"model:s", {"model:sim/x"}},
      {"tag:", {"tag:odd"}},
      {"err:", {"err:timeout"}},
      {"cat", {"category:"}},
      {"category:", {"category:computer science", "category:law"}},
      {"metric.", {"metric.f1"}},
      {"qu", {"quiz:"}},
      {"quiz:", {"quiz:item one", "quiz:q(2)"}},
      {"my b", {"my batch:"}},
      {"FA", {"FAIL"}},
      {"zz", {}},
  };
  for (const auto& [word, expected] : cases) {
    CAPTURE(std::string(word));
    CHECK(complete(word) == expected);
  }
  const Texts everything = complete("");
  CHECK(std::find(everything.begin(), everything.end(), "all") != everything.end());
  CHECK(complete_query("", table, 3).size() == 3);
}

TEST_CASE("what Tab offers, quoted, selects what it says") {
  RunTable table;
  add(table, 0, 0, "quiz");
  add(table, 1, 2, "my \"batch\" (1)");
  const auto runs = [&](const std::string& text) {
    return select(parse_query(quote_query_word(text)), table, {}).runs;
  };
  for (RunId run = 0; run < 4; ++run) {
    const std::string name(table.read().name(run));
    CAPTURE(quote_query_word(name));
    CHECK(runs(name) == std::vector<RunId>{run});
  }
  CHECK(runs("category:computer science") == std::vector<RunId>{0, 2});
  CHECK(runs("batch:my \"batch\" (1)") == std::vector<RunId>{2, 3});
  CHECK(runs("!category:computer science") == std::vector<RunId>{1, 3});
}
