#include "runners/prompt/settings.hpp"

#include <doctest/doctest.h>

#include "core/text/error.hpp"

namespace assay {
namespace {

TEST_CASE("the settings' defaults are the bounds of the code, and what is set is used") {
  Settings settings;
  for (const SettingSpec& spec : prompt_settings()) settings.declare(spec);
  const auto now = [&] { return prompt_limits([&](std::string_view name) { return settings.get(name); }); };
  const PromptLimits plain;
  CHECK(now().max_template == plain.max_template);
  CHECK(now().max_nesting == plain.max_nesting);
  CHECK(now().max_output == plain.max_output);
  CHECK(now().max_iterations == plain.max_iterations);
  CHECK(now().max_depth == plain.max_depth);
  CHECK(now().max_operations == plain.max_operations);
  settings.set("prompt.max_output", "4KiB", "test");
  settings.set("prompt.max_depth", "7", "test");
  CHECK(now().max_output == 4096);
  CHECK(now().max_depth == 7);
  CHECK_THROWS_AS(settings.set("prompt.max_nesting", "0", "test"), Error);
  CHECK_THROWS_AS(settings.set("prompt.max_nesting", "1000000", "test"), Error);
  CHECK_THROWS_AS(settings.set("prompt.max_operations", "1e6", "test"), Error);
  CHECK_THROWS_AS(settings.set("prompt.max_template", "big", "test"), Error);
}

}  // namespace
}  // namespace assay
