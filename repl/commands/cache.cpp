#include "repl/commands/cache.hpp"

#include "core/text/duration.hpp"
#include "core/text/error.hpp"
#include "repl/shell.hpp"
#include "repl/views.hpp"

namespace assay {
namespace {

constexpr const char* kUsage = "cache [off | item | shared] | cache clear [QUERY]";

std::string meaning(CacheMode mode) {
  switch (mode) {
    case CacheMode::off:
      return "off: every call is asked; answers that come are not kept for others [`cache item` or `cache shared`: on]";
    case CacheMode::item:
      return "item: an answer is given again to the same request of the same item";
    case CacheMode::shared:
      return "shared: an answer is given again to the same request, whoever asks";
  }
  return {};
}

void show(ResponseCache& cache, Reply& reply) {
  const KeptFigures figures = cache.figures();
  reply.line("cache " + meaning(cache.mode()));
  if (figures.entries > 0 || figures.hits > 0) {
    reply.line(count_text(figures.entries) + (figures.entries == 1 ? " answer kept, " : " answers kept, ") +
               format_bytes(figures.bytes) + "; " + count_text(figures.hits) +
               (figures.hits == 1 ? " call" : " calls") + " answered from it, " + format_usd(figures.saved) + " saved");
  } else if (cache.mode() != CacheMode::off) {
    reply.line("no answer is kept yet: those that come from now on are");
  }
  reply.result = Json::object({{"mode", to_text(cache.mode())},
                               {"entries", figures.entries},
                               {"bytes", figures.bytes},
                               {"hits", figures.hits},
                               {"saved_usd", to_usd(figures.saved)}});
}

void cache_command(Shell& shell, ResponseCache& cache, const Arguments& arguments, Reply& reply) {
  if (arguments.size() == 0) return show(cache, reply);
  shell.require_writable("cache " + arguments.at(0) + " changes the experiment");
  if (arguments.at(0) != "clear") {
    const CacheMode mode = cache_mode_from_text(arguments.at(0));
    if (arguments.size() > 1)
      throw Error("usage", "cache " + arguments.at(0) + " stands alone", {}, std::string("usage: ") + kUsage);
    cache.set_mode(mode);
    return show(cache, reply);
  }
  const bool all = arguments.size() == 1;
  const std::uint64_t cleared = all ? cache.clear() : cache.clear(shell.select(arguments.rest(1)).runs);
  reply.line(count_text(cleared) + (cleared == 1 ? " answer" : " answers") +
             " forgotten; the calls and what was paid for them stay recorded");
  reply.result = Json::object({{"cleared", cleared}});
}

std::vector<Candidate> complete(Shell& shell, const std::vector<std::string>& before, std::string_view word) {
  if (before.size() > 1) return complete_query(shell, before, word);
  std::vector<Candidate> found;
  for (const auto& [name, help] : {std::pair("off", "every call is asked"), std::pair("item", "per item"),
                                   std::pair("shared", "for all"), std::pair("clear", "forget answers")}) {
    if (std::string_view(name).starts_with(word)) found.push_back({name, help});
  }
  return found;
}

}  // namespace

void add_cache_command(CommandTable& table, ResponseCache& cache) {
  table.add({"cache",
             {},
             "running",
             kUsage,
             "give answers again to the same request, kept with the experiment; its size, hits and money saved",
             {"cache item", "cache", "cache clear batch:qa"},
             {},
             0,
             SIZE_MAX,
             false,
             true,
             [&cache](Shell& shell, const Arguments& arguments, Reply& reply) {
               cache_command(shell, cache, arguments, reply);
             },
             complete});
}

}  // namespace assay
