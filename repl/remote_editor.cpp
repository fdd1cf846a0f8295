#include "repl/remote_editor.hpp"

#include <algorithm>

#include "core/text/duration.hpp"
#include "repl/remote_text.hpp"

namespace assay {
namespace {

constexpr std::size_t kPieceBytes = 64U << 10;
constexpr std::size_t kJsonPieceBytes = 1U << 20;
constexpr std::size_t kMaxInputs = 1'000;
constexpr int kWidest = 10'000;

}  // namespace

void RemoteEditor::take(Json frame) {
  {
    const std::lock_guard lock(mutex_);
    if (frame.at("t") == "resize") {
      const auto part = [&](const char* name, int fallback) {
        return static_cast<int>(std::clamp<std::int64_t>(number_field(frame, name, fallback), 2, kWidest));
      };
      size_ = {part("columns", size_.columns), part("rows", size_.rows)};
      return;
    }
    if (inputs_.size() < kMaxInputs) inputs_.push_back(std::move(frame));
  }
  changed_.notify_all();
}

void RemoteEditor::close() {
  closed_ = true;
  wake();
}

void RemoteEditor::wake() {
  {
    const std::lock_guard lock(mutex_);
    woken_ = true;
  }
  changed_.notify_all();
}

void RemoteEditor::interrupt() {
  interrupt_ = true;
  wake();
}

ReadResult RemoteEditor::read(const StyledText& prompt, const StyledText& continuation) {
  flush();
  interrupt_ = false;  // it was meant for what ran before
  const std::int64_t id = ++reads_;
  channel_.send(
      Json::object({{"t", "read"}, {"id", id}, {"prompt", to_frame(prompt)}, {"more", to_frame(continuation)}}));
  const std::optional<Json> input = next_input(id);
  if (!input) return {ReadResult::Kind::gone, {}};
  const std::string kind = text_field(*input, "t");
  if (kind == "end") return {ReadResult::Kind::end, {}};
  if (kind == "interrupted") return {ReadResult::Kind::interrupted, {}};
  ReadResult result{ReadResult::Kind::line, text_field(*input, "text")};
  if (!result.text.empty()) history_.push_back(result.text);
  return result;
}

// What answers question `id`; nothing: the terminal is gone.
std::optional<Json> RemoteEditor::next_input(std::int64_t id) {
  for (;;) {
    Json input;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return closed_ || !inputs_.empty(); });
      if (closed_) return {};
      input = std::move(inputs_.front());
      inputs_.pop_front();
    }
    if (text_field(input, "t") == "complete") {
      answer(input);
    } else if (number_field(input, "id") == id) {
      return input;
    }
  }
}

int RemoteEditor::run_shell_line(const std::string& line) {
  flush();
  const std::int64_t id = ++reads_;
  channel_.send(Json::object({{"t", "shell"}, {"id", id}, {"line", line}}));
  const std::optional<Json> input = next_input(id);
  return input ? static_cast<int>(number_field(*input, "status", 1)) : 1;
}

void RemoteEditor::answer(const Json& request) {
  const std::string line = text_field(request, "line");
  const auto cursor =
      std::min(static_cast<std::size_t>(std::max<std::int64_t>(0, number_field(request, "cursor"))), line.size());
  Json frame = Json::object({{"t", "completions"}, {"id", number_field(request, "id")}, {"begin", 0}});
  Json candidates = Json::array();
  if (completer_) {
    const Completions found = completer_(line, cursor);
    frame["begin"] = found.begin;
    for (const Candidate& one : found.candidates) {
      if (candidates.size() == 5'000) break;
      candidates.push_back(Json::array({one.text, one.note, one.suffix}));
    }
  }
  frame["candidates"] = std::move(candidates);
  channel_.send(frame);
}

WaitResult RemoteEditor::wait(const std::function<bool()>& done) {
  flush();
  while (!done()) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::milliseconds(100), [&] { return closed_ || interrupt_ || woken_; });
    woken_ = false;
    if (closed_) return WaitResult::gone;
    if (interrupt_.exchange(false)) return WaitResult::interrupted;
  }
  return WaitResult::done;
}

void RemoteEditor::print_above(StyledText text) {
  const std::size_t missed = not_shown_.exchange(0);
  if (missed > 0) {
    const StyledText count =
        StyledText().add(format_count(static_cast<std::int64_t>(missed)) + " lines not shown", TextRole::dim);
    if (!channel_.post(Json::object({{"t", "above"}, {"line", to_frame(count)}}))) {
      not_shown_ += missed + 1;
      return;
    }
  }
  if (!channel_.post(Json::object({{"t", "above"}, {"line", to_frame(text)}}))) ++not_shown_;
}

void RemoteEditor::set_status(std::vector<StyledText> lines) {
  Json frame = Json::object({{"t", "status"}, {"lines", Json::array()}});
  for (const StyledText& line : lines) frame["lines"].push_back(to_frame(line));
  channel_.post_latest(frame);
}

void RemoteEditor::line(const StyledText& text, bool to_error) {
  if (to_error != shown_to_error_ && !shown_.empty()) flush();
  shown_to_error_ = to_error;
  shown_.push_back(text);
  for (const StyledText::Span& span : text.spans()) shown_bytes_ += span.text.view().size() + 16;
  if (shown_bytes_ > kPieceBytes) flush();
}

void RemoteEditor::flush() {
  if (shown_.empty()) return;
  channel_.send(Json::object({{"t", "text"}, {"error", shown_to_error_}, {"lines", to_frame(shown_)}}));
  shown_.clear();
  shown_bytes_ = 0;
}

void RemoteEditor::json_line(std::string_view json) {
  flush();
  while (true) {
    std::size_t end = std::min(json.size(), kJsonPieceBytes);
    while (end < json.size() && (static_cast<unsigned char>(json[end]) & 0xC0) == 0x80) --end;
    const bool last = end == json.size();
    channel_.send(Json::object({{"t", "json"}, {"text", json.substr(0, end)}, {"last", last}}));
    if (last) return;
    json.remove_prefix(end);
  }
}

void RemoteEditor::paged(const std::vector<StyledText>& lines) {
  flush();
  channel_.send(Json::object({{"t", "paged"}, {"lines", to_frame(lines)}}));
}

void RemoteEditor::clear() {
  flush();
  channel_.send(Json::object({{"t", "clear"}}));
}

TerminalSize RemoteEditor::size() {
  const std::lock_guard lock(mutex_);
  return size_;
}

}  // namespace assay
