#include "experiments/qa/rows.hpp"

#include <algorithm>
#include <memory>
#include <set>

#include "core/text/csv.hpp"
#include "core/text/error.hpp"
#include "core/text/json_values.hpp"
#include "experiments/qa/parquet.hpp"

namespace assay {
namespace {

constexpr std::size_t kMostParquetBytes = std::size_t{4} << 30;

std::string extension_of(const std::string& name) {
  std::filesystem::path path(name);
  if (path.extension() == ".gz" || path.extension() == ".zst") path = path.stem();
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return extension;
}

char delimiter_of(const std::string& text, const std::string& extension) {
  if (text.empty()) return extension == ".tsv" ? '\t' : ',';
  if (text == "tab" || text == "\\t") return '\t';
  if (text.size() == 1) return text[0];
  throw Error("usage", "delimiter '" + text + "', expected one character or tab", "delimiter");
}

/// A run of a save file gives its data; anything else is itself.
Json unwrapped(Json&& value) {
  if (!value.is_object()) return std::move(value);
  for (const char* key : {"data", "answer", "status", "score", "context", "logs"}) {
    if (!value.contains(key)) return std::move(value);
  }
  Json data = std::move(value["data"]);
  return data;
}

std::vector<std::string> unique_names(std::vector<std::string> names, const std::string& file,
                                      std::vector<std::string>& warnings) {
  std::set<std::string> taken;
  for (auto& name : names) {
    if (taken.insert(name).second) continue;
    std::string fresh;
    for (int n = 2; fresh.empty() || !taken.insert(fresh).second; ++n) fresh = name + "." + std::to_string(n);
    warnings.push_back(file + ": a second column '" + name + "' is read as '" + fresh + "'");
    name = fresh;
  }
  return names;
}

void read_csv(InputBytes& input, char delimiter, const RowOptions& options, std::vector<std::string>& warnings,
              const std::function<void(Row&&)>& each) {
  CsvReader reader(input, CsvOptions{.delimiter = delimiter});
  std::vector<std::string> fields;
  std::vector<std::string> names;
  if (options.header && reader.next(fields)) names = unique_names(fields, input.name(), warnings);
  bool only_names = !names.empty();
  for (std::uint64_t number = 1; reader.next(fields); ++number) {
    if (names.empty()) {
      for (std::size_t i = 0; i < fields.size(); ++i) names.push_back(std::to_string(i));
    }
    only_names = false;
    Row row{Json::object(), number, input.name() + ":" + std::to_string(reader.line())};
    for (std::size_t i = 0; i < fields.size(); ++i) row.value[names[i]] = fields[i];
    each(std::move(row));
  }
  if (only_names) {
    throw Error("data", "no rows: the first line was taken for the names of the columns", input.name(),
                "header=no when it is a question");
  }
}

void read_json(InputBytes& input, const RowOptions& options, const std::function<void(Row&&)>& each) {
  JsonValuesOptions json;
  if (!options.rows.empty()) json.rows = options.rows;
  const JsonShape shape = read_json_values(input, json, [&](Json&& value, const JsonPlace& place) {
    each(Row{unwrapped(std::move(value)), place.index + 1, input.name() + ":" + std::to_string(place.line)});
  });
  if (!options.rows.empty() && shape != JsonShape::rows && shape != JsonShape::empty) {
    throw Error("data", "no array at '" + options.rows + "'", input.name(), "rows=PATH names it");
  }
}

void read_hub(const Source& source, const RowOptions& options, std::vector<std::string>& warnings,
              const std::function<void(Row&&)>& each) {
  HubRows rows =
      options.hub->hub.read({source.name, options.config, options.split, options.limit, source.interrupted}, warnings);
  options.hub->pin = rows.pin;
  std::uint64_t number = 0;
  for (HubRow& row : rows.rows) {
    ++number;
    each(Row{std::move(row.value), number, source.name + ":" + std::to_string(number), std::move(row.cut),
             &rows.classes});
  }
}

}  // namespace

void read_rows(const Source& source, const RowOptions& options, std::vector<std::string>& warnings,
               const std::function<void(Row&&)>& each) {
  if (is_hub_name(source.name)) {
    if (options.hub == nullptr) {
      throw Error("unsupported", "the hub is not read here", source.name, "download the rows as Parquet or JSONL");
    }
    read_hub(source, options, warnings, each);
    return;
  }
  if (!options.split.empty() || !options.config.empty()) {
    throw Error("usage", "split= and config= choose a part of a data set of the hub", source.name,
                "hf:OWNER/NAME names one");
  }
  const std::string extension = extension_of(source.embedded ? source.name : source.path.string());
  std::unique_ptr<InputBytes> input;
  if (source.embedded) {
    input = std::make_unique<InputText>(*source.embedded, source.name);
  } else {
    input = std::make_unique<InputFile>(source.path.string());
  }
  if (extension == ".parquet") {
    const std::string bytes = read_all(*input, kMostParquetBytes);
    read_parquet(bytes, input->name(), [&](Json&& value, std::uint64_t number) {
      each(Row{std::move(value), number, input->name() + ":" + std::to_string(number)});
    });
    return;
  }
  const bool csv = extension == ".csv" || extension == ".tsv" || !options.delimiter.empty();
  if (csv) {
    read_csv(*input, delimiter_of(options.delimiter, extension), options, warnings, each);
  } else {
    read_json(*input, options, each);
  }
}

}  // namespace assay
