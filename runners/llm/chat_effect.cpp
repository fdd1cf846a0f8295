#include "runners/llm/chat_effect.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace assay {

using std::chrono::milliseconds;

namespace {
constexpr std::size_t kQuickReplyBytes = 8192;
}  // namespace

struct ChatEffect::ReplyMessage final : EffectMessage {
  std::shared_ptr<TrySlot> slot;
  WireReply reply;
  /// A short whole answer; whatever needs a second thought is the worker's.
  bool quick() const override {
    return reply.http == 200 && !reply.fault && reply.body.size() <= kQuickReplyBytes && reply.body.starts_with('{');
  }
};

struct ChatEffect::SimSent final : EffectMessage {
  std::shared_ptr<TrySlot> slot;
};

void ChatClient::Shared::mark_worked(const std::string& lane) {
  if (has_worked(lane)) return;
  const std::unique_lock lock(mutex);
  worked.insert(lane);
}

bool ChatClient::Shared::has_worked(const std::string& lane) const {
  const std::shared_lock lock(mutex);
  return worked.contains(lane);
}

bool ChatClient::Shared::remember_correction(const std::string& lane, const std::string& field) {
  const std::unique_lock lock(mutex);
  std::vector<std::string>& fields = corrected[lane];
  if (std::find(fields.begin(), fields.end(), field) != fields.end()) return false;
  fields.push_back(field);
  return true;
}

std::vector<std::string> ChatClient::Shared::corrections(const std::string& lane) const {
  const std::shared_lock lock(mutex);
  const auto found = corrected.find(lane);
  return found == corrected.end() ? std::vector<std::string>() : found->second;
}

ChatEffect::ChatEffect(std::shared_ptr<ChatClient::Shared> shared, const ChatRequest& request, ModelHandle model)
    : shared_(std::move(shared)), first_(std::move(model)), entry_(first_), random_(shared_->random()) {
  prepare(request);
  const bool again = !first_->fallback_entries.empty() || (provider_ != nullptr && provider_->simulated());
  if (again && !refused_) request_ = std::make_unique<ChatRequest>(request);
}

/// Builds the request for the entry whose turn it is.
void ChatEffect::prepare(const ChatRequest& request) {
  lane_ = entry_->lane();
  provider_ = find_provider(entry_->type);
  prepared_ = PreparedRequest{};
  refused_.reset();
  reserved_ = 0;
  unbounded_ = false;
  if (provider_ == nullptr) {
    refused_ = make_error(ErrorKind::local, "absent", entry_->name + ": provider " + entry_->type + " is not built in");
    return;
  }
  auto built = provider_->build(request, *entry_);
  if (!built) {
    refused_ = std::move(built.error());
    prepared_.canonical = "null";
    return;
  }
  prepared_ = std::move(*built);
  if (shared_->options.secrets.holds_secret(prepared_.canonical)) {
    refused_ = make_error(ErrorKind::secret, "", "the request holds a key and was not sent");
    prepared_.canonical = shared_->options.secrets.redact(prepared_.canonical);
    return;
  }
  size_ = call_size(request, request.params.over(entry_->params).max_tokens.value_or(0), entry_->image_tokens,
                    entry_->type);
  if (entry_->price) {
    const ChatRequest asked{request.messages, request.params.over(entry_->params), {}, {}, 0, {}};
    const auto bound = cost_bound(asked, *entry_->price, entry_->max_output, entry_->image_tokens);
    reserved_ = bound ? *bound : cost_bound(asked, *entry_->price, 0, entry_->image_tokens).value_or(0);
    unbounded_ = !bound;
  }
}

