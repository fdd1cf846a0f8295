#include "core/query/completion.hpp"

#include <algorithm>
#include <set>

#include "core/query/query.hpp"

namespace assay {
namespace {

/// Collects distinct words that begin with a prefix.
class Words {
 public:
  Words(std::string before, std::string prefix, std::size_t limit)
      : before_(std::move(before)), prefix_(std::move(prefix)), limit_(limit) {}
  bool full() const { return words_.size() >= limit_; }
  void add(std::string_view word) {
    const bool typed =
        word == prefix_ && !word.empty() && std::string_view(":.>").find(word.back()) != std::string_view::npos;
    if (full() || word.empty() || typed || !word.starts_with(prefix_) || !seen_.insert(std::string(word)).second)
      return;
    words_.push_back(before_ + std::string(word));
  }
  std::vector<std::string> take() { return std::move(words_); }

 private:
  std::string before_, prefix_;
  std::size_t limit_;
  std::set<std::string, std::less<>> seen_;
  std::vector<std::string> words_;
};

void add_values(Words& words, Field field, const RunTable::Reader& reader) {
  if (field == Field::status) {
    for (const char* word : {"READY", "INCOMPLETE", "COMPLETE", "FAIL"}) words.add(word);
  }
  if (field == Field::score) {
    for (const char* word : {"CORRECT", "INCORRECT", "null"}) words.add(word);
  }
  for (const BatchInfo& batch : reader.batches()) {
    if (batch.dropped) continue;
    if (field == Field::batch) words.add(batch.name);
    if (field == Field::kind) words.add(batch.kind);
    if (field == Field::model) words.add(batch.model);
  }
  if (field == Field::tag) {
    for (const auto& [tag, runs] : reader.tagged()) words.add(tag);
  }
  if (field == Field::err) {
    for (std::uint32_t index = 1; index < reader.error_count() && !words.full(); ++index)
      words.add(reader.error(index).kind);
  }
}

void add_facet_values(Words& words, std::string_view facet, const RunTable::Reader& reader) {
  std::vector<char> seen(reader.facet_text_count(), 0);
  for (const BatchInfo& batch : reader.batches()) {
    if (batch.dropped) continue;
    for (const std::uint32_t index : reader.facet_column(batch.id, facet)) seen[index] = 1;
  }
  std::set<std::string> values;
  for (std::uint32_t index = 1; index < seen.size(); ++index) {
    if (seen[index]) values.insert(reader.facet_text(index));
  }
  for (const std::string& value : values) words.add(value);
}

/// "status:" "steps>": what begins a term on the field.
std::string opening(const FieldRow& row) {
  if (row.type == FieldRow::Type::number) return std::string(row.name) + ">";
  if (row.field == Field::data || row.field == Field::metric) return std::string(row.name) + ".";
  return std::string(row.name) + ":";
}

void add_beginnings(Words& words, const RunTable::Reader& reader) {
  for (const FieldRow& row : fields()) words.add(opening(row));
  for (const BatchInfo& batch : reader.batches()) {
    if (batch.dropped) continue;
    for (const std::string& name : reader.facet_names(batch.id)) words.add(name + ":");
    for (const std::string& name : reader.metric_names(batch.id)) words.add("metric." + name);
  }
  for (const char* word : {"READY", "INCOMPLETE", "COMPLETE", "FAIL", "CORRECT", "INCORRECT", "all"}) words.add(word);
  for (const BatchInfo& batch : reader.batches()) {
    if (!batch.dropped) words.add(batch.name + ":");
  }
}

void add_runs(Words& words, std::string_view word, const RunTable::Reader& reader) {
  for (const BatchInfo& batch : reader.batches()) {
    if (batch.dropped || !word.starts_with(batch.name + ":")) continue;
    for (RunId run = batch.first; run < batch.first + batch.count && !words.full(); ++run) {
      if (reader.visible(run)) words.add(reader.name(run));
    }
  }
}

bool is_plain(std::string_view text) { return text.find_first_of(" \t\r\n|()'\"!") == std::string_view::npos; }

std::string quoted(std::string_view text) {
  if (is_plain(text) && !text.empty()) return std::string(text);
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

}  // namespace

std::vector<std::string> complete_query(std::string_view word, const RunTable& table, std::size_t limit) {
  const std::size_t begin = std::min(word.find_first_not_of("!("), word.size());
  const std::string before(word.substr(0, begin));
  const std::string rest(word.substr(begin));
  const auto reader = table.read();

  Words words(before, rest, limit);
  add_beginnings(words, reader);
  add_runs(words, rest, reader);
  std::vector<std::string> found = words.take();
  const auto colon = rest.find_first_of(":=");
  if (colon != std::string::npos) {
    const std::string name = rest.substr(0, colon);
    Words values(before + rest.substr(0, colon + 1), rest.substr(colon + 1), limit);
    if (const FieldRow* row = find_field(name))
      add_values(values, row->field, reader);
    else
      add_facet_values(values, name, reader);
    for (std::string& value : values.take()) {
      if (found.size() < limit) found.push_back(std::move(value));
    }
  }
  return found;
}

std::string quote_query_word(std::string_view text) {
  const std::size_t begin = std::min(text.find_first_not_of("!("), text.size());
  const std::string before(text.substr(0, begin));
  const std::string_view rest = text.substr(begin);
  const auto colon = rest.find_first_of(":=");
  if (colon != std::string_view::npos && colon + 1 < rest.size() && is_plain(rest.substr(0, colon)))
    return before + std::string(rest.substr(0, colon + 1)) + quoted(rest.substr(colon + 1));
  return before + quoted(rest);
}

}  // namespace assay
