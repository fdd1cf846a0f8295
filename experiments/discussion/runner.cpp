#include "experiments/discussion/runner.hpp"

#include <algorithm>
#include <utility>

#include "core/statistics/named_stream.hpp"
#include "core/text/utf8.hpp"
#include "experiments/discussion/history_window.hpp"
#include "experiments/discussion/metrics.hpp"
#include "experiments/discussion/prompt_forms.hpp"
#include "experiments/discussion/record.hpp"
#include "experiments/discussion/result_file.hpp"
#include "experiments/discussion/text_rules.hpp"
#include "experiments/discussion/turns.hpp"

namespace assay {
namespace {

constexpr const char* kInsertedModel = "inserted";

/// What a fork says at its first step, to everybody; "" : nothing.
std::string message_at(const Json& data, std::uint32_t turn) {
  const auto from = data.find("forked_from");
  if (from == data.end() || !from->is_object() || from->value("step", 0U) + 1 != turn) return {};
  return from->value("message", std::string());
}

RunView view_of(const Run& run) {
  RunView view;
  view.run_id = run.id;
  view.status = Status::complete;
  view.data = run.data;
  view.answer = run.answer;
  view.context = run.context;
  return view;
}

std::int64_t remembered(const Run& run, const char* name) {
  return run.state.is_object() ? run.state.value(name, std::int64_t{0}) : 0;
}

}  // namespace

ModelHandle taking_silence(const ModelHandle& model) {
  if (!model) return model;
  auto entry = std::make_shared<ModelEntry>(*model);
  entry->retry.kinds[ErrorKind::empty].tries = 1;
  return entry;
}

std::optional<std::int64_t> model_seed(const std::string& setting, const DiscussionDesign& design, std::uint32_t turn,
                                       std::string_view who) {
  if (setting == "off") return std::nullopt;
  if (setting != "run") return std::stoll(setting);
  std::string purpose = "model/" + std::to_string(turn) + "/" + std::string(who);
  if (design.epoch > 1) purpose += "/" + std::to_string(design.epoch);
  constexpr std::uint64_t kLow31 = 0x7FFFFFFF;
  return static_cast<std::int64_t>(design_stream(design, purpose).state() & kLow31);
}

ChatParams decoding_params(const DecodingSettings& decoding, std::optional<std::int64_t> seed) {
  ChatParams params;
  params.temperature = decoding.temperature;
  params.top_p = decoding.top_p;
  params.max_tokens = decoding.max_tokens;
  params.stop = decoding.stop_words;
  params.seed = seed;
  return params;
}

DiscussionForks forks_of(const Json& params) {
  DiscussionForks forks;
  if (!params.is_object() || !params.contains("forks")) return forks;
  for (const Json& one : params.at("forks")) {
    DiscussionFork fork;
    fork.step = one.value("step", 0U);
    fork.settings = one.value("settings", Json::object());
    if (const auto seed = one.find("reseed"); seed != one.end() && seed->is_number())
      fork.reseed = seed->get<std::uint64_t>();
    fork.inserted_by = one.value("name", std::string());
    forks.push_back(std::move(fork));
  }
  return forks;
}

Json to_json(const DiscussionForks& forks) {
  Json list = Json::array();
  for (const DiscussionFork& fork : forks) {
    Json one = Json::object({{"step", fork.step}, {"settings", fork.settings}});
    if (fork.reseed) one["reseed"] = *fork.reseed;
    if (!fork.inserted_by.empty()) one["name"] = fork.inserted_by;
    list.push_back(std::move(one));
  }
  return list;
}

DiscussionSettings settings_at(const DiscussionParts& parts, const DiscussionForks& forks, std::uint32_t turn) {
  Json settings;
  for (const DiscussionFork& fork : forks) {
    const bool shared = fork.step > 0 && turn <= fork.step;  // step=0 shares nothing, the setup neither
    if (shared || fork.settings.empty()) continue;
    if (settings.is_null()) settings = to_json(parts.settings);
    settings.update(fork.settings);
  }
  if (settings.is_null()) return parts.settings;
  DiscussionSettings changed = settings_from(settings);
  // Of a result file the prompt is all there is: other instructions take the place of its own.
  if (!changed.moderator_prompt.empty() && changed.mod_instructions != parts.settings.mod_instructions)
    changed.moderator_prompt = with_instructions(changed.format, changed.moderator_prompt, changed.mod_instructions);
  return changed;
}

Score discussion_score(const DiscussionRecord& record, const std::optional<DiscussionSettings>& settings) {
  Score score;
  DiscussionSettings unknown;
  unknown.turn_policy.clear();  // nothing is expected of it
  add_metrics(score, record, settings.value_or(unknown));
  return score;
}

/// One step under way. Its events go into the run's context only when all of it has come: a turn that fails leaves
/// nothing behind.
class DiscussionRunner::Turn {
 public:
  Turn(const DiscussionRunner& runner, Run& run, Step& step)
      : runner_(runner),
        run_(run),
        step_(step),
        parts_(parts_of(run.data)),
        number_(step.number()),
        settings_(settings_at(parts_, runner.forks_, number_)),
        silent_(settings_.text.silence),
        context_(run.context),
        window_(settings_.text.history),
        tokens_(remembered(run, "tokens")) {
    for (const ContextMessage& message : context_) {
      take(event_of(message));
    }
  }

