#include "runners/llm/llama_server.hpp"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "core/text/error.hpp"
#include "core/text/hash.hpp"
#include "core/text/json.hpp"
#include "runners/llm/reply_json.hpp"

namespace assay {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr milliseconds kProbeEvery{100}, kPatience{5'000}, kLook{50}, kTellAfter{2'000};
constexpr minutes kLoadLimit{10}, kDeathWindow{10};
constexpr std::size_t kMostDeaths = 3;  // one more, and it is held
constexpr std::array<milliseconds, kMostDeaths> kRestartAfter = {milliseconds(0), milliseconds(1'000),
                                                                 milliseconds(5'000)};
constexpr int kMorePorts = 3;
constexpr std::size_t kLongestLine = 64U << 10U;
constexpr std::uint64_t kProbeCalls = 1ULL << 63U;  // ids that no recorded call has

/// A port that nobody listens at just now; 0 when there is none.
int free_port() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return 0;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* plain = reinterpret_cast<sockaddr*>(&address);
  const bool bound = bind(fd, plain, size) == 0 && getsockname(fd, plain, &size) == 0;
  close(fd);
  return bound ? ntohs(address.sin_port) : 0;
}

std::vector<std::string> command_line(const std::string& program, const LlamaTarget& target, int port) {
  const LocalServer& server = target.server;
  std::vector<std::string> argv = {program, "-m", server.path, "--host", "127.0.0.1", "--port", std::to_string(port)};
  const auto add = [&](const char* flag, const std::optional<std::int64_t>& value) {
    if (value) argv.insert(argv.end(), {flag, std::to_string(*value)});
  };
  add("-np", server.slots);
  add("-c", server.ctx);
  add("-ngl", server.gpu_layers);
  argv.insert(argv.end(), {"--alias", target.name});
  argv.insert(argv.end(), server.args.begin(), server.args.end());
  return argv;
}

/// The speed that a reply tells of its own generation; 0: none.
double told_speed(const std::string& body) {
  constexpr std::string_view field = "\"predicted_per_second\":";
  const std::size_t at = body.rfind(field);
  double value = 0;
  if (at == std::string::npos) return 0;
  const char* begin = body.data() + at + field.size();
  while (begin < body.data() + body.size() && *begin == ' ') ++begin;
  std::from_chars(begin, body.data() + body.size(), value);
  return value;
}

/// As models.md 6.2 bounds a prompt, images left out.
std::size_t prompt_bound(const Json& body) {
  std::size_t tokens = 64;
  const Json* messages = json_member(body, "messages");
  if (messages == nullptr || !messages->is_array()) return tokens;
  for (const Json& message : *messages) {
    tokens += 16;
    const Json* content = json_member(message, "content");
    if (content == nullptr) continue;
    if (content->is_string()) tokens += content->get_ref<const std::string&>().size();
    if (!content->is_array()) continue;
    for (const Json& part : *content) tokens += json_word(json_member(part, "text")).size();
  }
  return tokens;
}

}  // namespace

LlamaServer::LlamaServer(LlamaTarget target, LlamaParts parts)
    : target_(std::move(target)), parts_(std::move(parts)), secret_("LLAMA_API_KEY of " + target_.name) {
  parts_.secrets.put(secret_, to_hex(parts_.random()) + to_hex(parts_.random()));
}

void LlamaServer::send(LocalCall call, LocalTime now) {
  if (stopping_) return fail(call, {"cancelled", "", "llama-server is being ended", false});
  if (state_ == State::held) return fail(call, {"local", held_sub_, held_, false});
  if (const auto target = llama_target(call.request.url)) target_.server.idle_stop = target->server.idle_stop;
  idle_since_ = now;
  waiting_.push_back(std::move(call));
}

void LlamaServer::cancel(CallId call, int try_no, LocalTime now) {
  std::erase_if(waiting_, [&](const LocalCall& one) { return one.is(call, try_no); });
  if (std::erase(in_flight_, std::pair(call, try_no)) == 0) return;
  parts_.beyond.cancel(call, try_no);
  idle_since_ = now;
}

void LlamaServer::watch(std::vector<pollfd>& descriptors) const {
  if (child_ == nullptr) return;
  if (errors_) descriptors.push_back({child_->errors(), POLLIN, 0});
  if (child_->ended() >= 0) descriptors.push_back({child_->ended(), POLLIN, 0});
}

LocalTime LlamaServer::turn(LocalTime now) {
  if (child_ != nullptr) {
    const std::optional<int> end = child_->take_end();
    read_errors();
    if (end) {
      on_end(*end, now);
    } else if (kill_at_ && now >= *kill_at_) {
      child_->signal(SIGKILL);
      kill_at_ = now + kPatience;
    }
  }
  if (stopping_) return kill_at_ ? std::min(*kill_at_, now + kLook) : now + kLook;
  if (child_ == nullptr &&
      (state_ == State::stopped ? !waiting_.empty() : state_ == State::waiting && now >= start_at_)) {
    start(now);
  }
  if (state_ == State::loading && !kill_at_) {
    if (now - started_ >= kLoadLimit) {
      hold("load", "llama-server was not ready within 10 min: " + parts_.log.last_error());
      end_child(now);
    } else if (!probing_ && now >= next_probe_) {
      next_probe_ = now + kProbeEvery;
      probe("/health", &LlamaServer::on_health);
    }
    if (!told_loading_ && now - started_ >= kTellAfter) {
      told_loading_ = true;
      parts_.notice(target_.name + ": llama-server is loading " + target_.server.path);
    }
  }
  if (state_ == State::ready) {
    forward(now);
    if (waiting_.empty() && in_flight_.empty() && now - idle_since_ >= target_.server.idle_stop) end_child(now);
  }
  LocalTime next = now + std::chrono::hours(1);
  if (child_ != nullptr && child_->ended() < 0) next = now + kLook;
  if (kill_at_) next = std::min(next, *kill_at_);
  if (state_ == State::loading) next = std::min(next, std::max(next_probe_, now + milliseconds(10)));
  if (state_ == State::waiting) next = std::min(next, start_at_);
  if (state_ == State::ready && in_flight_.empty()) next = std::min(next, idle_since_ + target_.server.idle_stop);
  return next;
}

void LlamaServer::start(LocalTime now) {
  try {
    const std::string program = find_llama_server(target_, parts_.lookup);
    gguf_identity(target_.server.path);
    port_ = free_port();
    ChildCommand command;
    command.program = program;
    command.argv = command_line(program, target_, port_);
    command.environment = parts_.environment();
    std::erase_if(command.environment, [](const std::string& line) { return line.starts_with("LLAMA_API_KEY="); });
    std::string key = "LLAMA_API_KEY=";
    parts_.secrets.append(secret_, key);
    command.environment.push_back(std::move(key));
    command.talks = false;
    command.no_new_privileges = true;
    child_ = std::make_unique<ChildProcess>(command);
    wipe(command.environment.back());
  } catch (const Error& error) {
    return hold(error.kind() == "local/load" ? "load" : "absent", error.message());
  }
  errors_ = std::make_unique<LineReader>(kLongestLine);
  parts_.log.add("assay: started " + target_.server.path + " as process " + std::to_string(child_->pid()) +
                 " at port " + std::to_string(port_));
  ++generation_;
  state_ = State::loading;
  bind_failed_ = probing_ = gpu_ = told_loading_ = false;
  if (ports_tried_ == 0) started_ = now;
  next_probe_ = now + milliseconds(20);
  slots_ = context_ = 0;
}

void LlamaServer::end_child(LocalTime now) {
  if (child_ == nullptr || kill_at_) return;
  child_->signal(SIGTERM);
  kill_at_ = now + kPatience;
  if (state_ != State::held) state_ = State::stopped;
}

/// Nobody is served any more, until someone has looked at it.
void LlamaServer::hold(const char* sub, const std::string& why) {
  state_ = State::held;
  held_sub_ = sub;
  held_ = why;
  ports_tried_ = 0;
  parts_.log.add("assay: held: " + why);
  for (LocalCall& call : std::exchange(waiting_, {})) fail(call, {"local", held_sub_, held_, false});
}

void LlamaServer::try_again() {
  if (state_ != State::held) return;
  state_ = State::stopped;
  deaths_.clear();
}

void LlamaServer::read_errors() {
  if (!errors_) return;
  std::vector<std::string> lines;
  const LineReader::State state = errors_->read(child_->errors(), lines);
  for (const std::string& line : lines) {
    parts_.log.add(line);
    const auto says = [&](std::string_view words) { return line.find(words) != std::string::npos; };
    if (says("couldn't bind")) bind_failed_ = true;
    if (says("using device ") && !says("using device CPU")) gpu_ = true;
  }
  if (state == LineReader::State::closed) errors_.reset();
}

void LlamaServer::on_end(int status, LocalTime now) {
  const State before = state_;
  child_.reset();
  errors_.reset();
  in_flight_.clear();  // their connections tell them
  if (kill_at_) {      // as it was asked to
    kill_at_.reset();
    return;
  }
  std::string how = "llama-server " + end_text(status);
  parts_.log.add("assay: " + how);
  if (before == State::loading) {
    if (bind_failed_ && ports_tried_ < kMorePorts) {
      ++ports_tried_;
      state_ = State::waiting;
      start_at_ = now;
      return;
    }
    const std::string last = parts_.log.last_error();
    return hold("load", how + " while it loaded " + target_.server.path + ": " + last);
  }
  std::erase_if(deaths_, [&](LocalTime at) { return now - at > kDeathWindow; });
  deaths_.push_back(now);
  if (deaths_.size() > kMostDeaths) {
    std::string last;
    std::vector<std::string> lines = parts_.log.lines();
    std::erase_if(lines, [](const std::string& line) { return line.starts_with("assay: "); });
    for (std::size_t i = lines.size() > 3 ? lines.size() - 3 : 0; i < lines.size(); ++i) {
      last += (last.empty() ? "" : " | ") + lines[i];
    }
    return hold("died",
                how + ", for the " + std::to_string(deaths_.size()) + "th time in 10 min; its last lines: " + last);
  }
  state_ = State::waiting;
  start_at_ = now + kRestartAfter.at(deaths_.size() - 1);
  parts_.notice(target_.name + ": " + how + "; it is started again" +
                (start_at_ > now ? " in " + std::to_string((start_at_ - now) / seconds(1)) + " s" : ""));
}

void LlamaServer::probe(const std::string& path, Probe then) {
  probing_ = true;
  WireRequest request;
  request.call = kProbeCalls | static_cast<std::uint64_t>(child_->pid()) << 24U | ++probes_;
  request.method = "GET";
  request.url = origin() + path;
  request.headers.push_back({"Authorization", "Bearer ", secret_});
  request.deadlines = {milliseconds(2'000), milliseconds(0), milliseconds(5'000), milliseconds(5'000)};
  request.proxy = "direct";
  parts_.beyond.send(std::move(request), [this, inbox = parts_.inbox, generation = generation_, then](WireReply reply) {
    auto kept = std::make_shared<WireReply>(std::move(reply));
    inbox->post([this, generation, then, kept] {
      if (generation != generation_ || state_ != State::loading || kill_at_) return;
      probing_ = false;
      (this->*then)(*kept, std::chrono::steady_clock::now());
    });
  });
}

void LlamaServer::on_health(const WireReply& reply, LocalTime) {
  if (!reply.fault && reply.http == 200) probe("/props", &LlamaServer::on_props);
}

void LlamaServer::on_props(const WireReply& reply, LocalTime now) {
  if (reply.fault || reply.http == 503) return;  // asked again
  const Json props = parse_json_lenient(reply.body).value_or(Json::object());
  slots_ = json_integer(json_member(props, "total_slots")).value_or(target_.server.slots.value_or(1));
  slots_ = std::max<std::int64_t>(slots_, 1);
  if (const Json* settings = json_member(props, "default_generation_settings")) {
    context_ = json_integer(json_member(*settings, "n_ctx")).value_or(0);
  }
  if (const Json* modalities = json_member(props, "modalities")) {
    const Json* vision = json_member(*modalities, "vision");
    vision_ = vision == nullptr || *vision != false;
  }
  state_ = State::ready;
  ports_tried_ = 0;
  idle_since_ = now;
  parts_.width->store(slots_);
  const auto took = std::chrono::duration_cast<seconds>(now - started_).count();
  const std::string what = "ready after " + std::to_string(took) + " s: " + std::to_string(slots_) + " slots of " +
                           std::to_string(context_) + " tokens";
  parts_.log.add("assay: " + what);
  if (told_loading_) parts_.notice(target_.name + ": " + what);
}

void LlamaServer::forward(LocalTime now) {
  while (!waiting_.empty() && in_flight_.size() < static_cast<std::size_t>(slots_)) {
    LocalCall call = std::move(waiting_.front());
    waiting_.pop_front();
    idle_since_ = now;
    // Inside a JSON string its quotes would be escaped: this is a part of a message.
    if (!vision_ && call.request.body.find(R"("type":"image_url")") != std::string::npos) {
      fail(call, {"bad_request", "", target_.server.path + " is a model of text; it takes no images", false});
      continue;
    }
    pass_on(std::move(call));
  }
}

void LlamaServer::pass_on(LocalCall call) {
  WireRequest& request = call.request;
  look_at_prompt(request.body);
  request.url = origin() + "/v1/chat/completions";
  request.proxy = "direct";
  request.headers.push_back({"Authorization", "Bearer ", secret_});
  const std::pair key(request.call, request.try_no);
  in_flight_.push_back(key);
  parts_.beyond.send(std::move(request),
                     [this, inbox = parts_.inbox, key, done = std::move(call.done)](WireReply reply) {
                       const double speed = told_speed(reply.body);
                       inbox->post([this, key, speed] { finished(key.first, key.second, speed); });
                       done(std::move(reply));
                     });
}

void LlamaServer::finished(CallId call, int try_no, double tokens_per_s) {
  std::erase(in_flight_, std::pair(call, try_no));
  idle_since_ = std::chrono::steady_clock::now();
  if (tokens_per_s > 0) tokens_per_s_ = tokens_per_s_ > 0 ? 0.8 * tokens_per_s_ + 0.2 * tokens_per_s : tokens_per_s;
}

/// A prompt that might not fit is told once; whether it does, only the server's own count of its tokens can tell.
void LlamaServer::look_at_prompt(const std::string& body) {
  if (told_context_ || context_ <= 0 || body.size() < static_cast<std::size_t>(context_)) return;
  const std::size_t bound = prompt_bound(parse_json_lenient(body).value_or(Json::object()));
  if (bound <= static_cast<std::size_t>(context_)) return;
  told_context_ = true;
  parts_.notice(target_.name + ": a prompt of up to " + std::to_string(bound) + " tokens; a slot has room for " +
                std::to_string(context_) + " (ctx is divided by the " + std::to_string(slots_) +
                " slots): a larger ctx, or fewer slots, if calls fail with context_length");
}

void LlamaServer::stop(LocalTime now) {
  stopping_ = true;
  for (LocalCall& call : std::exchange(waiting_, {})) {
    fail(call, {"cancelled", "", "llama-server is being ended", false});
  }
  end_child(now);
}

LocalFacts LlamaServer::facts(LocalTime now) const {
  LocalFacts facts;
  if (child_ != nullptr) {
    facts.pids.push_back(child_->pid());
    facts.address = origin();
  }
  facts.slots = slots_;
  facts.context = context_;
  facts.tokens_per_s = tokens_per_s_;
  facts.cpu_only = state_ == State::ready && !gpu_;
  const auto whole_seconds = [](auto duration) {
    return std::to_string(std::chrono::ceil<seconds>(duration).count()) + " s";
  };
  switch (state_) {
    case State::stopped:
      facts.state = child_ != nullptr ? "ending" : generation_ == 0 ? "not started" : "stopped";
      break;
    case State::loading:
      facts.state = "loading " + whole_seconds(now - started_);
      break;
    case State::ready:
      facts.state = "running";
      break;
    case State::waiting:
      facts.state = "died; starts in " + whole_seconds(std::max(start_at_, now) - now);
      break;
    case State::held:
      facts.state = "held: " + held_;
      break;
  }
  return facts;
}

}  // namespace assay
