#include "experiments/declared/study_rows.hpp"

#include <algorithm>
#include <unordered_map>

#include "core/text/error.hpp"
#include "core/text/file_there.hpp"
#include "core/text/utf8.hpp"
#include "core/text/words.hpp"
#include "experiments/qa/json_path.hpp"
#include "experiments/qa/rows.hpp"
#include "runners/llm/field_values.hpp"

namespace assay {
namespace {

std::vector<std::string> column_names(const Json& row) {
  std::vector<std::string> names;
  for (const auto& [name, value] : row.items()) names.push_back(name);
  return names;
}

std::string text_of(const Json& value) { return value.is_string() ? value.get<std::string>() : dump_json(value); }

class RowReader {
 public:
  RowReader(const StudyData& data, const std::string& file) : data_(data), file_(file) {
    for (const auto& column : data.columns) columns_.push_back({column.name, JsonPath(column.path), column.line});
    if (!data.id.empty()) id_.emplace(data.id);
  }

  void add(Json&& row, const std::string& place) {
    if (!row.is_object()) throw Error("data", "a row is no object with columns", place);
    const std::string id = id_of(row, place);
    if (const auto [at, fresh] = places_.emplace(id, place); !fresh) {
      throw Error("data", "the id '" + truncate_to_width(id, 60) + "' stands in " + at->second + ", too", place,
                  "ids must differ; data.id names another column; a column that holds no id goes by another name");
    }
    NewRun run;
    run.id = id;
    run.data = renamed(std::move(row), place);
    for (const auto& [name, value] : run.data.items()) rows_.columns.insert(name);
    run.data["id"] = id;
    rows_.runs.push_back(std::move(run));
  }

  StudyRows take() { return std::move(rows_); }

 private:
  struct Column {
    std::string name;
    JsonPath path;
    std::size_t line;
  };

  [[noreturn]] void missing(const Json& row, const std::string& column, const std::string& place, std::size_t line,
                            const std::string& key) const {
    const auto names = column_names(row);
    const bool every = rows_.runs.empty();  // the first row: it is the study that is wrong
    throw Error("data",
                key + ": " + (every ? "" : place + " has ") + (every ? "there is " : "") + "no column '" + column + "'",
                file_ + ":" + std::to_string(line), names.empty() ? "the row is empty" : nearest_hint(column, names));
  }

  std::string id_of(const Json& row, const std::string& place) const {
    const Json* value = nullptr;
    if (id_) {
      value = id_->find(row);
      if (value == nullptr) missing(row, data_.id, place, data_.id_line, "data.id");
    } else if (const auto own = row.find("id"); own != row.end()) {
      value = &*own;
    } else {
      return std::to_string(rows_.runs.size() + 1);
    }
    const std::string id = value->is_null() ? "" : text_of(*value);
    if (value->is_structured() || trim(id).empty()) {
      throw Error("data", "the id is " + (id.empty() ? std::string("empty") : truncate_to_width(id, 60)), place,
                  id_ ? "data.id names the column of ids; without it rows are numbered" : "");
    }
    return id;
  }

  Json renamed(Json&& row, const std::string& place) const {
    Json out = Json::object();
    for (const Column& column : columns_) {
      const Json* value = column.path.find(row);
      if (value == nullptr) missing(row, column.path.text(), place, column.line, "data.columns." + column.name);
      out[column.name] = *value;
    }
    for (auto& [name, value] : row.items()) {
      const auto taken = [&](const Column& column) { return column.path.is_plain() && column.path.text() == name; };
      if (std::any_of(columns_.begin(), columns_.end(), taken)) continue;
      const bool is_id = id_ ? id_->is_plain() && id_->text() == name : name == "id";
      if (is_id && (name == "id" || out.contains(name))) continue;
      const auto& names = study_names();
      const bool clash = out.contains(name) || std::find(names.begin(), names.end(), name) != names.end();
      if (clash) {
        throw Error("data", "the column '" + name + "' has a name that is in use", place,
                    "data: {columns: {ANOTHER: " + name + "}} gives it another");
      }
      out[name] = std::move(value);
    }
    return out;
  }

  const StudyData& data_;
  const std::string& file_;
  std::vector<Column> columns_;
  std::optional<JsonPath> id_;
  std::unordered_map<std::string, std::string> places_;
  StudyRows rows_;
};

}  // namespace

StudyRows read_study_rows(const StudyData& data, const std::string& file,
                          const std::optional<std::filesystem::path>& folder, const Source& source, HubReading* hub,
                          std::vector<std::string>& warnings) {
  RowReader reader(data, file);
  const std::string here = file + ":" + std::to_string(data.line);
  if (data.file.empty()) {
    for (std::size_t i = 0; i < data.rows.size(); ++i) {
      reader.add(Json(data.rows[i]), file + ":" + std::to_string(data.row_lines[i]));
    }
    return reader.take();
  }
  Source table{data.file, data.file, {}};
  table.limit = source.limit;
  table.interrupted = source.interrupted;
  if (!is_hub_name(data.file)) {
    if (!folder) throw Error("data", "data: a study without a folder can't name a file", here, "rows: lists them");
    table.path = *folder / data.file;
    table.name = table.path.string();
    if (!file_is_there(table.name)) {
      throw Error("data", "data: there is no file " + table.name, here,
                  "a path that begins with no / counts from the folder of the study");
    }
  }
  RowOptions options;
  options.rows = data.array;
  options.header = data.header;
  options.delimiter = data.delimiter;
  options.config = data.config;
  options.split = data.split;
  options.limit = source.limit;
  options.hub = hub;
  read_rows(table, options, warnings, [&](Row&& row) { reader.add(std::move(row.value), row.place); });
  StudyRows rows = reader.take();
  if (rows.runs.empty()) throw Error("data", "data: " + table.name + " has no rows", here);
  return rows;
}

}  // namespace assay
