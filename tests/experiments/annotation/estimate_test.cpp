#include "experiments/annotation/estimate.hpp"

#include <doctest/doctest.h>

#include "experiments/annotation/settings.hpp"

using namespace assay;

namespace {

Json example(const AnnotationSettings& settings) {
  Json log = Json::array();
  for (int i = 0; i < 10; ++i) {
    log.push_back({{"name", i % 3 == 2 ? "moderator" : "Ann"}, {"text", i == 4 ? "\"\"" : std::string(400, 'x')}});
  }
  return {{"conv_id", "c"},
          {"discussion", {{"run", "b:d001"}, {"moderator", "moderator"}, {"log", log}}},
          {"annotator", {{"index", 0}, {"name", "annotator"}, {"persona", {{"username", "annotator"}, {"age", 30}}}}},
          {"settings", to_json(settings)}};
}

}  // namespace

TEST_CASE("an annotation's calls are known, and its prompts nearly so") {
  AnnotationSettings settings;
  settings.decoding.max_tokens = 100;
  settings.instructions = "Rate from 1 to 5.";
  const CallEstimate all = estimate_annotation(example(settings)).all();
  CHECK(all.calls.low == 10);
  CHECK(all.calls.high == 10);
  CHECK(all.output_tokens.low == 10 * 10);
  CHECK(all.output_tokens.high == 10 * 100);
  CHECK(all.input_tokens.low > 10 * 100);
  CHECK(all.input_tokens.high < all.input_tokens.low + all.input_tokens.low / 5);
  CHECK(estimate_annotation(example(settings), 4).all().calls.low == 6);
  settings.include_mod_comments = false;
  CHECK(estimate_annotation(example(settings)).all().calls.low == 7);
  settings.skip_silent = true;
  CHECK(estimate_annotation(example(settings)).all().calls.low == 6);
  settings.whole_discussion = true;
  CHECK(estimate_annotation(example(settings)).all().calls.low == 1);
  CHECK(estimate_annotation(Json::object()).all().calls.high == 0);
}