EffectAction ChatEffect::advance(EffectEvent event, const std::shared_ptr<EffectPort>& port, SteadyTime now) {
  assert(state_ != State::done);
  port_ = port;
  switch (event.kind) {
    case EffectEvent::Kind::start:
      if (refused_) return refuse(*refused_);
      if (port->files() != nullptr) take_batch_price();
      return begin_call(now);
    case EffectEvent::Kind::stop: {
      const bool sent = state_ == State::in_flight || state_ == State::simulating;
      CallError error = make_error(ErrorKind::cancelled, "", "stopped");
      error.ambiguous = sent;
      return give_up(std::move(error), "", now);
    }
    case EffectEvent::Kind::message:
      if (dynamic_cast<LimiterTurn*>(event.message.get()) != nullptr ||
          dynamic_cast<BudgetTurn*>(event.message.get()) != nullptr) {
        return state_ == State::queued ? poll_limiter(now) : wait(now);
      }
      if (auto* turn = dynamic_cast<CacheTurn*>(event.message.get())) return on_cache_turn(*turn, now);
      if (auto* reply = dynamic_cast<ReplyMessage*>(event.message.get())) {
        if (state_ != State::in_flight) return wait(now);
        if (rival_ && reply->slot == rival_->slot) swap_rival();
        if (reply->slot != slot_ || (rival_ && outlived(reply->reply, now))) return wait(now);
        return on_reply(std::move(reply->reply), now);
      }
      if (auto* sent = dynamic_cast<SimSent*>(event.message.get())) {
        if (sent->slot == slot_ && state_ == State::in_flight) return on_sim_sent(now);
      }
      return wait(now);
    case EffectEvent::Kind::timer:
      if (const auto total = total_deadline(); total && now >= *total && !excluded_since_) {
        CallError error = make_error(ErrorKind::timeout, "total",
                                     "no answer within the limit of all tries" +
                                         (previous_ ? "; last: " + previous_->kind + " " + previous_->message : ""));
        error.ambiguous = state_ == State::in_flight || state_ == State::simulating;
        return give_up(std::move(error), "", now);
      }
      if (state_ == State::queued) return poll_limiter(now);
      if (state_ == State::in_flight && hedge_at_ && now >= *hedge_at_) return hedge(now);
      if (look_at_ && now >= *look_at_) {
        if (state_ == State::backing_off) return enter_queue(now);
        if (state_ == State::simulating) return on_reply(std::move(sim_plan_->reply), now);
      }
      return wait(now);
  }
  return wait(now);
}

EffectAction ChatEffect::wait(SteadyTime) {
  EffectWait action;
  if (previous_ && !std::exchange(previous_told_, true)) action.failed = previous_;
  action.deadline = state_ == State::in_flight ? hedge_at_ : look_at_;
  if (!excluded_since_) {
    if (const auto total = total_deadline())
      action.deadline = action.deadline ? std::min(*action.deadline, *total) : *total;
  }
  return action;
}

std::optional<SteadyTime> ChatEffect::total_deadline() const {
  if (!first_sent_) return std::nullopt;
  return *first_sent_ + first_->timeouts.total.value_or(shared_->settings.values()->total) + excluded_;
}

