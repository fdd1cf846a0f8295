#include "repl/exported_files.hpp"

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>

#include "core/text/atomic_file.hpp"
#include "core/text/edit_distance.hpp"
#include "core/text/error.hpp"
#include "core/text/input.hpp"
#include "core/text/words.hpp"

namespace assay {
namespace {

namespace fs = std::filesystem;

std::string base_name(const std::string& format) { return format.substr(0, format.find(':')); }

std::string n_files(std::uint64_t n) { return counted(n, "file", "files"); }

/// Where a file of the export goes. Names are made from data: none leads out of the folder.
fs::path place_of(const JointExport::File& file, const std::string& path, bool folder) {
  if (!folder) return path;
  const fs::path name = file.name;
  const bool leaves = name.empty() || name.is_absolute() || !name.has_filename() ||
                      std::any_of(name.begin(), name.end(), [](const fs::path& part) { return part == ".."; });
  if (leaves) throw Error("file", "a file of the export has a name that leads out of its folder", file.name);
  return fs::path(path) / name.lexically_normal();
}

bool holds(const fs::path& place, const std::string& text) {
  std::error_code problem;
  if (!fs::is_regular_file(fs::symlink_status(place, problem)) || fs::file_size(place, problem) != text.size())
    return false;
  return read_file(place.string()) == text;
}

/// Files below a folder that are not among `own`.
std::vector<std::string> foreign_files(const fs::path& folder, const std::set<fs::path>& own) {
  std::vector<std::string> found;
  std::error_code problem;
  for (fs::recursive_directory_iterator at(folder, problem), end; !problem && at != end; at.increment(problem)) {
    if (at->is_directory(problem) && !at->is_symlink(problem)) continue;
    if (!own.contains(at->path().lexically_normal())) found.push_back(at->path().lexically_relative(folder).string());
  }
  if (problem) throw Error("file", "the folder cannot be read: " + problem.message(), folder.string());
  std::sort(found.begin(), found.end());
  return found;
}

void refuse_foreign(const std::string& path, const std::set<fs::path>& own) {
  std::vector<std::string> foreign = foreign_files(fs::path(path).lexically_normal(), own);
  if (foreign.empty()) return;
  constexpr std::size_t shown = 3;
  const std::size_t n = foreign.size();
  foreign.resize(std::min(n, shown));
  throw Error("file",
              "the folder holds " + n_files(n) + " not of this export (" + joined(foreign, ", ") +
                  (n > shown ? ", .." : "") + "); nothing overwritten",
              path, "name another folder; --force leaves them and writes beside them");
}

}  // namespace

std::vector<JointChoice> joint_choices(const KindRegistry& kinds) {
  std::vector<JointChoice> choices;
  for (const Kind* kind : kinds.all()) {
    for (JointFormat& format : kind->joint_formats()) choices.push_back({kind, std::move(format)});
  }
  return choices;
}

std::vector<JointChoice> find_joint(const std::vector<JointChoice>& choices, const std::string& text) {
  std::vector<JointChoice> found;
  std::vector<std::string> variants;
  for (const JointChoice& choice : choices) {
    if (choice.format.name == text) found.push_back(choice);
    if (base_name(choice.format.name) == base_name(text)) variants.push_back(choice.format.name);
  }
  if (!found.empty() || variants.empty()) return found;
  const auto near = nearest(text, variants);
  throw Error("usage",
              "export " + text + ": " + base_name(text) + " has no such variant" +
                  (near && *near != base_name(text) ? "; did you mean " + *near + "?" : ""),
              {}, "there are: " + joined(variants, ", "));
}

WrittenFiles write_exported(const JointExport& exported, const std::string& path, bool folder, bool force) {
  std::error_code problem;
  const bool there = fs::exists(path, problem), is_folder = fs::is_directory(path, problem);
  if (problem && problem != std::errc::no_such_file_or_directory) throw Error("file", problem.message(), path);
  if (folder && there && !is_folder)
    throw Error("file", "that is a file; this export is a folder of files", path, "name a folder");
  if (!folder && is_folder) throw Error("file", "that is a folder; this export is one file", path, "name a file in it");
  std::set<fs::path> own;
  std::vector<std::pair<fs::path, const std::string*>> to_write;
  std::vector<std::string> others;
  for (const JointExport::File& file : exported.files) {
    const fs::path place = place_of(file, path, folder);
    if (!own.insert(place.lexically_normal()).second)
      throw Error("file", "two files of the export have this name; nothing overwritten", place.string());
    if (holds(place, file.text)) continue;
    if (fs::exists(fs::symlink_status(place, problem))) others.push_back(place.string());
    to_write.emplace_back(place, &file.text);
  }
  if (!force && !others.empty()) {
    const std::string more = others.size() > 1 ? " (and " + n_files(others.size() - 1) + " more)" : "";
    throw Error("file", "it is there already with other content" + more + "; nothing overwritten", others.front(),
                "--force writes over it");
  }
  if (folder && !force && there) refuse_foreign(path, own);
  // Thousands of files would wait for the disk one by one.
  const AtomicFileOptions options =
      folder ? AtomicFileOptions{.compress_by_name = false, .follow_links = false, .sync = false} : AtomicFileOptions{};
  std::set<fs::path> made;
  for (const auto& [place, text] : to_write) {
    if (folder && made.insert(place.parent_path()).second) {
      fs::create_directories(place.parent_path(), problem);
      if (problem) throw Error("file", "the folder cannot be made: " + problem.message(), place.parent_path().string());
    }
    write_file(place.string(), *text, options);
  }
  if (folder && !to_write.empty()) sync_files(path);
  return {to_write.size(), exported.files.size() - to_write.size()};
}

}  // namespace assay
