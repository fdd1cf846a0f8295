#include "core/text/file_there.hpp"

#include <filesystem>
#include <system_error>

#include "core/text/error.hpp"

namespace assay {

bool file_is_there(const std::string& path) {
  std::error_code problem;
  const bool there = std::filesystem::exists(path, problem);
  if (!problem) return there;
  const std::string folder = std::filesystem::path(path).parent_path().string();
  std::string reason = problem.message();
  if (!reason.empty() && reason.front() >= 'A' && reason.front() <= 'Z') {
    reason.front() = static_cast<char>(reason.front() - 'A' + 'a');
  }
  throw Error("file", "can't be looked at: " + reason, path,
              "make " + (folder.empty() ? "." : folder) +
                  " one that you may enter and read (chmod u+rx), or name another folder by XDG_CONFIG_HOME");
}

}  // namespace assay
