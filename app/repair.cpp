#include "app/repair.hpp"

#include <signal.h>

#include <atomic>
#include <iostream>
#include <string>
#include <vector>

#include "app/signals.hpp"
#include "app/version.hpp"
#include "core/text/error.hpp"
#include "repl/commands/repair.hpp"

namespace assay {
namespace {

constexpr const char* kUsage =
    "usage: assay repair FILE [OUT] [--json]\n"
    "       makes a new experiment file OUT (FILE.repaired) of what can be read of a damaged one\n";

}  // namespace

int repair_from_command_line(int argc, char** argv) {
  std::vector<std::string> words;
  bool json = false, plain = true;
  for (int i = 2; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--json") {
      json = true;
    } else {
      plain = plain && (word.empty() || word[0] != '-');
      words.push_back(word);
    }
  }
  if (!plain || words.empty() || words.size() > 2) {
    const bool asked = words.size() == 1 && (words[0] == "--help" || words[0] == "-h");
    (asked ? std::cout : std::cerr) << kUsage;
    return asked ? 0 : 2;
  }
  std::atomic<bool> stop{false};
  const SignalThread signals([&](int signal) {
    if (signal != SIGWINCH && signal != SIGTSTP) stop = true;
  });
  Reply reply;
  try {
    repair_file(
        repair_path(words[0]), words.size() > 1 ? words[1] : "", kVersion,
        [](const std::string& line) { std::cerr << safe(line, false).text() << "\n"; }, [&] { return stop.load(); },
        reply);
  } catch (const Error& error) {
    std::cerr << "assay: " << safe(error.what(), false).text() << "\n";
    if (!error.hint().empty()) std::cerr << "       " << safe(error.hint(), false).text() << "\n";
    return stop ? 130 : 1;
  } catch (const std::exception& error) {
    std::cerr << "assay: " << safe(error.what(), false).text() << "\n";
    return 1;
  }
  if (json) {
    std::cout << dump_json(reply.result) << "\n";
  } else {
    for (const StyledText& line : reply.lines) std::cout << line.plain() << "\n";
  }
  return 0;
}

}  // namespace assay
