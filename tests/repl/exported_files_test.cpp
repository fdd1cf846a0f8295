#include <doctest/doctest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "core/text/atomic_file.hpp"
#include "core/text/error.hpp"
#include "core/text/input.hpp"
#include "repl/exported_files.hpp"

using namespace assay;

namespace {
namespace fs = std::filesystem;

struct Folder {
  Folder() { path = mkdtemp(name.data()); }
  ~Folder() { fs::remove_all(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string operator/(const std::string& file) const { return (path / file).string(); }
  std::string name = fs::temp_directory_path() / "assay-export-XXXXXX";
  fs::path path;
};

JointExport export_of(std::vector<JointExport::File> files) {
  JointExport exported;
  exported.files = std::move(files);
  return exported;
}

std::string why_not(const JointExport& exported, const std::string& path, bool folder, bool force = false) {
  try {
    write_exported(exported, path, folder, force);
  } catch (const Error& error) {
    return error.message();
  }
  return {};
}

JointChoice choice(const std::string& name) {
  JointChoice made;
  made.format.name = name;
  return made;
}
}  // namespace

TEST_CASE("a folder of files is written with its folders; the same again changes nothing") {
  const Folder folder;
  const JointExport exported = export_of({{"a/one.json", "1"}, {"a/b/two.json", "2"}, {"three.json", ""}});
  const WrittenFiles first = write_exported(exported, folder / "out", true, false);
  CHECK(first.written == 3);
  CHECK(first.unchanged == 0);
  CHECK(read_file(folder / "out/a/b/two.json") == "2");
  const auto time = fs::last_write_time(folder / "out/a/one.json");
  const WrittenFiles again = write_exported(exported, folder / "out", true, false);
  CHECK(again.written == 0);
  CHECK(again.unchanged == 3);
  CHECK(fs::last_write_time(folder / "out/a/one.json") == time);
}

TEST_CASE("further files of the same export join those that are there") {
  const Folder folder;
  write_exported(export_of({{"one.json", "1"}}), folder / "out", true, false);
  const WrittenFiles more =
      write_exported(export_of({{"one.json", "1"}, {"two.json", "2"}}), folder / "out", true, false);
  CHECK(more.written == 1);
  CHECK(more.unchanged == 1);
}

TEST_CASE("a folder with foreign files, or a file with other content, is refused and nothing is written") {
  const Folder folder;
  fs::create_directories(folder / "out/deep");
  write_file(folder / "out/deep/notes.txt", "mine");
  const JointExport exported = export_of({{"new.json", "n"}, {"one.json", "1"}});
  CHECK(why_not(exported, folder / "out", true) ==
        "the folder holds 1 file not of this export (deep/notes.txt); nothing overwritten");
  CHECK_FALSE(fs::exists(folder / "out/new.json"));

  fs::remove_all(folder / "out/deep");
  write_file(folder / "out/one.json", "other");
  CHECK(why_not(exported, folder / "out", true) == "it is there already with other content; nothing overwritten");
  CHECK_FALSE(fs::exists(folder / "out/new.json"));
  CHECK(read_file(folder / "out/one.json") == "other");

  write_file(folder / "out/notes.txt", "mine");
  const WrittenFiles forced = write_exported(exported, folder / "out", true, true);
  CHECK(forced.written == 2);
  CHECK(read_file(folder / "out/one.json") == "1");
  CHECK(read_file(folder / "out/notes.txt") == "mine");
}

TEST_CASE("a single file is written as it is named; other content is refused without --force") {
  const Folder folder;
  const JointExport exported = export_of({{folder / "c.csv", "a,b\n"}});
  CHECK(write_exported(exported, folder / "c.csv", false, false).written == 1);
  CHECK(write_exported(exported, folder / "c.csv", false, false).unchanged == 1);
  const JointExport other = export_of({{folder / "c.csv", "a,c\n"}});
  CHECK(why_not(other, folder / "c.csv", false) == "it is there already with other content; nothing overwritten");
  CHECK(write_exported(other, folder / "c.csv", false, true).written == 1);
  CHECK(read_file(folder / "c.csv") == "a,c\n");
}

TEST_CASE("a folder in place of a file and a file in place of a folder are refused") {
  const Folder folder;
  write_file(folder / "file", "x");
  CHECK(why_not(export_of({{"one.json", "1"}}), folder / "file", true) ==
        "that is a file; this export is a folder of files");
  CHECK(why_not(export_of({{folder.path.string(), "1"}}), folder.path.string(), false) ==
        "that is a folder; this export is one file");
}

TEST_CASE("names made from data never lead out of the folder, not by links either") {
  const Folder folder;
  for (const char* name : {"../x.json", "/tmp/x.json", "a/../../x.json", "", "a/"}) {
    CAPTURE(name);
    CHECK(why_not(export_of({{"first.json", "1"}, {name, "x"}}), folder / "out", true) ==
          "a file of the export has a name that leads out of its folder");
    CHECK_FALSE(fs::exists(folder / "out/first.json"));
  }
  fs::create_directories(folder / "out");
  write_file(folder / "outside", "kept");
  fs::create_symlink(folder / "outside", folder / "out/one.json");
  CHECK_FALSE(why_not(export_of({{"one.json", "1"}}), folder / "out", true, true).empty());
  CHECK(read_file(folder / "outside") == "kept");
}

TEST_CASE("two files of one name are refused") {
  const Folder folder;
  CHECK(why_not(export_of({{"a.json", "1"}, {"./a.json", "2"}}), folder / "out", true) ==
        "two files of the export have this name; nothing overwritten");
}

TEST_CASE("forms are found by name and variant; an unknown variant names those there are") {
  const std::vector<JointChoice> choices = {choice("comments"), choice("comments:legacy"), choice("convokit")};
  CHECK(find_joint(choices, "comments:legacy").at(0).format.name == "comments:legacy");
  CHECK(find_joint(choices, "convokit").at(0).format.name == "convokit");
  CHECK(find_joint(choices, "tiger").empty());
  try {
    find_joint(choices, "comments:legcy");
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(error.message() == "export comments:legcy: comments has no such variant; did you mean comments:legacy?");
    CHECK(error.hint() == "there are: comments, comments:legacy");
  }
}
