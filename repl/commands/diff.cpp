#include "repl/commands/diff.hpp"

#include <algorithm>
#include <map>

#include "core/text/duration.hpp"
#include "core/text/error.hpp"
#include "core/text/text_difference.hpp"
#include "core/text/words.hpp"
#include "repl/shell.hpp"
#include "repl/views.hpp"

namespace assay {
namespace {

constexpr std::size_t kShownAround = 2;  // equal lines beside a change
constexpr std::size_t kMostFields = 5000;
constexpr std::size_t kShortText = 60;  // two such texts stand side by side

std::string text_of(const Json& value) { return value.is_string() ? value.get<std::string>() : dump_json(value); }

struct Sides {
  SerializedRun a, b;
  RunRow row_a, row_b;
  std::string name_a, name_b;
};

/// What one command says: lines for a person and the parts of its JSON.
class RunDifference {
 public:
  RunDifference(Reply& reply, bool colours) : reply_(reply), colours_(colours) {}

  /// A part that is one short value.
  void value(const std::string& part, const std::string& a, const std::string& b) {
    note(part, a == b);
    parts_.back()["a"] = a;
    parts_.back()["b"] = b;
    heading(part, a == b, a == b ? a : "");
    if (a != b) texts(a, b);
  }

  /// A part that is JSON: by its fields.
  void fields(const std::string& part, const Json& a, const Json& b) {
    note(part, a == b);
    heading(part, a == b, "");
    if (a == b) return;
    std::vector<std::pair<std::string, const Json*>> left, right;
    leaves("", a, left);
    leaves("", b, right);
    std::map<std::string, const Json*> other(right.begin(), right.end());
    Json list = Json::array();
    std::size_t equal = 0;
    for (const auto& [path, value] : left) {
      const auto found = other.find(path);
      const Json* now = found == other.end() ? nullptr : found->second;
      if (found != other.end()) other.erase(found);
      if (now != nullptr && *now == *value) {
        ++equal;
        continue;
      }
      field(path, value, now, list);
    }
    for (const auto& [path, value] : right) {
      if (other.contains(path)) field(path, nullptr, value, list);
    }
    if (equal > 0) reply_.line(StyledText().add("  " + counted(equal, "field", "fields") + " the same", TextRole::dim));
    parts_.back()["fields"] = std::move(list);
  }

  void messages(const std::vector<ContextMessage>& a, const std::vector<ContextMessage>& b) {
    const auto same = [&](std::size_t i) {
      return i < a.size() && i < b.size() && a[i].role == b[i].role && a[i].content == b[i].content;
    };
    const std::size_t all = std::max(a.size(), b.size());
    std::size_t equal = 0;
    for (std::size_t i = 0; i < all; ++i) equal += same(i) ? 1 : 0;
    note("context", equal == all);
    heading("context", equal == all, all == 0 ? "no message" : counted(all, "message", "messages"));
    Json list = Json::array();
    for (std::size_t i = 0; i < all; ++i) {
      const ContextMessage* left = i < a.size() ? &a[i] : nullptr;
      const ContextMessage* right = i < b.size() ? &b[i] : nullptr;
      Json row = Json::object({{"n", i + 1}, {"same", same(i)}});
      const std::string role = left == nullptr             ? right->role
                               : right == nullptr          ? left->role
                               : left->role == right->role ? left->role
                                                           : left->role + " / " + right->role;
      row["role"] = role;
      if (!same(i)) {
        row["a"] = left == nullptr ? Json() : left->content;
        row["b"] = right == nullptr ? Json() : right->content;
        reply_.line(StyledText()
                        .add("  " + std::to_string(i + 1) + " " + role, TextRole::name)
                        .add(left == nullptr    ? " (only in B)"
                             : right == nullptr ? " (only in A)"
                                                : "",
                             TextRole::dim));
        texts(left == nullptr ? "" : text_of(left->content), right == nullptr ? "" : text_of(right->content));
      } else if (equal < all) {
        reply_.line(StyledText()
                        .add("  " + std::to_string(i + 1) + " " + role, TextRole::name)
                        .add(" the same", TextRole::dim));
      }
      list.push_back(std::move(row));
    }
    if (equal < all) parts_.back()["messages"] = std::move(list);
  }

  Json take() { return std::move(parts_); }

