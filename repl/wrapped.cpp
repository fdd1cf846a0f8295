#include "repl/wrapped.hpp"

#include <algorithm>

namespace assay {

void wrapped(std::string_view text, std::string_view indent, std::size_t width, Reply& reply, TextRole role) {
  std::string line(indent);
  bool empty = true;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string word(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!empty && width > 0 && StyledText().add(line + " " + word).width() > width) {
      reply.line(StyledText().add(line, role));
      line = indent;
      empty = true;
    }
    line += (empty ? "" : " ") + word;
    empty = false;
  }
  reply.line(StyledText().add(line, role));
}

}  // namespace assay
