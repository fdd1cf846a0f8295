#include "experiments/discussion/inputs.hpp"

#include <algorithm>
#include <map>

#include "core/text/csv.hpp"
#include "core/text/error.hpp"
#include "core/text/input.hpp"
#include "core/text/utf8.hpp"
#include "core/text/words.hpp"
#include "experiments/discussion/prompt_forms.hpp"
#include "runners/prompt/sha256.hpp"
#include "runners/yaml/yaml.hpp"

namespace assay {
namespace {

namespace fs = std::filesystem;

constexpr int kMostParents = 5;
constexpr std::size_t kMostOpeningLength = 500;

bool is_there(const fs::path& path) {
  std::error_code none;
  return fs::exists(path, none);
}

bool is_folder(const fs::path& path) {
  std::error_code none;
  return fs::is_directory(path, none);
}

/// The folders that a path is looked for in by its last components, nearest first.
std::vector<fs::path> search_folders(const PathSearch& search) {
  if (!search.root.empty()) return {search.root};
  std::error_code none;
  fs::path folder = fs::weakly_canonical(search.folder.empty() ? fs::path(".") : search.folder, none);
  std::vector<fs::path> folders;
  for (int up = 0; up <= kMostParents; ++up) {
    folders.push_back(folder);
    if (!folder.has_relative_path()) break;
    folder = folder.parent_path();
  }
  return folders;
}

std::vector<std::pair<std::string, std::string>> mappings(const std::string& map) {
  std::vector<std::pair<std::string, std::string>> result;
  for (std::size_t begin = 0; begin < map.size();) {
    const auto end = std::min(map.find(';', begin), map.size());
    const std::string one = map.substr(begin, end - begin);
    begin = end + 1;
    const auto colon = one.find(':');
    if (colon == 0 || colon == std::string::npos) {
      if (one.empty()) continue;
      throw Error("usage", "map=" + map + ": \"" + one + "\" is not FROM:TO");
    }
    result.emplace_back(one.substr(0, colon), one.substr(colon + 1));
  }
  return result;
}

/// `written` with a prefix, whole components of it, exchanged.
std::optional<fs::path> mapped(const std::string& written, const std::string& from, const std::string& to) {
  std::string prefix = from;
  while (prefix.size() > 1 && prefix.ends_with('/')) prefix.pop_back();
  if (!written.starts_with(prefix)) return std::nullopt;
  std::string rest = written.substr(prefix.size());
  if (!rest.empty() && rest.front() != '/' && !prefix.ends_with('/')) return std::nullopt;
  while (rest.starts_with('/')) rest.erase(0, 1);
  return rest.empty() ? fs::path(to) : fs::path(to) / rest;
}

/// Entries of a folder in byte order of their names; hidden ones and (unless wanted) folders are counted in `ignored`.
std::vector<fs::path> visible_files(const fs::path& folder, std::vector<std::string>& ignored) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename().string();
    std::error_code none;
    if (name.starts_with('.') || !at->is_regular_file(none)) {
      ignored.push_back(name);
    } else {
      files.push_back(at->path());
    }
  }
  if (error) throw Error("file", "the folder can't be read: " + error.message(), folder.string());
  const auto by_name = [](const fs::path& a, const fs::path& b) {
    return a.filename().string() < b.filename().string();
  };
  std::sort(files.begin(), files.end(), by_name);
  std::sort(ignored.begin(), ignored.end());
  return files;
}

std::string cut(const std::string& text, std::size_t code_points) {
  std::size_t at = 0;
  for (std::size_t n = 0; n < code_points && at < text.size(); ++n) at += code_point_at(text, at).length;
  return text.substr(0, at);
}

struct Post {
  std::string conversation, text;
  bool escalated = false;
};

std::vector<Post> read_posts(const fs::path& path) {
  InputFile file(path.string());
  CsvReader reader(file);
  std::vector<std::string> fields;
  std::map<std::string, std::size_t> columns;
  if (reader.next(fields)) {
    for (std::size_t i = 0; i < fields.size(); ++i) columns.emplace(fields[i], i);
  }
  for (const char* column : {"conv_id", "escalated", "text"}) {
    if (columns.contains(column)) continue;
    throw Error("file", std::string("there is no column ") + column, path.string(),
                "topics are a folder of text files, or a CSV of conv_id, message_id, reply_to, user, escalated, text");
  }
  std::vector<Post> posts;
  while (reader.next(fields)) {
    const std::string flag = ascii_lower(trim(fields[columns["escalated"]]));
    posts.push_back({fields[columns["conv_id"]], cut(fields[columns["text"]], kMostOpeningLength),
                     flag == "true" || flag == "1" || flag == "1.0"});
  }
  std::stable_sort(posts.begin(), posts.end(),
                   [](const Post& a, const Post& b) { return a.conversation < b.conversation; });
  return posts;
}