  void open() {
    for (const Opening& opening : parts_.design.openings) {
      if (settings_.format == Generation::g0) continue;  // it stands in the prompts
      if (settings_.format != Generation::g5 && is_blank(opening.text)) continue;
      add({DiscussionEvent::Kind::seed, opening.name, opening.text, kOpeningModel, 0, false, true, {}});
    }
    if (settings_.mod_first && settings_.include_mod) moderate();
    finish();
  }

  Next take_turn() {
    if (const std::string message = message_at(run_.data, number_); !message.empty()) {
      const std::string by = runner_.forks_.empty() ? "" : runner_.forks_.back().inserted_by;
      add({DiscussionEvent::Kind::seed,
           by.empty() ? parts_.design.moderator : by,
           message,
           kInsertedModel,
           number_ - 1,
           false,
           true,
           {}});
    }
    // A fork may have come to its end already; so may an opening word of the moderator.
    if (const std::string reason = stopped(number_ - 1); !reason.empty()) return end(reason);
    TurnOrder order = order_so_far();
    const std::optional<std::size_t> speaker = next_speaker(order);
    if (!speaker) return end("banned");
    speak(*speaker);
    const std::string reason = stopped(number_);
    if (!reason.empty()) return end(reason);
    finish();
    return Next::again;
  }

 private:
  std::string history() const { return window_.text(); }

  /// What an event changes for those that come after it.
  void take(DiscussionEvent event) {
    if (event.logged) {
      ++logged_;
      if (takes_place(event, settings_))
        window_.push(history_item(settings_.format, event.name, event.text, settings_.text.wrap));
    }
    if (event.kind == DiscussionEvent::Kind::user && event.logged && !event.silent) ++comments_;
    events_.push_back(std::move(event));
  }

  void add(DiscussionEvent event, const Json& more = nullptr) {
    ContextMessage message = to_message(event, event.logged ? std::optional(logged_) : std::nullopt);
    if (more.is_object()) message.more.update(more);
    context_.push_back(std::move(message));
    Json line = Json::object({{"turn", event.turn}, {"name", event.name}, {"kind", context_.back().more["kind"]}});
    if (event.silent) line["silent"] = true;
    constexpr std::size_t kShown = 160;  // columns; the whole stands in the context
    if (!event.text.empty()) line["text"] = truncate_to_width(event.text, kShown);
    if (!event.banned.empty()) line["banned"] = event.banned;
    lines_.push_back(std::move(line));
    take(std::move(event));
  }

