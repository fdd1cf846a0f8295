#include "repl/remote_text.hpp"

#include "core/text/duration.hpp"

namespace assay {
namespace {

std::size_t bytes_of(const StyledText& text) {
  std::size_t bytes = 0;
  for (const StyledText::Span& span : text.spans()) bytes += span.text.view().size();
  return bytes;
}

/// The first `room` bytes of a text, no character split.
StyledText beginning(const StyledText& text, std::size_t room) {
  StyledText out;
  for (const StyledText::Span& span : text.spans()) {
    std::string_view words = span.text.view();
    if (words.size() > room) {
      std::size_t end = room;
      while (end > 0 && (static_cast<unsigned char>(words[end]) & 0xC0) == 0x80) --end;
      words = words.substr(0, end);
    }
    out.add(safe(words, false), span.role);
    if (words.size() < span.text.view().size()) break;
    room -= words.size();
  }
  return out;
}

StyledText cut_line(std::size_t left_out) {
  return StyledText().add(".. cut here: an attached terminal is sent at most 4 MiB of one text; " +
                              format_count(static_cast<std::int64_t>(left_out)) +
                              " bytes more. `save`, `export` and `report FILE` write all of it",
                          TextRole::warn);
}

Json spans(const StyledText& text) {
  Json value = Json::array();
  for (const StyledText::Span& span : text.spans())
    value.push_back(Json::array({span.text.text(), static_cast<int>(span.role)}));
  return value;
}

}  // namespace

Json to_frame(const StyledText& text) { return spans(text); }

Json to_frame(const std::vector<StyledText>& lines) {
  Json value = Json::array();
  std::size_t room = kMaxRemoteText, left_out = 0;
  for (const StyledText& line : lines) {
    const std::size_t bytes = bytes_of(line);
    if (left_out > 0) {
      left_out += bytes + 1;
    } else if (bytes <= room) {
      value.push_back(spans(line));
      room -= std::min(room, bytes + 8);
    } else {
      value.push_back(spans(beginning(line, room)));
      left_out += bytes - room;
    }
  }
  if (left_out > 0) value.push_back(spans(cut_line(left_out)));
  return value;
}

StyledText text_of_frame(const Json& value) {
  StyledText text;
  if (!value.is_array()) return text;
  for (const Json& span : value) {
    if (!span.is_array() || span.size() != 2 || !span[0].is_string() || !span[1].is_number_integer()) continue;
    const auto role = span[1].get<std::int64_t>();
    const bool known = role >= 0 && role <= static_cast<std::int64_t>(TextRole::prompt);
    text.add(safe(span[0].get_ref<const std::string&>(), false), known ? static_cast<TextRole>(role) : TextRole::plain);
  }
  return text;
}

std::vector<StyledText> lines_of_frame(const Json& value) {
  std::vector<StyledText> lines;
  if (!value.is_array()) return lines;
  for (const Json& line : value) lines.push_back(text_of_frame(line));
  return lines;
}

std::string text_field(const Json& frame, const char* name) {
  const auto found = frame.find(name);
  return found != frame.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::int64_t number_field(const Json& frame, const char* name, std::int64_t fallback) {
  const auto found = frame.find(name);
  return found != frame.end() && found->is_number_integer() ? found->get<std::int64_t>() : fallback;
}

bool flag_field(const Json& frame, const char* name) {
  const auto found = frame.find(name);
  return found != frame.end() && found->is_boolean() && found->get<bool>();
}

}  // namespace assay