Json persona_json(const fs::path& path, std::vector<std::string>& warnings) {
  const std::string text = normalize_yaml(read_file(path.string()));
  if (trim(text).empty()) throw Error("file", text.empty() ? "the file is empty" : "only blanks", path.string());
  JsonOptions options;
  options.allow_repeated_keys = true;
  JsonNotes notes;
  Json value = parse_json(text, path.string(), options, &notes);
  if (notes.repeated_keys > 0) {
    warnings.push_back(path.string() + ": keys that stand there more than once, of which the last counts: " +
                       std::to_string(notes.repeated_keys));
  }
  return value;
}

void check_persona(const Json& persona, Generation generation, const std::string& place) {
  if (!persona.is_object()) throw Error("file", "a persona is a JSON object, here is " + dump_json(persona), place);
  if (has_json_prompts(generation)) return;
  for (const std::string& field : persona_fields()) {
    if (persona.contains(field)) continue;
    if (generation == Generation::g0 && field == "special_instructions" && persona.contains("intent")) continue;
    const auto name = persona.find("username");
    throw Error("file",
                "persona " +
                    (name != persona.end() && name->is_string() ? "\"" + name->get<std::string>() + "\" " : "") +
                    "has no field " + field,
                place, "format=g4 and g5 fill in what is missing");
  }
}

}  // namespace

std::optional<fs::path> find_path(const std::string& written, const PathSearch& search) {
  const fs::path path(written);
  const fs::path as_is = path.is_absolute() || search.folder.empty() ? path : search.folder / path;
  if (is_there(as_is)) return as_is;
  for (const auto& [from, to] : mappings(search.map)) {
    const auto moved = mapped(written, from, to);
    if (moved && is_there(*moved)) return moved;
  }
  std::vector<fs::path> parts;
  for (const fs::path& part : path.lexically_normal()) {
    if (part.has_filename() && part != "." && part != "..") parts.push_back(part);
  }
  if (path.lexically_normal() != path && written.find("..") != std::string::npos) parts.clear();
  for (const fs::path& folder : search_folders(search)) {
    for (std::size_t first = 0; first + 2 <= parts.size(); ++first) {
      fs::path candidate = folder;
      for (std::size_t i = first; i < parts.size(); ++i) candidate /= parts[i];
      if (is_there(candidate)) return candidate;
    }
  }
  return std::nullopt;
}

PathFinder::PathFinder(const ParameterSheet& sheet, std::vector<MovedPath>& moved)
    : root_(sheet.get<std::string>("root")), map_(sheet.get<std::string>("map")), moved_(moved) {
  if (const GivenValue* given = sheet.given("root"); given != nullptr) root_ = (given->folder / root_).string();
  if (!root_.empty() && !is_folder(root_)) throw Error("file", "there is no such folder", "root=" + root_);
  mappings(map_);
}

std::optional<fs::path> PathFinder::find(ParameterSheet& sheet, const std::string& name, bool needed,
                                         Problems& problems) {
  if (!sheet.has(name)) return std::nullopt;
  const GivenValue& given = *sheet.given(name);
  const std::string& written = given.value.get_ref<const std::string&>();
  std::optional<fs::path> found;
  std::string tried;
  if (given.typed) {
    if (is_there(written)) found = written;
    if (!found) tried = "tried from the working directory";
  } else {
    const PathSearch search{given.folder, root_, map_};
    found = find_path(written, search);
    if (!found) {
      std::vector<std::string> folders;
      for (const fs::path& folder : search_folders(search)) folders.push_back(folder.string());
      tried = "tried as it is" + std::string(map_.empty() ? "" : ", with map=" + map_) +
              ", and by its last components below " + joined(folders, ", ") + "; root=FOLDER or map=FROM:TO says where";
    }
  }
  if (!found) {
    if (needed) problems.add(sheet.named(name) + ": there is no such file or folder; " + tried);
    return std::nullopt;
  }
  const fs::path as_written = fs::path(written).is_absolute() ? fs::path(written) : given.folder / written;
  if (!given.typed && *found != as_written) moved_.push_back({given.key, written, found->string()});
  sheet.replace(name, found->string());
  return found;
}

