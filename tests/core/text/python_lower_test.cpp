#include "core/text/python_lower.hpp"

#include <doctest/doctest.h>

using namespace assay;

TEST_CASE("texts are lower-cased as Python does it") {
  struct Case {
    const char *text, *want;
  };
  const Case cases[] = {
      {"", ""},
      {"Toxicity=5 ÀÉ", "toxicity=5 àé"},
      {"ΟΔΟΣ ΣΑΣ Σ", "οδος σας σ"},
      {"İ", "i\u0307"},
      {"ẞß", "ßß"},
      {"ТОКСИЧНОСТЬ", "токсичность"},
      {"\xFF"
       "A",
       "\uFFFD"
       "a"},
  };
  for (const auto& [text, want] : cases) CHECK(python_lower(text) == want);
}
