#pragma once
// A typed session as a text file: what a person types and what the program answers. tests/transcripts/TOPIC/NAME.txt:
//
//     # Lines of this kind before the first command are remarks, but for those that begin with a key:
//     # experiment: temp          a file of its own, kept between the sessions (default: `:memory:`; NAME: as given)
//     # args: --json              more words of the command line
//     # env: NAME=VALUE           the environment is otherwise fixed (PATH, HOME, LANG, TZ=UTC, COLUMNS=100)
//     # files: NAME <<END         a file in the working folder, an empty one; its lines up to END follow as they are
//     # mock: {"latency": ..}     a mock server with these defaults; OPENAI_BASE_URL and OPENAI_API_KEY lead to it
//     # rules: [{..}]             its rules
//     # exit: 3                   exit status of the last session (default 0)
//     > kinds                     a command; consecutive ones are one session of the program (a script)
//     >> more                     goes on with the command above it
//     $ assay -c kinds | wc -l    a line for sh; ends the session; a status other than 0 is shown as `[exit 2]`
//
// Below a command stands what it prints, both streams as they come. `[..]` within a line stands for any text, a line
// `[...]` for any number of lines; empty lines at the end do not count, lines of plain progress are left out. Printed
// lines that look like a command begin with a backslash here.

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace assay::test {

struct TranscriptBlock {
  bool shell = false;  // a `$ ` line
  std::string command;
  std::vector<std::string> expected;  // unescaped, without empty lines at the end
  std::size_t line = 0;               // of the command in the file, from 1
};

struct Transcript {
  std::string experiment = ":memory:";
  std::vector<std::string> arguments;
  std::vector<std::pair<std::string, std::string>> environment, files;
  std::string mock, rules;  // JSON; empty: no server
  int exit_status = 0;
  std::vector<std::string> header;  // as it stands
  std::vector<TranscriptBlock> blocks;
};

/// Throws std::runtime_error with the line's number.
Transcript parse_transcript(std::string_view text);

/// The file's text: the header as it was, but for `# exit:`, which is made to fit.
std::string transcript_text(const Transcript& transcript);

/// Whether a line fits a pattern with `[..]`.
bool line_fits(std::string_view pattern, std::string_view line);

/// Whether what was printed fits what was expected.
bool block_fits(const std::vector<std::string>& expected, const std::vector<std::string>& printed);

/// The printed lines, with the placeholders of `expected` kept where its lines still fit; the time in the line that
/// ends a job ("#1 done in 8 ms: ..") becomes one.
std::vector<std::string> updated_block(const std::vector<std::string>& expected,
                                       const std::vector<std::string>& printed);

/// Lines without the empty ones at the end.
std::vector<std::string> split_lines(std::string_view text);

}  // namespace assay::test