std::string read_input_text(const fs::path& path) {
  const std::string bytes = read_file(path.string());
  if (const auto bad = find_invalid_utf8(bytes)) {
    throw Error("file", "byte " + std::to_string(*bad) + " is not UTF-8", path.string());
  }
  return normalize_yaml(bytes);
}

std::vector<fs::path> json_files(const fs::path& path) {
  if (!is_folder(path)) return {path};
  std::vector<std::string> ignored;
  std::vector<fs::path> files = visible_files(path, ignored);
  std::erase_if(files, [](const fs::path& file) { return file.extension() != ".json"; });
  if (files.empty()) throw Error("file", "the folder has no *.json file", path.string());
  return files;
}

std::vector<Participant> read_personas(const fs::path& path, Generation generation, std::vector<std::string>& warnings,
                                       std::vector<std::string>* notes) {
  std::vector<Participant> personas;
  std::map<std::string, std::size_t> unknown;
  for (const fs::path& file : json_files(path)) {
    Json value = persona_json(file, warnings);
    if (!value.is_array()) value = Json::array({std::move(value)});
    std::size_t position = 0;
    for (Json& persona : value) {
      ++position;
      check_persona(persona, generation, file.string() + ": position " + std::to_string(position));
      Participant one;
      const auto name = persona.find("username");
      if (name == persona.end()) {
        one.name = "user" + std::to_string(personas.size() + 1);
        warnings.push_back(file.string() + ": position " + std::to_string(position) +
                           ": a persona without username is called " + one.name);
      } else {
        one.name = name->is_string() ? name->get<std::string>() : dump_json(*name);
      }
      const auto& fields = persona_fields();
      for (const auto& [key, field] : persona.items()) {
        if (std::find(fields.begin(), fields.end(), key) == fields.end() && key != "intent") ++unknown[key];
      }
      one.persona = std::move(persona);
      personas.push_back(std::move(one));
    }
  }
  if (personas.empty()) throw Error("file", "there is no persona in it (an empty list)", path.string());
  if (notes != nullptr && !unknown.empty() && generation != Generation::g5) {
    std::vector<std::string> names;
    for (const auto& [key, n] : unknown) names.push_back(key);
    notes->push_back("fields of personas that no " + std::string(to_text(generation)) +
                     " prompt holds: " + joined(names, ", "));
  }
  return personas;
}

Topics read_topics(const fs::path& path, std::vector<std::string>& notes) {
  Topics topics;
  if (is_folder(path)) {
    std::vector<std::string> ignored;
    for (const fs::path& file : visible_files(path, ignored)) {
      topics.texts.emplace_back(file.filename().string(), read_input_text(file));
    }
    if (!ignored.empty()) {
      notes.push_back("ignored in " + path.string() + ": " + counted(ignored.size(), "entry", "entries") +
                      " (hidden, or no file): " + joined(ignored, ", "));
    }
    if (topics.texts.empty()) throw Error("file", "there is no topic in it: the folder has no file", path.string());
    return topics;
  }
  const std::vector<Post> posts = read_posts(path);
  for (std::size_t begin = 0; begin < posts.size();) {
    std::size_t end = begin + 1;
    std::vector<std::vector<Opening>> candidates;
    for (; end < posts.size() && posts[end].conversation == posts[begin].conversation; ++end) {
      if (posts[end].escalated) candidates.push_back({{"", posts[end - 1].text, ""}, {"", posts[end].text, ""}});
    }
    if (!candidates.empty()) topics.candidates.push_back(std::move(candidates));
    begin = end;
  }
  if (topics.candidates.empty()) {
    throw Error("file", "there is no topic in it: no row is escalated and not the first of its conversation",
                path.string());
  }
  return topics;
}

Json hashed_input(const fs::path& path) {
  const auto one = [](const fs::path& file) {
    return Json::object({{"path", file.string()}, {"sha256", sha256_hex(read_file(file.string()))}});
  };
  if (!is_folder(path)) return one(path);
  std::vector<std::string> ignored;
  Json list = Json::array();
  for (const fs::path& file : visible_files(path, ignored)) list.push_back(one(file));
  return list;
}

}  // namespace assay
