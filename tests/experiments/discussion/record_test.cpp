#include <doctest/doctest.h>

#include <map>
#include <string>
#include <vector>

#include "core/text/error.hpp"
#include "core/text/input.hpp"
#include "core/text/python_json.hpp"
#include "experiments/discussion/prompt_rows.hpp"
#include "experiments/discussion/result_file.hpp"
#include "runners/prompt/sha256.hpp"
#include "tests/experiments/discussion/shared_discussion.hpp"

namespace assay {
namespace {

RunView view_of(const NewRun& run) {
  RunView view;
  view.run_id = run.id;
  view.status = run.status;
  view.data = run.data;
  view.context = run.context;
  return view;
}

std::vector<NewRun> load(const std::filesystem::path& path) {
  std::vector<std::string> warnings;
  return load_discussion_results(path, false, warnings);
}

std::string digest(const std::vector<PromptRow>& rows) {
  std::string all;
  for (const PromptRow& row : rows) {
    all += row.system + '\0' + row.user + '\0';
  }
  return sha256_hex(all);
}

TEST_CASE("published discussions: counts, prompts written again, and their files, byte for byte") {
  const auto root = shared_discussion("");
  if (!root) return;
  const Json expected = parse_json(read_file((*root / "golden/expected_dev.json").string()), "expected");
  std::size_t seen = 0;
  for (const auto& [name, figures] : expected["discussions"].items()) {
    CAPTURE(name);
    const auto runs = load(*root / name);
    REQUIRE(runs.size() == 1);
    const DiscussionRecord record = discussion_record(view_of(runs[0]));
    std::map<std::string, std::size_t> counts;
    for (const auto* event : record.log()) {
      const bool user = event->kind == DiscussionEvent::Kind::user;
      const std::string kind = event->kind == DiscussionEvent::Kind::seed ? "seeds" : user ? "user" : "moderator";
      ++counts[kind];
      if (event->silent && kind != "seeds") ++counts[kind + "_silent"];
    }
    for (const char* key : {"seeds", "user", "user_silent", "moderator", "moderator_silent"}) {
      CAPTURE(key);
      CHECK(counts[key] == figures[key]);
    }
    CHECK(record.log().size() == figures["entries"]);
    const auto rows = discussion_prompts(view_of(runs[0]));
    CHECK(rows.size() == figures["prompts"]);
    CHECK(digest(rows) == figures["prompts_sha256"]);
    CHECK(discussion_file(record, record.format) == read_file((*root / name).string()));
    ++seen;
  }
  CHECK(seen == 10);
}

}  // namespace
}  // namespace assay
