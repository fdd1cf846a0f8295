// detach, terminals: leaving a terminal while the jobs go on, and who else is there (`assay attach` joins).

#include "core/text/local_time.hpp"
#include "core/text/words.hpp"
#include "repl/shell.hpp"

namespace assay {
namespace {

void terminals(Shell& shell, const Arguments&, Reply& reply) {
  Table table({{"terminal", true, false},
               {"may", false, false},
               {"since", false, false},
               {"pid", true, false},
               {"does", false, true}});
  reply.result = Json::array();
  const std::vector<TerminalEntry> entries = shell.terminals().list();
  for (const TerminalEntry& entry : entries) {
    const bool here = entry.number == shell.number();
    const std::string since = local_time(entry.since, "%Y-%m-%d %H:%M");
    const std::string may = entry.read_only ? "read-only" : "in control";
    const std::string does = here ? "(this one)" : entry.does.empty() ? "at its prompt" : entry.does;
    table.row({count_cell(static_cast<std::int64_t>(entry.number)),
               cell(may + (entry.owner ? ", began the program" : "")), cell(since), cell(std::to_string(entry.pid)),
               cell(does)});
    reply.result.push_back(Json::object({{"terminal", entry.number},
                                         {"owner", entry.owner},
                                         {"read_only", entry.read_only},
                                         {"since", since},
                                         {"pid", entry.pid},
                                         {"does", entry.does},
                                         {"this", here}}));
  }
  reply.table(table);
  if (entries.size() == 1) reply.line(StyledText().add("`assay attach` at another terminal joins", TextRole::dim));
}

}  // namespace

void add_terminal_commands(CommandTable& table) {
  const std::string group = "session";
  table.add({"detach",
             {},
             group,
             "detach",
             "leave this terminal; the jobs go on without one, and `assay attach` comes back to them",
             {"detach"},
             {},
             0,
             0,
             false,
             true,
             [](Shell& shell, const Arguments&, Reply&) { shell.detach(); },
             {}});
  table.add({"terminals",
             {},
             group,
             "terminals",
             "who is attached to this program (`assay attach`), since when, and what they execute",
             {},
             {},
             0,
             0,
             false,
             true,
             terminals,
             {}});
}

}  // namespace assay
