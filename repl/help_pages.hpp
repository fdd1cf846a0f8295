#pragma once
// The pages behind `help TOPIC`: what no single command tells. Texts; any thread.

#include <string_view>
#include <vector>

namespace assay {

struct HelpPage {
  std::string_view name;     // what is typed after `help`
  std::string_view summary;  // for the list of topics
  /// Lines as they are shown. One that begins with "> " is a command: after the first page's beginning (load qa sample;
  /// run_n 8) it works as written; what it does stands behind two blanks and a '#', and may be typed along.
  std::string_view text;
};

/// In the order in which they are listed.
const std::vector<HelpPage>& help_pages();
/// nullptr: there is no such page.
const HelpPage* find_help_page(std::string_view name);

}  // namespace assay