Deadlines ChatEffect::deadlines(const ClientValues& values) const {
  const bool local = entry_->local();
  const EntryTimeouts& own = entry_->timeouts;
  Deadlines limits;
  limits.connect = own.connect.value_or(values.connect);
  limits.stall = own.stall.value_or(values.stall);
  limits.first_byte = own.first_byte.value_or(values.first_byte);
  if (limits.first_byte.count() == 0 && prepared_.stream) limits.first_byte = milliseconds(local ? 600'000 : 120'000);
  limits.attempt = own.attempt.value_or(values.attempt);
  if (limits.attempt.count() == 0) limits.attempt = milliseconds(local ? 3'600'000 : 600'000);
  return limits;
}

std::string ChatEffect::wire_body() {
  std::string body = prepared_.wire_body();
  corrected_ = shared_->corrections(lane_);
  if (corrected_.empty()) return body;
  Json value = parse_json(body, "request");
  std::erase_if(corrected_, [&](const std::string& field) { return !value.contains(field); });
  for (const std::string& field : corrected_) provider_->correct(value, field);
  return dump_json(value);
}

EffectAction ChatEffect::send(SteadyTime now) {
  ++try_no_;
  trail_.admitted(now);
  if (!first_sent_) first_sent_ = now;
  state_ = State::in_flight;
  look_at_.reset();
  slot_ = std::make_shared<TrySlot>();
  plan_hedge(now);

  EffectRecordSent action;
  action.previous = std::exchange(previous_, std::nullopt);
  previous_told_ = false;
  action.reserved = reserved_;
  action.deadline = total_deadline();
  if (hedge_at_) action.deadline = std::min(*hedge_at_, action.deadline.value_or(*hedge_at_));
  if (provider_->simulated()) {
    action.transmit = [slot = slot_, port = port_](CallId, std::uint32_t) {
      auto message = std::make_unique<SimSent>();
      message->slot = slot;
      port->post(std::move(message));
    };
    return action;
  }
  WireRequest& request = slot_->request;
  request.url = prepared_.url.empty() ? entry_->url : prepared_.url;
  request.headers = prepared_.headers;
  request.headers.push_back({"User-Agent", "assay/" + shared_->options.version, ""});
  request.headers.push_back({"X-Client-Request-Id", to_hex(shared_->random()), ""});
  request.body = wire_body();
  trail_.bytes_out(request.body.size());
  request.deadlines = deadlines(*shared_->settings.values());
  request.ca_file = entry_->ca_file;
  request.proxy = entry_->proxy;
  action.transmit = [slot = slot_, port = port_, shared = shared_, keyed = provider_->idempotency_key()](
                        CallId call, std::uint32_t try_number) {
    WireRequest ready;
    {
      const std::lock_guard lock(slot->mutex);
      if (slot->cancelled) return;
      slot->sent = true;
      slot->request.call = call;
      slot->request.try_no = static_cast<int>(try_number);
      ready = std::move(slot->request);
      slot->request = WireRequest{};
      slot->request.call = call;
      slot->request.try_no = static_cast<int>(try_number);
    }
    if (keyed) {
      const std::string identity = shared->options.experiment_id + ":" + std::to_string(call);
      ready.headers.push_back({"Idempotency-Key", "assay-" + to_hex(xxh3_128(identity)), ""});
    }
    shared->options.transport.send(std::move(ready), [slot, port](WireReply reply) {
      auto message = std::make_unique<ReplyMessage>();
      message->slot = slot;
      message->reply = std::move(reply);
      port->post(std::move(message));
    });
  };
  return action;
}

EffectAction ChatEffect::on_sim_sent(SteadyTime now) {
  sim_plan_ = std::make_unique<SimPlan>(
      shared_->sim.begin(*entry_, *request_, prepared_.canonical, try_no_, {port_->origin(), port_->key()}));
  alone_ = sim_plan_->alone;
  state_ = State::simulating;
  const milliseconds attempt = deadlines(*shared_->settings.values()).attempt;
  if (sim_plan_->latency > attempt) {
    sim_plan_->latency = attempt;
    sim_plan_->reply = WireReply{};
    sim_plan_->reply.fault = WireFault{"timeout", "attempt", "no answer within the limit of a try", true};
  }
  if (sim_plan_->latency.count() == 0) return on_reply(std::move(sim_plan_->reply), now);
  look_at_ = now + sim_plan_->latency;
  return wait(now);
}

void ChatEffect::give_back() {
  ticket_.leave();
  if (sim_plan_ && sim_plan_->counted) shared_->sim.end(*entry_);
  sim_plan_.reset();
}

tl::expected<ChatReply, CallError> ChatEffect::judge(const WireReply& reply) const {
  const bool good_status = reply.http >= 200 && reply.http < 300;
  if (reply.fault) {
    std::string partial;
    if (good_status && !reply.body.empty()) {
      auto parsed = provider_->parse(reply.body, *entry_, false);
      if (parsed) return parsed;
      partial = std::move(parsed.error().partial_text);
    }
    CallError error = make_error(error_kind_from_text(reply.fault->kind).value_or(ErrorKind::network), reply.fault->sub,
                                 reply.fault->message);
    error.ambiguous = reply.fault->sent;
    error.http_status = reply.http;
    error.partial_text = std::move(partial);
    return tl::unexpected(std::move(error));
  }
  if (good_status) {
    auto parsed = provider_->parse(reply.body, *entry_, true);
    if (!parsed) parsed.error().http_status = reply.http;
    return parsed;
  }
  const std::optional<Json> document = parse_json_lenient(reply.body);
  CallError error = provider_->classify(reply.http, document.value_or(Json()), *entry_);
  if (error.sub == "redirect") {
    const auto target = find_header(reply.headers, "location");
    error.message = "redirected to " + std::string(target.value_or("another address")) + "; not followed";
  }
  return tl::unexpected(std::move(error));
}

EffectAction ChatEffect::on_reply(WireReply reply, SteadyTime now) {
  if (rival_) hedged_ = true;
  drop_rival();
  trail_.replied(reply);
  auto outcome = judge(reply);
  const double wall_s = static_cast<double>(shared_->options.clock.wall()) / 1e6;
  const bool silent = alone_ && !outcome;  // the lane has nothing to learn from it
  lane_pause_ = ticket_.finish(
      silent ? CallEnd{} : call_end(outcome, vendor_of(*entry_), reply.headers, reply.body, wall_s), now);
  give_back();
  if (!outcome) return on_failure(std::move(outcome.error()), reply.headers, std::move(reply.body), now);

  const bool empty = outcome->flags.empty && outcome->stop == Stop::stop;
  const RetryRule rule = entry_->retry.over(ErrorKind::empty, shared_->settings.values()->rule(ErrorKind::empty));
  if (empty && failures_[static_cast<std::size_t>(ErrorKind::empty)] + 1U < rule.tries) {
    if (entry_->price && outcome->usage) spent_ += cost_of(*outcome->usage, *entry_->price);
    trail_.used(*outcome, entry_->price);
    bill_unknown_ = settle_answer(*outcome) > 0;
    return on_failure(make_error(ErrorKind::empty, "", "the answer is empty"), reply.headers, std::move(reply.body),
                      now);
  }

  shared_->mark_worked(lane_);
  shared_->targets.succeeded(lane_);
  permitted_ = false;
  if (entry_->hedge.mode != Hedge::Mode::off) shared_->hedges.answered(lane_, now - sent_at_);
  outcome->flags.hedged = hedged_;
  EffectDone done;
  done.state = CallState::answered;
  done.last_try.number = static_cast<std::uint32_t>(try_no_);
  done.last_try.http_status = reply.http;
  done.last_try.ended_at = shared_->options.clock.wall();
  if (try_no_ > 1) {
    done.last_try.details = details_of(nullptr, nullptr);
  } else if (trail_.announces()) {
    done.last_try.details = redacted(trail_.announced());
  }
  if (ambiguous_) done.doubt = CallDoubt::ambiguous;
  if (outcome->usage) {
    done.usage = *outcome->usage;
    if (outcome->usage->told_cost) {
      outcome->cost = *outcome->usage->told_cost;
      outcome->priced = true;
    } else if (entry_->price) {
      outcome->cost = cost_of(*outcome->usage, *entry_->price);
      outcome->priced = true;
    }
  }
  done.possible = settle_answer(*outcome);
  outcome->cost += spent_;
  done.cost = outcome->cost;
  done.priced = outcome->priced;
  done.reply = redacted(std::move(reply.body));
  outcome->provider = entry_->provider;
  if (fallback_ > 0) {
    outcome->flags.fallback = true;
    done.model = entry_->name;
  }
  outcome->dropped = prepared_.dropped;
  outcome->dropped.insert(outcome->dropped.end(), corrected_.begin(), corrected_.end());
  std::sort(outcome->dropped.begin(), outcome->dropped.end());
  offer_answer(done, *outcome);
  tries_.push_back(done.last_try);
  outcome->tries = std::move(tries_);
  result_ = std::move(outcome);
  state_ = State::done;
  return done;
}

std::string ChatEffect::details_of(const CallError* error, const WaitHint* hint) const {
  TryFacts facts;
  facts.target = entry_->name;
  facts.wall = shared_->options.clock.wall();
  facts.steady = shared_->options.clock.steady();
  facts.error = error;
  facts.hint = hint;
  facts.left_out = &corrected_;
  return redacted(trail_.text(facts));
}

TryRecord ChatEffect::record_of(const CallError& error, const WaitHint* hint) const {
  TryRecord record;
  record.number = static_cast<std::uint32_t>(try_no_);
  record.http_status = error.http_status;
  record.kind = to_text(error.kind);
  record.sub = error.sub;
  record.message = redacted(error.message);
  record.ambiguous = error.ambiguous;
  record.ended_at = shared_->options.clock.wall();
  if (try_no_ > 0) record.details = details_of(&error, hint);
  return record;
}

EffectAction ChatEffect::on_failure(CallError error, const std::vector<Header>& headers, std::string body,
                                    SteadyTime now) {
  const auto values = shared_->settings.values();
  if (const std::string field = provider_->field_to_correct(error);
      !field.empty() && std::find(corrected_.begin(), corrected_.end(), field) == corrected_.end()) {
    shared_->remember_correction(lane_, field);
    shared_->targets.succeeded(lane_);  // it answers
    permitted_ = false;
    tries_.push_back(record_of(error));
    previous_ = tries_.back();
    slot_.reset();
    return enter_queue(now);
  }
  RetryQuestion question;
  question.kind = error.kind;
  std::uint8_t& failures = failures_.at(static_cast<std::size_t>(error.kind));
  if (failures < 255) ++failures;
  question.failures_of_kind = failures;
  RetryRule rule = values->rule(error.kind);
  if (error.sub == "died") rule.tries = std::max(rule.tries, 2U);
  question.rule = entry_->retry.over(error.kind, rule);
  question.http_status = error.http_status;
  if (const auto word = find_header(headers, "x-should-retry")) {
    if (*word == "true") question.should_retry = true;
    if (*word == "false") question.should_retry = false;
  }
  question.ambiguous = error.ambiguous;
  question.retry_ambiguous = entry_->retry.ambiguous.value_or(values->retry_ambiguous);
  question.key_has_worked = !alone_ && shared_->has_worked(lane_);
  question.max_hint = entry_->retry.max_hint.value_or(values->max_hint);
  if (error.http_status == 0 || error.http_status >= 400 || error.kind == ErrorKind::rate_limit) {
    const std::optional<Json> document = parse_json_lenient(body);
    const double wall_s = static_cast<double>(shared_->options.clock.wall()) / 1e6;
    question.hint = find_wait_hint(headers, document.value_or(Json()), wall_s);
  }
  const RetryAnswer answer = decide_retry(question, random_);
  tell_target(error, answer.retry, now);

  // A rate limit pauses the lane as its limiter decides; any wait beyond the longest hint does.
  std::optional<LanePause> paused = std::exchange(lane_pause_, std::nullopt);
  const bool beyond = question.hint && question.hint->wait_ms > static_cast<double>(values->max_hint.count());
  if (answer.pause_lane && !alone_ && (beyond || error.kind != ErrorKind::rate_limit) &&
      shared_->options.limiter.pause(lane_, now + *answer.pause_lane)) {
    paused = LanePause{*answer.pause_lane, question.hint->source + " " + question.hint->raw};
  }
  if (paused && shared_->options.on_pause) {
    Clock& clock = shared_->options.clock;
    PauseInfo pause;
    pause.lane = lane_;
    pause.reason = "retry_after";
    pause.source = paused->source.empty() ? "no hint" : redacted(paused->source);
    pause.set_at = clock.wall();
    pause.duration_ms = paused->duration.count();
    pause.until = pause.set_at + pause.duration_ms * 1000;
    pause.until_boot_us = clock.boot_us() + pause.duration_ms * 1000;
    shared_->options.on_pause(pause);
  }
  TryRecord record = record_of(error, question.hint ? &*question.hint : nullptr);
  // What counts as possibly spent here has to be recorded as that, or a later session would spend it again.
  record.ambiguous = record.ambiguous || std::exchange(bill_unknown_, false) || (billed_unread(error) && reserved_ > 0);
  const bool too_long = std::max(answer.wait, answer.pause_lane.value_or(answer.wait)) > entry_->fallback_wait;
  if (falls_back_on(error.kind) && (!answer.retry || too_long) && !(error.ambiguous && !question.retry_ambiguous) &&
      fallback_ < first_->fallback_entries.size()) {
    settle_failure(error);
    previous_reserved_ = reserved_;
    if (fall_back()) {
      ambiguous_ = ambiguous_ || record.ambiguous;
      tries_.push_back(record);
      previous_ = std::move(record);
      slot_.reset();
      return enter_queue(now);
    }
  }
  if (!answer.retry) return give_up(std::move(error), std::move(body), now);

  settle_failure(error);
  ambiguous_ = ambiguous_ || record.ambiguous;
  record.wait_ms = answer.wait.count();
  tries_.push_back(record);
  previous_ = std::move(record);
  previous_reserved_ = reserved_;
  slot_.reset();
  if (question.hint && error.kind == ErrorKind::rate_limit) excluded_since_ = now;
  if (answer.wait.count() == 0) return enter_queue(now);
  state_ = State::backing_off;
  if (answer.wait > values->longest_wait)
    return hold_until(now + answer.wait, "which has answered " + error.name() + ": " + redacted(error.message), now);
  look_at_ = now + answer.wait;
  return wait(now);
}

void ChatEffect::tell_target(CallError& error, bool retry, SteadyTime now) {
  permitted_ = false;
  if (alone_) {
    shared_->targets.succeeded(lane_);
  } else if (cools_target(error.kind)) {
    shared_->targets.failed(lane_, entry_->cooldown, now);
  } else if (holds_target(error.kind)) {
    if (retry) return;
    const std::string word = error.code.empty() ? std::to_string(error.http_status) : error.code;
    const std::string& key = entry_->key_env;
    std::string advice = "see `models show " + entry_->name + "`: name, address and what the key may use";
    if (error.kind == ErrorKind::quota) advice = "fill the account of " + (key.empty() ? entry_->address : key);
    if (error.kind == ErrorKind::auth) {
      advice =
          key.empty() ? "it wants a key: name its variable as key_env in models.yaml" : "put a valid key into " + key;
    }
    if (error.kind == ErrorKind::local) {
      error.held = entry_->name + ": " + redacted(error.message) + " [`models log " + entry_->name +
                   "` shows what it said; put it right, then `resume`]";
      shared_->targets.hold(lane_, {error.kind, error.held});
      return;
    }
    error.held =
        entry_->name + " answers " + error.name() + " (" + word + "): " + redacted(error.message) + " [" + advice + "]";
    shared_->targets.hold(lane_, {error.kind, error.held});
  } else {
    shared_->targets.succeeded(lane_);  // it answers
  }
}

EffectAction ChatEffect::give_up(CallError error, std::string body, SteadyTime) {
  claim_.unfit();
  Pico possible = settle_failure(error);
  if (previous_ && previous_->ambiguous) possible += previous_reserved_;  // the try before, after which none was sent
  if (state_ == State::in_flight || state_ == State::simulating || state_ == State::queued) {
    abandon();
  } else {
    give_back();
  }
  EffectDone done;
  done.state = CallState::failed;
  done.last_try = record_of(error);
  done.possible = possible;
  done.cost = spent_;
  done.priced = entry_->price.has_value();
  if (ambiguous_ || error.ambiguous) done.doubt = CallDoubt::ambiguous;
  done.reply = redacted(std::move(body));
  error.message = done.last_try.message;
  error.partial_text = redacted(std::move(error.partial_text));
  result_ = tl::unexpected(std::move(error));
  state_ = State::done;
  return done;
}

EffectAction ChatEffect::refuse(CallError error) {
  EffectDone done;
  done.state = CallState::failed;
  done.last_try = record_of(error);
  result_ = tl::unexpected(std::move(error));
  state_ = State::done;
  return done;
}

/// True: it was sent.
bool ChatEffect::cancel(TrySlot& slot) {
  CallId call = 0;
  int try_no = 0;
  {
    const std::lock_guard lock(slot.mutex);
    slot.cancelled = true;
    if (!slot.sent) return false;
    call = slot.request.call;
    try_no = slot.request.try_no;
  }
  shared_->options.transport.cancel(call, try_no);
  return true;
}

void ChatEffect::abandon() {
  if (state_ == State::done) return;
  state_ = State::done;
  drop_rival();
  if (slot_) {
    if (cancel(*slot_)) money_.settle(0, reserved_);  // what is recorded as possible
    slot_.reset();
  }
  if (std::exchange(permitted_, false)) shared_->targets.give_back(lane_);
  money_.release();
  claim_.release();
  give_back();
}

std::optional<tl::expected<ChatReply, CallError>> ChatEffect::take_result() {
  return std::exchange(result_, std::nullopt);
}

tl::expected<ChatReply, CallError> ChatEffect::read(std::string_view bytes, std::string_view model) const {
  ModelHandle who = first_;
  for (const ModelHandle& fallback : first_->fallback_entries) {
    if (fallback->name == model) who = fallback;
  }
  const Provider* provider = find_provider(who->type);
  if (provider == nullptr) return tl::unexpected(*refused_);
  auto reply = provider->parse(bytes, *who, false);
  if (!reply) reply = provider->parse(bytes, *who, true);
  if (reply) {
    reply->provider = who->provider;
    reply->flags.fallback = who != first_;
    if (who == first_) reply->dropped = prepared_.dropped;
  }
  return reply;
}

std::string ChatEffect::redacted(std::string text) const {
  if (text.empty() || !shared_->options.secrets.holds_secret(text)) return text;
  return shared_->options.secrets.redact(text);
}

}  // namespace assay
