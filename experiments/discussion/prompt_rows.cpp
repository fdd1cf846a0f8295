#include "experiments/discussion/prompt_rows.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "core/text/error.hpp"
#include "core/text/words.hpp"
#include "experiments/discussion/history_window.hpp"
#include "experiments/discussion/prompt_forms.hpp"
#include "experiments/discussion/speakers.hpp"
#include "experiments/discussion/text_rules.hpp"

namespace assay {
namespace {

using EventKind = DiscussionEvent::Kind;

constexpr std::size_t kWrap = 70, kWrapG5 = 900000;
constexpr const char* kSelector = "selector";

/// A discussion of ours, told again event by event.
class Retold {
 public:
  Retold(DiscussionParts parts, const SettingsAt& settings_at) : parts_(std::move(parts)), settings_at_(settings_at) {
    begin(settings_at_ ? settings_at_(0) : parts_.settings);
  }

  std::vector<PromptRow> rows(const std::vector<ContextMessage>& context) {
    for (const ContextMessage& message : context) {
      const DiscussionEvent event = event_of(message);
      // Of a fork, another window may hold from a turn on: it is filled anew.
      if (settings_at_ && event.turn != turn_) begin(settings_at_(event.turn));
      turn_ = event.turn;
      if (event.kind != EventKind::seed) asked(event);
      take(event);
      events_.push_back(event);
    }
    return std::move(rows_);
  }

 private:
  void begin(DiscussionSettings settings) {
    settings_ = std::move(settings);
    prompts_ = system_prompts(settings_, parts_.design);
    window_ = HistoryWindow(settings_.text.history);
    logged_ = 0;
    for (const DiscussionEvent& event : events_) take(event);
  }

  void asked(const DiscussionEvent& event) {
    const std::string history = window_.text();
    if (event.kind == EventKind::user && asks_selector(settings_, parts_.design)) {
      const auto names = present();
      if (names.size() > 1) {
        rows_.push_back({std::nullopt, kSelector, selector_system(), selector_prompt(history, names)});
      }
    }
    rows_.push_back({event.logged ? std::optional(logged_) : std::nullopt, event.name, system_of(event),
                     turn_prompt(settings_.format, event.name, history)});
  }

  std::vector<std::string> present() const {
    std::vector<std::string> names;
    for (const Participant& user : parts_.design.users) {
      if (!banned_.contains(user.name)) names.push_back(user.name);
    }
    return names;
  }

  std::string system_of(const DiscussionEvent& event) const {
    if (event.kind == EventKind::moderator) return prompts_.moderator.value_or("");
    const auto& users = parts_.design.users;
    const auto user = std::find_if(users.begin(), users.end(), [&](const auto& one) { return one.name == event.name; });
    return user == users.end() ? std::string() : prompts_.users.at(static_cast<std::size_t>(user - users.begin()));
  }

  void take(const DiscussionEvent& event) {
    if (event.logged) ++logged_;
    if (takes_place(event, settings_)) {
      window_.push(history_item(settings_.format, event.name, event.text, settings_.text.wrap));
    }
    if (!event.banned.empty()) banned_.insert(event.banned);
  }

  const DiscussionParts parts_;
  const SettingsAt& settings_at_;
  DiscussionSettings settings_;
  SystemPrompts prompts_;
  HistoryWindow window_{std::nullopt};
  std::vector<DiscussionEvent> events_;
  std::set<std::string> banned_;
  std::vector<PromptRow> rows_;
  std::size_t logged_ = 0;
  std::uint32_t turn_ = 0;
};

}  // namespace

std::size_t wrap_of(Generation format) { return format == Generation::g5 ? kWrapG5 : kWrap; }

std::size_t window_of(const Json& ctx_length, const std::string& file) {
  if (ctx_length.is_number_unsigned()) return ctx_length.get<std::size_t>();
  throw Error("usage",
              "its prompts can't be written again: it does not say how many comments a speaker saw (ctx_length)", file,
              "files of g0 to g4 say it, those of g5 don't");
}

std::vector<PromptRow> file_prompts(const DiscussionRecord& loaded) {
  HistoryWindow window(window_of(loaded.ctx_length, loaded.file));
  std::vector<PromptRow> rows;
  const auto log = loaded.log();
  for (std::size_t i = 0; i < log.size(); ++i) {
    const DiscussionEvent& event = *log[i];
    if (event.kind != EventKind::seed) {
      const auto user = std::find(loaded.users.begin(), loaded.users.end(), event.name);
      const auto at = static_cast<std::size_t>(user - loaded.users.begin());
      std::string system;
      if (event.kind == EventKind::moderator) {
        system = loaded.moderator_prompt.value_or("");
      } else if (at < loaded.user_prompts.size()) {
        system = loaded.user_prompts[at];
      }
      rows.push_back({i, event.name, std::move(system), turn_prompt(loaded.format, event.name, window.text())});
    }
    window.push(history_item(loaded.format, event.name, event.text, wrap_of(loaded.format)));
  }
  return rows;
}

std::vector<PromptRow> discussion_prompts(const RunView& run, const SettingsAt& settings_at) {
  if (run.data.is_object() && run.data.contains("source") && !run.data.contains("forked_from")) {
    return file_prompts(discussion_record(run));
  }
  return Retold(parts_of(run.data), settings_at).rows(run.context);
}

}  // namespace assay
