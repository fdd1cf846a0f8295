#include "runners/llm/key_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runners/llm/secret.hpp"

namespace assay {

std::optional<std::string> read_key_file(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (file < 0) return std::nullopt;
  struct stat facts{};
  std::optional<std::string> key;
  if (fstat(file, &facts) == 0 && S_ISREG(facts.st_mode)) {
    std::string text(64U << 10U, '\0');
    const ssize_t got = read(file, text.data(), text.size());
    if (got >= 0) {
      std::string_view line(text.data(), static_cast<std::size_t>(got));
      line = line.substr(0, line.find('\n'));
      const std::size_t begin = line.find_first_not_of(" \t\r");
      key = begin == std::string_view::npos
                ? std::string()
                : std::string(line.substr(begin, line.find_last_not_of(" \t\r") - begin + 1));
    }
    wipe(text);
  }
  close(file);
  return key;
}

bool others_can_read(const std::string& path) {
  struct stat facts{};
  return stat(path.c_str(), &facts) == 0 && (facts.st_mode & (S_IRGRP | S_IROTH)) != 0;
}

}  // namespace assay
