// transcript: discussions to be read, annotations beside the comments

#include "core/text/words.hpp"
#include "experiments/annotation/export_forms.hpp"

namespace assay {
namespace {

/// Text of models in Markdown: no HTML, links, images or code of it; its other marks stay.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '<') {
      out += "&lt;";
    } else if (c == '&') {
      out += "&amp;";
    } else if ((static_cast<unsigned char>(c) < ' ' && c != '\n' && c != '\t') || c == '\x7f') {
      out += "\xEF\xBF\xBD";
    } else {
      if (c == '[' || c == '`' || c == '\\') out += '\\';
      out += c;
    }
  }
  return out;
}

std::string on_one_line(std::string_view text) {
  std::string out = escaped(text);
  for (char& c : out) {
    if (c == '\n') c = ' ';
  }
  return out;
}

std::string block_quote(std::string_view text) {
  std::string out;
  text = text.substr(0, text.find_last_not_of(" \n") + 1);
  const std::string safe = escaped(text);
  for (std::size_t begin = 0; begin <= safe.size();) {
    const std::size_t end = std::min(safe.find('\n', begin), safe.size());
    out += end == begin ? ">\n" : "> " + safe.substr(begin, end - begin) + "\n";
    begin = end + 1;
  }
  return out;
}

std::string traits(const Json& persona) {
  std::string out;
  for (const auto& [key, value] : persona.items()) {
    std::string text;
    if (value.is_array()) {
      for (const Json& item : value) text += (text.empty() ? "" : ", ") + field_text(item);
    } else {
      text = field_text(value);
    }
    if (key == "username" || text.empty()) continue;
    out += (out.empty() ? "" : "; ") + on_one_line(text);
  }
  return out;
}

void add(std::string& out, const ExportSet& set, const ExportedDiscussion& discussion) {
  const DiscussionRecord& record = discussion.record;
  out += "\n## " + on_one_line(discussion.address()) + "\n\n";
  out += "Ended " + (record.timestamp.empty() ? "at a time unknown" : on_one_line(record.timestamp));
  if (!record.stop_reason.empty()) out += " (" + on_one_line(record.stop_reason) + ")";
  out += ". Id " + on_one_line(record.id) + ".\n\n";
  for (std::size_t i = 0; i < record.users.size(); ++i) {
    const std::string about =
        i < record.personas.size() && record.personas[i].is_object() ? traits(record.personas[i]) : std::string();
    out += "- **" + on_one_line(record.users[i]) + "**" + (about.empty() ? "" : ": " + about) + "\n";
  }
  if (record.moderator) out += "- **" + on_one_line(*record.moderator) + "**: the moderator\n";
  for (std::size_t i = 0; i < discussion.size(); ++i) {
    const DiscussionEvent& event = discussion[i];
    out += "\n**" + std::to_string(i + 1) + ". " + on_one_line(event.name) + "**";
    if (event.kind == DiscussionEvent::Kind::seed) out += " (opening)";
    if (event.silent) out += " (silent)";
    out += "\n\n" + block_quote(event.text);
    if (discussion.annotations[i].empty()) continue;
    out += '\n';
    for (const ExportedDiscussion::Annotated& annotated : discussion.annotations[i]) {
      const ExportedAnnotation& annotation = set.annotations[annotated.annotation];
      out += "- " + on_one_line(annotation.run) +
             (annotation.annotator.empty() ? "" : " (" + on_one_line(annotation.annotator) + ")") + ": " +
             on_one_line(annotation.record.entries[annotated.entry].annotation) + "\n";
    }
  }
}

}  // namespace

JointExport export_transcript(const std::string& path, const std::vector<const BatchView*>& batches) {
  ExportSet set = gather(batches);
  std::string text = "# Discussions\n\n" + counted(set.discussions.size(), "discussion", "discussions") + ", " +
                     counted(set.annotations.size(), "annotation", "annotations") + ".\n";
  for (const ExportedDiscussion& discussion : set.discussions) add(text, set, discussion);
  return {{{path, std::move(text)}}, std::move(set.notes), set.runs};
}

}  // namespace assay