  std::string ask(const std::string& key, const ModelHandle& model, const std::string& who, std::string system,
                  std::string user) {
    if (!model) throw RunFailure("no_model", "this runner was made to evaluate: it has no model");
    ChatRequest request;
    request.messages.emplace_back(Role::system, std::move(system));
    request.messages.emplace_back(Role::user, std::move(user));
    request.params =
        decoding_params(settings_.decoding, model_seed(settings_.decoding.model_seed, parts_.design, number_, key));
    request.epoch = static_cast<std::int64_t>(parts_.design.epoch) - 1;
    auto reply = runner_.client_.call(step_, key, model, request);
    if (!reply) fail_run(reply.error(), "turn " + std::to_string(number_) + ", " + who);
    for (const auto& flag : reply->flags.names()) {
      if (flag != "empty") step_.log("turn " + std::to_string(number_) + ", " + who + ": reply " + flag);
    }
    if (reply->usage) tokens_ += reply->usage->in.value_or(0) + reply->usage->out.value_or(0);
    return filtered(reply->text, settings_.text);
  }

  /// The turns so far, drawn again from their streams: nothing of them is stored but what was said.
  TurnOrder order_so_far() {
    TurnOrder order(parts_.settings, parts_.design);
    const auto user_at = [&](const std::string& name) -> std::optional<std::size_t> {
      const auto& users = parts_.design.users;
      const auto found = std::find_if(users.begin(), users.end(), [&](const auto& user) { return user.name == name; });
      if (found == users.end()) return std::nullopt;
      return static_cast<std::size_t>(found - users.begin());
    };
    auto fork = runner_.forks_.begin();
    const auto before = [&](std::uint32_t turn) {
      for (; fork != runner_.forks_.end() && fork->step < turn; ++fork) {
        if (fork->settings.contains("turn_policy")) order.forget_speakers();
        order.go_on_with(settings_at(parts_, runner_.forks_, fork->step + 1), fork->reseed);
      }
    };
    const std::uint32_t of_file = parts_.from_file && !runner_.forks_.empty() ? runner_.forks_.front().step : 0;
    for (std::size_t i = 0; i < events_.size(); ++i) {
      const DiscussionEvent& event = events_[i];
      if (event.kind == DiscussionEvent::Kind::user && event.turn < number_) {
        before(event.turn);
        const auto actual = user_at(event.name);
        if (event.turn <= of_file || order.needs_selector()) {
          if (context_[i].more.value("selector_fallback", false)) order.fallback();
          if (actual) order.choose(*actual);
        } else {
          order.next();
        }
      }
      if (!event.banned.empty()) {
        if (const auto banned = user_at(event.banned)) order.ban(*banned);
      }
    }
    before(number_);
    return order;
  }

  std::optional<std::size_t> next_speaker(TurnOrder& order) {
    if (order.everybody_banned() || !order.needs_selector()) return order.next();
    std::vector<std::string> names;
    for (const Participant& user : parts_.design.users) {
      if (!is_banned(user.name)) names.push_back(user.name);
    }
    const std::string reply =
        ask("select", runner_.models_.selector, "the selector", selector_system(), selector_prompt(history(), names));
    const auto named = order.named_in(reply);
    fallback_ = !named;
    if (fallback_) step_.log("turn " + std::to_string(number_) + ": the selector named nobody who may speak; drawn");
    const std::size_t user = named ? *named : order.fallback();
    order.choose(user);
    return user;
  }

  bool is_banned(const std::string& name) const {
    return std::any_of(events_.begin(), events_.end(), [&](const auto& event) { return event.banned == name; });
  }

  void speak(std::size_t speaker) {
    const std::string& name = parts_.design.users[speaker].name;
    const std::string text =
        ask("user", runner_.models_.user, name, user_system_prompt(settings_, parts_.design, speaker),
            turn_prompt(settings_.format, name, history()));
    const bool silent = silent_(text);
    const Json more = fallback_ ? Json::object({{"selector_fallback", true}}) : Json();
    add({DiscussionEvent::Kind::user, name, text, settings_.pseudoname, number_, silent, !silent, {}}, more);
    if (silent || !settings_.include_mod || comments_ % settings_.mod_every != 0) return;
    moderate();
  }