 private:
  void note(const std::string& part, bool same) { parts_.push_back(Json::object({{"part", part}, {"same", same}})); }

  void heading(const std::string& part, bool same, const std::string& value) {
    StyledText text;
    text.add(part, TextRole::title);
    if (same) text.add("  the same", TextRole::dim).add(value.empty() ? "" : ": " + value);
    reply_.line(text);
  }

  void leaves(const std::string& path, const Json& value, std::vector<std::pair<std::string, const Json*>>& out) const {
    if (out.size() >= kMostFields) return;
    if (value.is_structured() && !value.empty()) {
      std::size_t at = 0;
      for (const auto& [key, one] : value.items())
        leaves(path + (path.empty() ? "" : ".") + (value.is_array() ? std::to_string(at++) : key), one, out);
      return;
    }
    out.emplace_back(path, &value);
  }

  void field(const std::string& path, const Json* a, const Json* b, Json& list) {
    list.push_back(
        Json::object({{"field", path}, {"a", a == nullptr ? Json() : *a}, {"b", b == nullptr ? Json() : *b}}));
    StyledText name;
    if (!path.empty()) name.add("  " + path, TextRole::name);
    if (a == nullptr || b == nullptr) name.add(a == nullptr ? " (only in B)" : " (only in A)", TextRole::dim);
    if (!name.empty()) reply_.line(name);
    texts(a == nullptr ? "" : text_of(*a), b == nullptr ? "" : text_of(*b));
  }

  void mark(std::string_view text, DifferenceKind kind) {
    if (kind == DifferenceKind::same) return add(text, TextRole::plain);
    const bool removed = kind == DifferenceKind::removed;
    const TextRole role = removed ? TextRole::bad : TextRole::good;
    if (!colours_) add(removed ? "{-" : "{+", role);
    add(text, role);
    if (!colours_) add(removed ? "-}" : "+}", role);
  }
  /// Text that may hold line ends: each begins a new line.
  void add(std::string_view text, TextRole role) {
    while (true) {
      const auto end = text.find('\n');
      line_.add(text.substr(0, end), role);
      if (end == std::string_view::npos) return;
      flush();
      text.remove_prefix(end + 1);
    }
  }
  void flush() {
    reply_.line(line_);
    line_ = StyledText().add("    ");
  }

  /// Two texts with what differs marked, by lines where they have several.
  void texts(const std::string& a, const std::string& b) {
    line_ = StyledText().add("    ");
    const bool short_values = a.size() <= kShortText && b.size() <= kShortText && a.find('\n') == std::string::npos &&
                              b.find('\n') == std::string::npos && a.find(' ') == std::string::npos &&
                              b.find(' ') == std::string::npos;
    if (short_values) {  // of words alone every letter would be marked: they stand whole
      if (!a.empty()) mark(a, DifferenceKind::removed);
      if (colours_ && !a.empty() && !b.empty()) line_.add(" ");
      if (!b.empty()) mark(b, DifferenceKind::added);
      return flush();
    }
    for (const LineBlock& block : line_difference(a, b)) {
      if (block.same) {
        equal_lines(block.left, block.left_lines);
        continue;
      }
      if (block.left_lines == 0 || block.right_lines == 0) {
        const bool removed = block.right_lines == 0;
        mark(removed ? block.left : block.right, removed ? DifferenceKind::removed : DifferenceKind::added);
      } else {
        for (const TextPiece& piece : word_difference(block.left, block.right)) mark(piece.text, piece.kind);
      }
      flush();
    }
  }

  void equal_lines(std::string_view text, std::size_t count) {
    std::size_t n = 0;
    while (true) {
      const auto end = text.find('\n');
      ++n;
      if (n <= kShownAround || n + kShownAround > count || count <= 2 * kShownAround + 1) {
        line_.add(text.substr(0, end), TextRole::dim);
        flush();
      } else if (n == kShownAround + 1) {
        line_.add(".. " + count_text(count - 2 * kShownAround) + " equal lines", TextRole::dim);
        flush();
      }
      if (end == std::string_view::npos) return;
      text.remove_prefix(end + 1);
    }
  }

