#include "repl/commands/plot.hpp"

#include <algorithm>
#include <array>
#include <fstream>

#include "core/text/atomic_file.hpp"
#include "core/text/error.hpp"
#include "core/text/file_there.hpp"
#include "core/text/words.hpp"
#include "repl/commands/files.hpp"
#include "repl/plot.hpp"
#include "repl/plot_file.hpp"
#include "repl/plot_view.hpp"
#include "repl/run_list.hpp"
#include "repl/shell.hpp"
#include "repl/views.hpp"
#include "repl/wrapped.hpp"

namespace assay {
namespace {

constexpr const char* kUsage = "usage: plot FIELD [by FIELD] [QUERY] [FILE]   e.g. plot score by model scores.svg";

/// A name that nobody gives to a run: the endings of other images, and of what other commands write.
bool looks_like_a_file(const std::string& text) {
  constexpr std::array<std::string_view, 14> endings = {".jpg", ".jpeg", ".gif",  ".webp", ".eps",  ".ps",  ".bmp",
                                                        ".tif", ".tiff", ".html", ".md",   ".json", ".csv", ".txt"};
  return std::any_of(endings.begin(), endings.end(), [&](std::string_view ending) { return text.ends_with(ending); });
}

struct PlotRequest {
  std::string field, by, query, file;
};

PlotRequest parse(const Arguments& arguments) {
  PlotRequest request;
  Arguments rest = arguments;
  request.field = arguments.at(0);
  rest.words.erase(rest.words.begin());
  const auto by = std::find_if(rest.words.begin(), rest.words.end(),
                               [](const ShellWord& word) { return word.text == "by" && !word.quoted; });
  if (by != rest.words.end()) {
    if (by + 1 == rest.words.end()) throw Error("usage", "plot " + request.field + " by what?", {}, kUsage);
    request.by = (by + 1)->text;
    rest.words.erase(by, by + 2);
  }
  if (!rest.words.empty()) {
    const std::string& last = rest.words.back().text;
    if (plot_format(last)) {
      request.file = last;
      rest.words.pop_back();
    } else if (looks_like_a_file(last)) {
      throw Error("usage", "a plot is written as " + plot_formats(), last, kUsage);
    }
  }
  request.query = rest.rest(0);
  return request;
}

PlotOrder order_of(const Arguments& arguments) {
  PlotOrder order;
  if (arguments.has("--top")) order.most = parse_count(arguments.flags.at("--top"), "--top", 1);
  if (!arguments.has("--sort")) return order;
  const std::string& sort = arguments.flags.at("--sort");
  if (sort == "name") {
    order.by = PlotOrder::By::name;
  } else if (sort == "n") {
    order.by = PlotOrder::By::n;
  } else if (sort == "value") {
    order.by = PlotOrder::By::value;
  } else {
    throw Error("usage", "--sort is name, n or value, not \"" + sort + "\"", {}, kUsage);
  }
  return order;
}

/// A plot is drawn again and again; what is no plot is not written over by a slip.
void refuse_other_file(const std::string& path, PlotFormat format, bool force) {
  if (force || !file_is_there(path)) return;
  std::string begin(1024, '\0');
  std::ifstream file(path, std::ios::binary);
  file.read(begin.data(), static_cast<std::streamsize>(begin.size()));
  begin.resize(static_cast<std::size_t>(file.gcount()));
  if (begin.empty() || begins_as(format, begin)) return;
  throw Error("file", "there is such a file, and it is no plot; nothing was written", path, "--force writes over it");
}

void plot(Shell& shell, const Arguments& arguments, Reply& reply) {
  const PlotRequest request = parse(arguments);
  const PlotOrder order = order_of(arguments);
  const auto format = plot_format(request.file);
  if (format) {
    refuse_experiment_file(shell, request.file);
    refuse_other_file(request.file, *format, arguments.has("--force"));
  }
  const Selection selection = shell.select(request.query.empty() ? (shell.listing() ? "" : "*") : request.query);
  Plot made;
  shell.compute("plot " + request.field, [&](const Advance& advance) {
    made = make_plot(shell.experiment(), selection.runs, request.field, request.by, order, advance);
  });
  reply.result = plot_json(made);
  if (format) {
    const std::string bytes = plot_image(made, *format);
    write_file(request.file, bytes);
    reply.result["file"] = request.file;
    reply.line(plot_title(made) + ": written to " + request.file);
    for (const std::string& note : plot_notes(made)) wrapped(note, "  ", reply.width, reply);
    return;
  }
  draw_plot(made, shows_unicode(), reply);
  if (selection.listed && !selection.beyond && request.query.empty()) {
    const std::size_t all = shell.select("*", true, false).runs.size();
    if (all > selection.runs.size()) {
      reply.line(StyledText().add("(" + count_text(selection.runs.size()) + " listed of " + count_text(all) +
                                      "; `plot " + arguments.rest(0) + " all` shows beyond the listing)",
                                  TextRole::dim));
    }
  }
  reply.paged = true;
}

std::vector<Candidate> complete_plot(Shell& shell, const std::vector<std::string>& before, std::string_view word) {
  std::vector<Candidate> found;
  if (before.size() == 1 || before.back() == "by") {
    std::vector<std::string> fields = plot_fields(shell.experiment());
    fields.insert(fields.end(), {"data.", "answer."});
    for (const std::string& field : fields) {
      if (field.starts_with(word)) found.push_back({field, ""});
    }
    return found;
  }
  if (before.size() == 2 && std::string_view("by").starts_with(word)) found.push_back({"by", "a row for each value"});
  for (Candidate& one : complete_query(shell, before, word)) found.push_back(std::move(one));
  if (!word.empty()) {
    for (Candidate& one : complete_file(word)) found.push_back(std::move(one));
  }
  return found;
}

}  // namespace

void add_plot_command(CommandTable& table) {
  table.add(
      {"plot",
       {},
       "results",
       "plot FIELD [by FIELD] [QUERY] [FILE]",
       "how a field lies over runs: histogram, counts, means or scores by group with 95 % intervals; in the "
       "terminal, or to a file that ends in " +
           plot_formats(),
       {"plot time", "plot score by category", "plot metric.correct by category batch:qa", "plot score by model s.svg"},
       {{"--top", "N", "groups shown, those with the most runs (20)"},
        {"--sort", "ORDER", "of groups: name, n or value; else as they first appear"},
        {"--force", "", "write over a file that is no plot"}},
       1,
       SIZE_MAX,
       false,
       true,
       plot,
       complete_plot});
}

}  // namespace assay