  void moderate() {
    const std::string& name = parts_.design.moderator;
    const std::string text = ask("moderator", runner_.models_.moderator, name,
                                 moderator_system_prompt(settings_, parts_.design).value_or(""),
                                 turn_prompt(settings_.format, name, history()));
    DiscussionEvent event{
        DiscussionEvent::Kind::moderator, name, text, settings_.mod_pseudoname, number_, silent_(text), true, {}};
    if (!settings_.ban_phrase.empty()) event.banned = banned_in(text);
    add(std::move(event));
  }

  /// The user whom a moderator comment sends away; "" : none.
  std::string banned_in(const std::string& text) const {
    const auto match = Pattern(settings_.ban_phrase).find(text);
    if (!match || match->groups.size() < 2 || !match->groups[1]) return {};
    std::string_view name = *match->groups[1];
    if (name.starts_with("@")) name.remove_prefix(1);
    for (const Participant& user : parts_.design.users) {
      if (user.name == name && !is_banned(user.name)) return user.name;
    }
    return {};
  }

  /// Why it ends after that turn; "" : it goes on.
  std::string stopped(std::uint32_t turn) const {
    const auto in_this_turn = [&](const DiscussionEvent& event) {
      return event.turn == turn && event.kind != DiscussionEvent::Kind::seed;
    };
    const auto& users = parts_.design.users;
    if (std::all_of(users.begin(), users.end(), [&](const auto& user) { return is_banned(user.name); }))
      return "banned";
    if (!settings_.stop_phrase.empty()) {
      const Pattern phrase(settings_.stop_phrase);
      for (const DiscussionEvent& event : events_) {
        if (in_this_turn(event) && phrase.matches(event.text)) return "stop_phrase";
      }
    }
    if (settings_.stop_silent > 0 && silent_in_a_row() >= settings_.stop_silent) return "stop_silent";
    if (settings_.stop_comments > 0 && logged_ >= settings_.stop_comments) return "stop_comments";
    if (settings_.stop_tokens > 0 && std::cmp_greater_equal(tokens_, settings_.stop_tokens)) return "stop_tokens";
    if (settings_.stop_repeat > 0 && repeats_itself()) return "stop_repeat";
    return turn >= settings_.num_turns ? "turns" : "";
  }

  std::uint32_t silent_in_a_row() const {
    std::uint32_t row = 0;
    for (const DiscussionEvent& event : events_) {
      if (event.kind == DiscussionEvent::Kind::user) row = event.silent ? row + 1 : 0;
    }
    return row;
  }

  /// Two comments one after the other that each are near copies of their speaker's previous one.
  bool repeats_itself() const {
    std::vector<const DiscussionEvent*> said;
    for (const DiscussionEvent& event : events_) {
      if (event.kind == DiscussionEvent::Kind::user && event.logged) said.push_back(&event);
    }
    const auto repeats = [&](std::size_t at) {
      for (std::size_t i = at; i-- > 0;) {
        if (said[i]->name == said[at]->name) return rouge_l_f1(said[i]->text, said[at]->text) >= settings_.stop_repeat;
      }
      return false;
    };
    return said.size() >= 2 && repeats(said.size() - 1) && repeats(said.size() - 2);
  }

  Next end(const std::string& reason) {
    if (context_.empty()) throw RunFailure("nobody", "nobody can speak in this discussion");
    Json& more = context_.back().more;
    more["stop"] = reason;
    more["at"] = step_.now();
    finish();
    if (!settings_.write_dir.empty()) write();
    return Next::done;
  }

