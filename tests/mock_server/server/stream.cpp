#include <algorithm>
#include <array>
#include <cstdio>

#include "tests/mock_server/server/replies.hpp"

namespace assay::mock {
namespace {

constexpr std::array<std::string_view, 18> kModes{
    "normal", "crlf",  "cr",    "no_blank",  "comments",          "bom",   "bytes", "no_last_blank", "no_done",
    "cut",    "error", "stall", "bad_event", "keepalive_forever", "reset", "json",  "error_first",   "no_finish"};

struct Frame {
  std::string_view eol = "\n", colon = ": ";
  std::string operator()(std::string_view payload) const {
    return std::string("data").append(colon).append(payload).append(eol).append(eol);
  }
};

}  // namespace

bool known_stream_mode(std::string_view mode) { return std::find(kModes.begin(), kModes.end(), mode) != kModes.end(); }

Answer stream_answer(const Shape& shape, const Reply& reply, const Behaviour& how, std::string_view headers,
                     bool include_usage, std::uint64_t seed) {
  const std::string& mode = how.stream.mode;
  Frame frame;
  if (mode == "crlf") frame.eol = "\r\n";
  if (mode == "cr") frame.eol = "\r";
  if (mode == "no_blank") frame.colon = ":";

  Answer answer{.status = 200};
  std::string head;
  write_head(head, 200, "text/event-stream", -1, std::string(headers) + "Transfer-Encoding: chunked\r\n");
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

  std::vector<std::string> events = shape.events(reply, how.stream.chunk_bytes, include_usage);
  if (mode == "no_finish") events.erase(events.begin() + static_cast<std::ptrdiff_t>(events.size()) - 1);
  const bool breaks = mode == "cut" || mode == "stall" || mode == "error" || mode == "bad_event" || mode == "reset" ||
                      mode == "keepalive_forever" || mode == "error_first";
  const std::uint64_t whole = mode == "error_first" ? 0
                              : breaks              ? std::min<std::uint64_t>(how.stream.after, events.size())
                                                    : events.size();
  if (mode == "bom") put("\xEF\xBB\xBF");
  for (std::uint64_t i = 0; i < whole; ++i) {
    if (mode == "comments") put(": OPENROUTER PROCESSING\n\n");
    put(frame(events[i]));
  }
  if (mode == "cut") answer.end = End::close;
  if (mode == "reset") answer.end = End::reset;
  if (mode == "stall") answer.end = End::hang;
  if (mode == "keepalive_forever") {
    answer.add_repeated("e\r\n: keep-alive\n\n\r\n", UINT64_MAX, Nanos{100'000'000});
    answer.end = End::hang;
  }
  if (mode == "bad_event") put(frame("{\"choices\":[{\"delta\":"));
  if (mode == "error" || mode == "error_first") {
    std::string payload;
    shape.error(error_of_status(500), "The server had an error in mid-stream", "", payload);
    put(frame(payload));
  }
  if (!breaks) {
    if (mode == "no_last_blank") {
      put("data: [DONE]");
    } else if (mode != "no_done" && mode != "no_finish") {
      put(frame("[DONE]"));
    }
  }
  if (!breaks || mode == "bad_event" || mode == "error" || mode == "error_first") answer.add("0\r\n\r\n");
  return answer;
}

}  // namespace assay::mock
