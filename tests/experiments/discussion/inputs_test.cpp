#include "experiments/discussion/inputs.hpp"

#include <doctest/doctest.h>

#include "load_room.hpp"
#include "shared_discussion.hpp"

using namespace assay;

TEST_CASE("a path is looked for as it is, by map, then by its last components") {
  LoadRoom room;
  room.write("a/config.yml", "");
  const std::string near = room.write("a/data/topics/x.txt", "");
  const std::string up = room.write("data/users/y.txt", "");
  room.write("z.txt", "");
  const PathSearch search{room.folder / "a", "", ""};
  CHECK(find_path(near, search) == near);
  CHECK(find_path("data/topics/x.txt", search) == room.folder / "a/data/topics/x.txt");
  CHECK(find_path("/home/her/data/topics/x.txt", search) == near);
  CHECK(find_path("/home/her/data/users/y.txt", search) == up);
  // One component alone is never enough.
  CHECK_FALSE(find_path("/home/her/z.txt", search));
  CHECK_FALSE(find_path("/home/her/data/users/n.txt", search));
  // Six up is too far.
  std::filesystem::create_directories(room.folder / "1/2/3/4/5/6");
  CHECK(find_path("/x/data/users/y.txt", {room.folder / "1/2/3/4/5", "", ""}) == up);
  CHECK_FALSE(find_path("/x/data/users/y.txt", {room.folder / "1/2/3/4/5/6", "", ""}));
  // root: there and nowhere else.
  CHECK(find_path("/x/topics/x.txt", {room.folder, room.path("a/data"), ""}) == near);
  CHECK_FALSE(find_path("/x/users/y.txt", {room.folder, room.path("a"), ""}));
  // map: whole components; several.
  const std::string map = "/other:/no;/home/her:" + room.path("a");
  CHECK(find_path("/home/her/data/topics/x.txt", {"/", "", map}) == room.folder / "a/data/topics/x.txt");
  CHECK_FALSE(find_path("/home/here/data/topics/q.txt", {"/", "", map}));
}

TEST_CASE("texts lose a byte-order mark and carriage returns, nothing else") {
  LoadRoom room;
  CHECK(read_input_text(room.write("t", "\xEF\xBB\xBF  a\r\nb\rc\n\n")) == "  a\nb\nc\n\n");
  CHECK(read_input_text(room.write("t", "{{ x }}")) == "{{ x }}");
  CHECK(says(refused([&] { read_input_text(room.write("t", "ab\xFF")); }), "byte 2 is not UTF-8"));
}

TEST_CASE("topics: every visible file of the folder, in byte order") {
  LoadRoom room;
  room.write("topics/b.md", "B");
  room.write("topics/B", "capital");
  room.write("topics/a.txt", "");
  room.write("topics/.hidden", "h");
  room.write("topics/below/c.txt", "c");
  std::vector<std::string> notes;
  const Topics topics = read_topics(room.path("topics"), notes);
  REQUIRE(topics.texts.size() == 3);
  CHECK(topics.texts[0].first == "B");
  CHECK(topics.texts[1].first == "a.txt");
  CHECK(topics.texts[2].first == "b.md");
  CHECK(count_saying(notes, "2 entries") == 1);
  CHECK(count_saying(notes, ".hidden, below") == 1);
}

TEST_CASE("topics of a CSV: escalated rows with the row before them, cut to 500 characters") {
  LoadRoom room;
  std::string longest;
  for (int i = 0; i < 501; ++i) longest += "\xC3\xA9";
  const std::string csv =
      room.write("t.csv",
                 "conv_id,message_id,reply_to,user,escalated,text\n"
                 "c2,1,,u,True,first of its conversation\nc2,2,1,v,False,calm\n"
                 "c3,1,,u,False,one\nc1,1,,u,False,\"a, b\"\nc3,2,1,v,True,two\nc3,3,2,u,true,three\n"
                 "c1,2,1,v,True," +
                     longest + "\n");
  std::vector<std::string> notes;
  const Topics topics = read_topics(csv, notes);
  REQUIRE(topics.candidates.size() == 2);
  REQUIRE(topics.candidates[0].size() == 1);
  CHECK(topics.candidates[0][0][0].text == "a, b");
  CHECK(topics.candidates[0][0][1].text == longest.substr(0, 1000));
  REQUIRE(topics.candidates[1].size() == 2);
  CHECK(topics.candidates[1][0][0].text == "one");
  CHECK(topics.candidates[1][1][0].text == "two");
  CHECK(topics.candidates[1][1][1].text == "three");
}

TEST_CASE("personas of every published layout are read") {
  struct Case {
    const char* path;
    Generation generation;
    std::size_t n;
  };
  for (const Case& c :
       {Case{"g2_feb2025/data/discussions_input/personas/personas.json", Generation::g2, 41},
        Case{"g2_feb2025/data/annotation_input/personas/sdb_personas.json", Generation::g2, 11},
        Case{"g2_feb2025/data/annotation_input/personas/default.json", Generation::g2, 1},
        Case{"g4_feb2026/data/discussions_input/personas/personas_generic.json", Generation::g4, 45},
        Case{"g4_feb2026/data/discussions_input/personas/personas_employed.json", Generation::g4, 45},
        Case{"g4_feb2026/data/discussions_input/personas/no_sdbs.json", Generation::g4, 13},
        Case{"g0_nov2024/data/generated_discussions_input/modular_configurations/personas", Generation::g0, 6},
        Case{"g1_jan2025/data/discussions_input/modular_configurations/personas", Generation::g1, 6}}) {
    const auto path = shared_discussion(c.path);
    if (!path) return;
    CAPTURE(c.path);
    std::vector<std::string> warnings;
    CHECK(read_personas(*path, c.generation, warnings).size() == c.n);
    CHECK(warnings.empty());
  }
}

TEST_CASE("what personas may lack depends on the generation") {
  LoadRoom room;
  std::vector<std::string> warnings, notes;
  const std::string lacking = room.write("p.json", R"( {"username": "A", "age": "x", "hobby": "go"})");
  CHECK(read_personas(lacking, Generation::g4, warnings, &notes).at(0).name == "A");
  CHECK(count_saying(notes, "hobby") == 1);
  notes.clear();
  CHECK(read_personas(lacking, Generation::g5, warnings, &notes).at(0).persona.contains("hobby"));
  CHECK(notes.empty());
  CHECK(says(refused([&] { read_personas(lacking, Generation::g3, warnings); }), "no field sex"));
  const std::string intent = LoadRoom::persona("B");
  const auto at = intent.find("special_instructions");
  const std::string old = intent.substr(0, at) + "intent" + intent.substr(at + 20);
  CHECK(read_personas(room.write("i.json", old), Generation::g0, warnings).size() == 1);
  CHECK(says(refused([&] { read_personas(room.path("i.json"), Generation::g1, warnings); }), "special_instructions"));
  CHECK(says(refused([&] { read_personas(room.write("n.json", "[3]"), Generation::g4, warnings); }), "position 1"));
  CHECK(says(refused([&] { read_personas(room.write("c.json", "[{\"username\": "), Generation::g4, warnings); }),
             "c.json"));
  std::filesystem::create_directories(room.folder / "empty");
  CHECK(says(refused([&] { read_personas(room.path("empty"), Generation::g4, warnings); }), "no *.json file"));
}
