#include <algorithm>
#include <array>
#include <cstdio>
#include <initializer_list>

#include "tests/mock_server/server/replies.hpp"

namespace assay::mock {
namespace {

constexpr std::array<std::string_view, 18> kModes{
    "normal", "crlf",  "cr",    "no_blank",  "comments",          "bom",   "bytes", "no_last_blank", "no_done",
    "cut",    "error", "stall", "bad_event", "keepalive_forever", "reset", "json",  "error_first",   "no_finish"};

// How an event stands on the wire: server-sent, or a line.
struct Frame {
  bool json_lines = false;
  std::string_view eol = "\n", colon = ": ";
  std::string operator()(const Event& event) const {
    if (json_lines) return event.data + (eol == "\r\n" ? "\r\n" : "\n");
    std::string out;
    if (*event.name != '\0') out.append("event").append(colon).append(event.name).append(eol);
    return out.append("data").append(colon).append(event.data).append(eol).append(eol);
  }
};

bool one_of(std::string_view mode, std::initializer_list<std::string_view> modes) {
  return std::find(modes.begin(), modes.end(), mode) != modes.end();
}

Event error_event(const Shape& shape, const Behaviour& how, std::uint64_t n) {
  const ErrorRow* named = how.stream.error.empty() ? nullptr : find_error(shape, how.stream.error);
  const ErrorRow& row = named != nullptr ? *named : error_of_status(shape, 500);
  const std::string message = json_escape(
      !how.message.empty() ? how.message : (named != nullptr ? row.message : "The server had an error in mid-stream"));
  const ErrorCall call{row, row.status, message, "", n};
  if (shape.stream_error != nullptr) return shape.stream_error(call);
  Event event;
  shape.error(call, event.data);
  return event;
}

}  // namespace

bool known_stream_mode(std::string_view mode) { return std::find(kModes.begin(), kModes.end(), mode) != kModes.end(); }

Answer stream_answer(const Shape& shape, const Reply& reply, const Behaviour& how, std::string_view headers,
                     bool include_usage, std::uint64_t seed) {
  const std::string& mode = how.stream.mode;
  Frame frame{.json_lines = shape.json_lines};
  if (mode == "crlf") frame.eol = "\r\n";
  if (mode == "cr") frame.eol = "\r";
  if (mode == "no_blank") frame.colon = ":";

  Answer answer{.status = 200};
  std::string head;
  write_head(head, 200, shape.json_lines ? "application/x-ndjson" : "text/event-stream", -1,
             std::string(headers) + "Transfer-Encoding: chunked\r\n");
  answer.add(head);
  std::uint64_t drawn = 0;
  bool first = true;
  // Every event is one HTTP chunk; in mode "bytes" every byte is one, sent on its own.
  const auto put = [&](std::string_view bytes) {
    Nanos delay{0};
    if (first && how.first) delay = how.first->at(seed, drawn);
    if (!first && how.chunk) delay = how.chunk->at(seed, drawn);
    first = false;
    ++drawn;
    const std::size_t step = mode == "bytes" ? 1 : bytes.size();
    for (std::size_t at = 0; at < bytes.size(); at += step) {
      std::array<char, 20> size{};
      std::snprintf(size.data(), size.size(), "%zx\r\n", step);
      answer.add(size.data() + std::string(bytes.substr(at, step)) + "\r\n",
                 mode == "bytes" ? std::max(delay, Nanos{20'000}) : delay);
      delay = Nanos{0};
    }
  };

  std::vector<Event> events = shape.events(reply, {how.stream.chunk_bytes, include_usage});
  if (mode == "no_finish") std::erase_if(events, [](const Event& e) { return e.finish; });
  const bool breaks = one_of(mode, {"cut", "stall", "error", "bad_event", "reset", "keepalive_forever", "error_first"});
  std::size_t whole = events.size();
  if (breaks) whole = mode == "error_first" ? 0 : std::min<std::size_t>(how.stream.after, events.size());
  const bool marker = shape.done_marker && !breaks && mode != "no_done" && mode != "no_finish";
  if (mode == "bom") put("\xEF\xBB\xBF");
  for (std::size_t i = 0; i < whole; ++i) {
    if (mode == "comments") put(shape.json_lines ? "\n" : ": OPENROUTER PROCESSING\n\n");
    std::string text = frame(events[i]);
    if (mode == "no_last_blank" && !marker && i + 1 == whole) {
      text.resize(text.size() - (shape.json_lines ? 1 : 2 * frame.eol.size()));
    }
    put(text);
  }
  if (marker) put(mode == "no_last_blank" ? "data: [DONE]" : frame(Event{"[DONE]"}));
  if (mode == "cut") answer.end = End::close;
  if (mode == "reset") answer.end = End::reset;
  if (mode == "stall") answer.end = End::hang;
  if (mode == "keepalive_forever") {
    answer.add_repeated(shape.json_lines ? "1\r\n\n\r\n" : "e\r\n: keep-alive\n\n\r\n", UINT64_MAX, Nanos{100'000'000});
    answer.end = End::hang;
  }
  if (mode == "bad_event") put(frame(Event{"{\"choices\":[{\"delta\":"}));
  if (mode == "error" || mode == "error_first") put(frame(error_event(shape, how, reply.n)));
  if (!breaks || one_of(mode, {"bad_event", "error", "error_first"})) answer.add("0\r\n\r\n");
  return answer;
}

}  // namespace assay::mock
