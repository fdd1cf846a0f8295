// What of a configuration is refused, and how it is said. Specs: discussion.md 14.

#include <doctest/doctest.h>

#include <algorithm>

#include "experiments/discussion/loading.hpp"
#include "load_room.hpp"

using namespace assay;

TEST_CASE("bad input: file, key or place, value, what is allowed; nothing is loaded") {
  LoadRoom room;
  room.write_inputs();
  room.write("empty.json", "");
  room.write("none.json", "[]");
  room.write("lacking.json", R"([{"username": "A", "age": 1}])");
  room.write("latin.txt", "caf\xE9");
  room.write("posts.csv", "a,b\n1,2\n");
  std::filesystem::create_directories(room.folder / "no_topics");
  struct Case {
    const char* what;
    std::string from, to;
    ParameterTexts given;
    std::vector<std::string> parts;
  };
  const std::vector<Case> cases = {
      {"missing key", "    num_turns: 8\n", "", {}, {"bad.yml", "g2", "discussions.turn_taking.num_turns is missing"}},
      {"a text for a number",
       "num_turns: 8",
       "num_turns: \"8\"",
       {},
       {"bad.yml:23: discussions.turn_taking.num_turns: \"8\"", "allowed: a whole number, 1"}},
      {"out of range", "num_turns: 8", "num_turns: 0", {}, {"bad.yml:23:", "num_turns: 0", "allowed:"}},
      {"no boolean", "include_mod: true", "include_mod: maybe", {}, {"bad.yml:17:", "\"maybe\"", "true or false"}},
      {"a list for a text",
       "context_prompt: \"You take part in a forum.\"",
       "context_prompt: [1]",
       {},
       {"context_prompt: [1]", "allowed: a text"}},
      {"p beyond 1", "respond_probability: 0.4", "respond_probability: 1.4", {}, {"1.4", "0 to 1"}},
      {"no list", "[\"firm\", \"kind\"]", "{a: 1}", {}, {"moderator_attributes", "a list of texts"}},
      {"unknown policy",
       "\"round_robin\"",
       "\"sometimes\"",
       {},
       {"\"sometimes\"", "round_robin", "random_weighted_legacy"}},
      {"unknown format", "", "", {{"format", "g9"}}, {"format=g9", "auto, g0, g1"}},
      {"unknown behaviour", "", "", {{"behaviour", "odd"}}, {"behaviour=odd", "fixed, syndisco"}},
      {"unknown silence", "", "", {{"silence", "none"}}, {"silence=none", "quotes, blank, or re:REGEX"}},
      {"unknown parameter", "", "", {{"num_user", "3"}}, {"num_user", "did you mean num_users?"}},
      {"missing path",
       "\"user.txt\"",
       "\"/far/away/user.txt\"",
       {},
       {"bad.yml:13: discussions.files.user_instructions_path: \"/far/away/user.txt\"", "tried", room.folder.string()}},
      {"missing typed path", "", "", {{"topics", "nowhere"}}, {"topics=nowhere"}},
      {"empty persona list", "personas.json", "none.json", {}, {"none.json", "no persona"}},
      {"0 bytes of personas", "personas.json", "empty.json", {}, {"empty.json", "empty"}},
      {"empty topics folder", "\"topics\"", "\"no_topics\"", {}, {"no_topics", "no topic"}},
      {"a CSV of something else", "\"topics\"", "\"posts.csv\"", {}, {"posts.csv", "no column conv_id"}},
      {"too many users", "num_users: 3", "num_users: 4", {}, {"num_users: 4", "3 personas"}},
      {"a persona without a field",
       "personas.json",
       "lacking.json",
       {},
       {"lacking.json: position 1", "\"A\"", "no field sex"}},
      {"bad regex", "", "", {{"stop_phrase", "a(b"}}, {"stop_phrase=a(b", "^"}},
      {"a regex without its group", "", "", {{"ban_phrase", "ban"}}, {"ban_phrase=ban", "one group"}},
      {"not UTF-8", "user.txt", "latin.txt", {}, {"latin.txt", "byte 3"}},
      {"bad weights", "", "", {{"weights", R"({"A": -1})"}}, {"weights=", "0 or more"}},
      {"weights of nobody", "", "", {{"weights", R"({"D": 1})"}}, {"\"D\" is none of the personas"}},
      {"speakers of nobody", "", "", {{"turn_policy", "fixed"}, {"speakers", R"(["A","X"])"}}, {"\"X\" is none"}},
      {"fixed without speakers", "", "", {{"turn_policy", "fixed"}}, {"needs speakers"}},
      {"more openings than users",
       "",
       "",
       {{"num_users", "1"}, {"seed_comments", R"([["a","b"]])"}},
       {"opens with 2 comments", "num_users=1"}},
      {"bad map", "", "", {{"map", "x"}}, {"map=x", "FROM:TO"}},
      {"bad root", "", "", {{"root", "/no/such/root"}}, {"root=/no/such/root"}},
      {"not YAML", "discussions:", "discussions: [", {}, {"bad.yml:"}},
      {"block that is none", "  turn_taking:\n", "  turn_taking: 5\n  more:\n", {}, {"turn_taking", "mapping"}},
      {"seed", "", "", {{"seed", "-1"}}, {"seed=-1", "0 to 18446744073709551615"}},
  };
  for (const Case& c : cases) {
    CAPTURE(c.what);
    const std::string text = LoadRoom::config(c.from, c.to);
    if (!c.from.empty()) REQUIRE(text != LoadRoom::config());
    const std::string why = refused_plan(room.write("bad.yml", text), c.given);
    CAPTURE(why);
    CHECK_FALSE(why.empty());
    for (const std::string& part : c.parts) CHECK_MESSAGE(says(why, part), part);
  }
}

TEST_CASE("all problems of a file are told together, at most 20") {
  LoadRoom room;
  room.write_inputs();
  std::string text = LoadRoom::config("num_turns: 8", "num_turns: x");
  text.replace(text.find("num_users: 3"), 12, "num_users: 0");
  text.replace(text.find("\"mod.txt\""), 9, "\"no.txt\"");
  const std::string why = refused_plan(room.write("bad.yml", text));
  CHECK(says(why, "3 problems"));
  for (const char* part : {"num_turns: \"x\"", "num_users: 0", "mod_instructions_path: \"no.txt\""})
    CHECK(says(why, part));

  ParameterTexts many;
  for (const char* name : {"num_turns",
                           "num_users",
                           "num_experiments",
                           "history_ctx_len",
                           "p_respond",
                           "turn_policy",
                           "include_mod",
                           "seed",
                           "max_tokens",
                           "wrap",
                           "trim",
                           "format",
                           "behaviour",
                           "silence",
                           "pairing",
                           "topic_order",
                           "mod_every",
                           "mod_first",
                           "stop_silent",
                           "stop_comments",
                           "stop_tokens",
                           "stop_repeat",
                           "weights"}) {
    many[name] = "x";
  }
  const std::string long_one = refused_plan(room.path("bad.yml"), many);
  CHECK(says(long_one, " more"));
  CHECK(std::count(long_one.begin(), long_one.end(), '\n') == 21);
}