  void write() {
    const DiscussionRecord record = discussion_record(view_of(run_), &settings_);
    const WallTime ended = context_.back().more["at"].get<WallTime>();
    try {
      const std::string path = write_result(settings_.write_dir, result_file_name(ended, record.id), record.id,
                                            discussion_file(record, record.format));
      step_.log("written to " + path);
    } catch (const std::exception& problem) {  // what was said is in the experiment: `export syndisco` writes it later
      step_.log(LogLevel::warn, std::string("its file was not written: ") + problem.what());
    }
  }

  void finish() {
    for (Json& line : lines_) {
      if (runner_.tell_)
        runner_.tell_(LogLevel::debug, run_.batch + ":" + run_.id + " " + dump_json(line), step_.now());
      run_.log(std::move(line));
    }
    lines_.clear();
    run_.context = context_;
    if (!run_.state.is_object()) run_.state = Json::object();
    run_.state["tokens"] = tokens_;
  }

  const DiscussionRunner& runner_;
  Run& run_;
  Step& step_;
  const DiscussionParts parts_;
  const std::uint32_t number_;
  const DiscussionSettings settings_;
  const SilenceRule silent_;
  std::vector<ContextMessage> context_;
  std::vector<DiscussionEvent> events_;
  HistoryWindow window_;
  std::vector<Json> lines_;
  std::size_t logged_ = 0;
  std::uint64_t comments_ = 0;
  std::int64_t tokens_ = 0;
  bool fallback_ = false;
};

void DiscussionRunner::setup(Run& run, Step& step) {
  if (tell_) tell_(LogLevel::info, run.batch + ":" + run.id + " begins", step.now());
  Turn(*this, run, step).open();
}

Next DiscussionRunner::step(Run& run, Step& step) {
  const Next next = Turn(*this, run, step).take_turn();
  if (next == Next::done && tell_) {
    tell_(LogLevel::info, run.batch + ":" + run.id + " ends: " + run.context.back().more["stop"].get<std::string>(),
          step.now());
  }
  return next;
}

Score DiscussionRunner::evaluate(Run& run, Step&) {
  const RunView view = view_of(run);
  if (!run.data.contains("forked_from") && run.data.contains("source"))
    return discussion_score(discussion_record(view));
  const DiscussionParts parts = parts_of(run.data);
  DiscussionSettings settings = settings_at(parts, forks_, UINT32_MAX);
  const bool named_anew =
      std::any_of(forks_.begin(), forks_.end(), [](const auto& fork) { return fork.settings.contains("turn_policy"); });
  if (!parts.design.speakers.empty() && !named_anew) settings.turn_policy = "fixed";
  Score score = discussion_score(discussion_record(view, &settings), settings);
  if (settings.turn_policy == "llm") {
    const auto fell_back = std::count_if(run.context.begin(), run.context.end(), [](const ContextMessage& message) {
      return message.more.is_object() && message.more.value("selector_fallback", false);
    });
    score.metric("selector_fallback", static_cast<double>(fell_back));
  }
  return score;
}

std::optional<std::uint64_t> DiscussionRunner::planned_calls(const Run& run) const {
  const DiscussionParts parts = parts_of(run.data);
  const DiscussionSettings settings = settings_at(parts, forks_, UINT32_MAX);
  std::uint64_t done = forks_.empty() ? 0 : forks_.back().step, comments = 0;
  for (const ContextMessage& message : run.context) {
    if (!message.more.is_object()) continue;
    const DiscussionEvent event = event_of(message);
    done = std::max<std::uint64_t>(done, event.turn);
    comments += event.kind == DiscussionEvent::Kind::user && event.logged && !event.silent ? 1 : 0;
  }
  const std::uint64_t turns = settings.num_turns > done ? settings.num_turns - done : 0;
  std::uint64_t calls = turns * (asks_selector(settings, parts.design) ? 2 : 1);
  if (settings.include_mod) {
    calls += (comments + turns) / settings.mod_every - comments / settings.mod_every;
    calls += settings.mod_first && done == 0 && run.context.empty() ? 1 : 0;
  }
  return calls;
}

}  // namespace assay
