#include "repl/line_editor.hpp"

#include "repl/plain_editor.hpp"
#include "repl/readline_editor.hpp"

namespace assay {

std::unique_ptr<LineEditor> make_line_editor(const LineEditorOptions& options) {
  const bool can_draw = terminal_facts(options.in, options.environment).is_terminal &&
                        terminal_facts(options.out, options.environment).moves_cursor;
  if (can_draw) return std::make_unique<ReadlineEditor>(options);
  return std::make_unique<PlainEditor>(options);
}

}  // namespace assay
