#include "app/trusted_commands.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <fstream>

#include "core/text/error.hpp"
#include "core/text/words.hpp"
#include "experiments/exec/command.hpp"
#include "repl/shell.hpp"

namespace assay {

TrustedCommands::TrustedCommands(std::string file) : file_(std::move(file)) {
  if (file_.empty()) return;
  std::ifstream in(file_);
  for (std::string line; std::getline(in, line);) known_.insert(line);
}

bool TrustedCommands::has(const std::string& identity) const {
  const std::lock_guard lock(mutex_);
  return known_.contains(identity);
}

void TrustedCommands::add(const std::string& identity) {
  const std::lock_guard lock(mutex_);
  if (!known_.insert(identity).second || file_.empty()) return;
  // Appended in one write, so that two programs at the same time lose no line.
  const int fd = open(file_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return;  // it holds for this session
  const std::string line = identity + "\n";
  [[maybe_unused]] const auto put = write(fd, line.data(), line.size());
  close(fd);
}

void add_trust_command(CommandTable& table, TrustedCommands& trusted) {
  table.add({"trust",
             {},
             "batches",
             "trust BATCH",
             "let the program of an exec batch run that was loaded elsewhere: read it first",
             {"trust sums"},
             {},
             1,
             1,
             false,
             false,
             [&trusted](Shell& shell, const Arguments& arguments, Reply& reply) {
               const std::string& name = arguments.at(0);
               const auto batch = shell.table().read().find_batch(name);
               if (!batch) throw Error("not_found", "no batch is named " + name, {}, "`batches` lists them");
               const BatchInfo info = shell.table().read().batch(*batch);
               if (info.kind != "exec")
                 throw Error("usage", name + " is of kind " + info.kind + ": it starts no program", {},
                             "only batches of kind exec do");
               const PinnedCommand command = command_of(info);
               trusted.add(identity(command));
               reply.line("command  " + shown(command));
               reply.line("folder   " + command.folder);
               if (!command.env_keys.empty()) reply.line("keys     " + joined(command.env_keys));
               for (const std::string& file : changed_files(command)) reply.line("changed  " + file);
               reply.line("this program may now be started here, by any batch that names it so");
               reply.result = Json::object({{"batch", name},
                                            {"command", shown(command)},
                                            {"folder", command.folder},
                                            {"env_keys", command.env_keys},
                                            {"changed", changed_files(command)}});
             },
             complete_batch});
}

}  // namespace assay