  Reply& reply_;
  bool colours_;
  StyledText line_;
  Json parts_ = Json::array();
};

std::string usage_text(const UsageSum& usage) {
  return counted(usage.calls, "call", "calls") + ", " +
         counted(static_cast<std::uint64_t>(usage.in), "token", "tokens") + " in, " +
         count_text(static_cast<std::uint64_t>(usage.out)) + " out, " + format_usd(usage.cost);
}

Json metrics_of(const Score& score) {
  Json metrics = Json::object();
  for (const auto& [name, value] : score.metrics) metrics[name] = value;
  return metrics;
}

std::string error_text(const RunError& error) {
  return error.empty() ? "none" : error.kind + " in " + error.place + ": " + error.message;
}

void diff(Shell& shell, const Arguments& arguments, Reply& reply) {
  std::vector<RunId> runs;
  if (arguments.size() == 2) {  // each names one, in this order
    for (std::size_t i = 0; i < 2; ++i) {
      Arguments one = arguments;
      one.words = {arguments.words[i]};
      runs.push_back(shell.select_one(one.rest(0)));
    }
  } else {
    runs = shell.select(arguments.rest(0)).runs;
  }
  if (runs.size() != 2) {
    throw Error("usage", "diff takes two runs, not " + count_text(runs.size()), {},
                "usage: diff RUN RUN   e.g. diff 1 2; for batches: compare A B");
  }
  if (runs[0] == runs[1]) throw Error("usage", "diff: both are the same run", {}, "usage: diff RUN RUN");
  Sides sides;
  sides.a = shell.experiment().serialized(runs[0]);
  sides.b = shell.experiment().serialized(runs[1]);
  {
    const RunTable::Reader table = shell.table().read();
    sides.row_a = table.row(runs[0]);
    sides.row_b = table.row(runs[1]);
    sides.name_a = table.name(runs[0]);
    sides.name_b = table.name(runs[1]);
  }
  const ShellOptions& options = shell.options();
  const TerminalFacts facts = options.port != nullptr ? options.port_facts : terminal_facts(options.out);
  const bool colours = options.interactive && facts.colours;
  reply.paged = true;
  reply.line(StyledText()
                 .add("A ", TextRole::title)
                 .add(sides.name_a, colours ? TextRole::bad : TextRole::plain)
                 .add("   B ", TextRole::title)
                 .add(sides.name_b, colours ? TextRole::good : TextRole::plain)
                 .add(colours ? "" : "   {-only in A-} {+only in B+}", TextRole::dim));
  const auto score = [](const NewRun& run) {
    return std::string(run.score.verdict == Verdict::none ? "none" : to_text(run.score.verdict));
  };
  RunDifference all(reply, colours);
  all.value("status", std::string(to_text(sides.a.run.status)), std::string(to_text(sides.b.run.status)));
  all.value("score", score(sides.a.run), score(sides.b.run));
  all.fields("metrics", metrics_of(sides.a.run.score), metrics_of(sides.b.run.score));
  all.value("error", error_text(sides.a.run.error), error_text(sides.b.run.error));
  all.value("kind", sides.a.kind, sides.b.kind);
  all.value("model", sides.a.model.empty() ? "none" : sides.a.model, sides.b.model.empty() ? "none" : sides.b.model);
  all.fields("settings", sides.a.params, sides.b.params);
  all.fields("data", sides.a.run.data, sides.b.run.data);
  all.fields("answer", sides.a.run.answer, sides.b.run.answer);
  all.messages(sides.a.run.context, sides.b.run.context);
  all.value("usage", usage_text(sides.a.run.usage), usage_text(sides.b.run.usage));
  all.value("attempts", std::to_string(sides.row_a.attempts), std::to_string(sides.row_b.attempts));
  all.value("time", seconds_text(static_cast<double>(sides.row_a.seconds)),
            seconds_text(static_cast<double>(sides.row_b.seconds)));
  reply.result = Json::object({{"a", sides.name_a}, {"b", sides.name_b}, {"parts", all.take()}});
}

}  // namespace

void add_diff_command(CommandTable& table) {
  table.add({"diff",
             {},
             "looking",
             "diff RUN RUN",
             "two runs side by side: what is the same, and where data, answer, messages and settings differ",
             {"diff 1 2", "diff first:17 second:17"},
             {},
             1,
             SIZE_MAX,
             false,
             true,
             diff,
             complete_query});
}

}  // namespace assay
