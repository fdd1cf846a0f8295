#include "repl/terminal.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <map>

#include "repl/pager.hpp"

using namespace assay;

namespace {
TerminalEnvironment environment(std::map<std::string, std::string> values) {
  return [values = std::move(values)](const char* name) {
    const auto found = values.find(name);
    return found == values.end() ? std::string() : found->second;
  };
}
}  // namespace

TEST_CASE("roles become colours only where they are wanted, and text can't bring its own") {
  StyledText text;
  text.add("ok ", TextRole::good).add("plain \x1b[31m", TextRole::plain);
  CHECK(text.render(false) == "ok plain \\x1b[31m");
  CHECK(text.render(true) == "\x1b[32mok \x1b[0mplain \\x1b[31m");
  CHECK(text.truncated(5).plain() == "ok p…");
  CHECK(text.truncated(3).plain() == "ok…");
  CHECK(text.truncated(100) == text);
  CHECK(text.truncated(0).empty());
}

TEST_CASE("a terminal is believed as far as TERM and NO_COLOR say") {
  const int master = posix_openpt(O_RDWR | O_NOCTTY);
  REQUIRE(master >= 0);
  REQUIRE(unlockpt(master) == 0);
  const int terminal = open(ptsname(master), O_RDWR | O_NOCTTY);
  REQUIRE(terminal >= 0);
  CHECK(terminal_facts(terminal, environment({{"TERM", "xterm"}})).colours);
  CHECK_FALSE(terminal_facts(terminal, environment({{"TERM", "xterm"}, {"NO_COLOR", "1"}})).colours);
  CHECK(terminal_facts(terminal, environment({{"TERM", "xterm"}, {"NO_COLOR", "1"}})).moves_cursor);
  CHECK_FALSE(terminal_facts(terminal, environment({{"TERM", "dumb"}})).moves_cursor);
  CHECK_FALSE(terminal_facts(terminal, environment({})).moves_cursor);
  CHECK(terminal_facts(terminal, environment({{"TERM", "xterm"}})).reflows);
  CHECK_FALSE(terminal_facts(terminal, environment({{"TERM", "xterm"}, {"XTERM_VERSION", "379"}})).reflows);
  close(terminal);
  close(master);
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  CHECK_FALSE(terminal_facts(ends[1], environment({{"TERM", "xterm"}})).is_terminal);
  close(ends[0]);
  close(ends[1]);
}

TEST_CASE("the pager is PAGER's words without a shell, else less, and -R is for our colours alone") {
  const TerminalFacts plain{.is_terminal = true, .colours = false, .moves_cursor = true, .reflows = true};
  TerminalFacts coloured = plain;
  coloured.colours = true;
  using Words = std::vector<std::string>;
  CHECK(pager_command(environment({}), coloured) == Words{"less", "-R"});
  CHECK(pager_command(environment({}), plain) == Words{"less"});
  CHECK(pager_command(environment({{"PAGER", "more '-x y' ;rm"}}), coloured) == Words{"more", "-x y", ";rm"});
  CHECK(pager_command(environment({{"PAGER", "/usr/bin/less -S"}}), coloured) == Words{"/usr/bin/less", "-S", "-R"});
  CHECK(pager_command(environment({{"PAGER", "cat"}}), coloured).empty());
  CHECK(pager_command(environment({}), TerminalFacts{}).empty());
}

TEST_CASE("long means more rows than the screen has, wrapped lines counted") {
  const std::vector<StyledText> nine(9, StyledText().add("x"));
  CHECK_FALSE(is_longer_than(nine, {.columns = 10, .rows = 10}));
  CHECK(is_longer_than(nine, {.columns = 10, .rows = 9}));
  CHECK(is_longer_than({StyledText().add(std::string(91, 'x'))}, {.columns = 10, .rows = 10}));
  CHECK_FALSE(is_longer_than({StyledText().add(std::string(90, 'x'))}, {.columns = 10, .rows = 10}));
  CHECK(is_longer_than({StyledText(safe("1\n2\n3", false))}, {.columns = 10, .rows = 3}));
}
