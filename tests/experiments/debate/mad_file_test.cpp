// MAD's result files: in, and out again byte for byte.

#include "experiments/debate/mad_file.hpp"

#include <doctest/doctest.h>

#include "core/model/context_text.hpp"
#include "core/text/error.hpp"
#include "experiments/debate/mad_export.hpp"
#include "tests/experiments/debate/debate_files.hpp"

namespace assay {
namespace {

std::string error_of(const std::string& text, const std::string& protocol = "collaborative") {
  std::vector<std::string> warnings;
  try {
    read_mad_file(source_of(text, "d.json"), protocol, warnings);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

std::vector<ImportedDebate> read(const std::string& text, const std::string& protocol = "collaborative") {
  std::vector<std::string> warnings;
  auto debates = read_mad_file(source_of(text, "d.json"), protocol, warnings);
  CHECK(warnings.empty());
  return debates;
}

/// role/agent/round/content of a context, as one text.
std::string outline(const std::vector<ContextMessage>& context) {
  std::string text;
  for (const ContextMessage& message : context) {
    text += message.role.substr(0, 1) + dump_json(message.more["agent"]) + "." + dump_json(message.more["round"]) +
            ":" + message.content.get<std::string>() + " ";
  }
  return text;
}

const char* const kRecord = R"({
    "7": {
        "question": "Sum?",
        "options": [
            "one",
            "tw\u00f6 \ud83d\ude00 \u007f"
        ],
        "answer": "B",
        "category": "x",
        "initial_prompt_used": "p",
        "initial_prompt_file": "in/p.yaml",
        "collaborative_prompt_used": "q",
        "collaborative_prompt_file": "",
        "agent_contexts": [
            [
                {
                    "role": "user",
                    "content": "Go \"now\"\\\b\f\n\r\t\u001b"
                },
                {
                    "role": "assistant",
                    "content": "the correct option is b"
                },
                {
                    "role": "user",
                    "content": "again"
                },
                {
                    "role": "user",
                    "content": "again"
                }
            ],
            []
        ],
        "extracted_answers": [
            null,
            null
        ]
    }
})";

TEST_CASE("a record goes in and comes out with the same bytes: escapes, a failed round, an agent without messages") {
  auto debates = read(kRecord);
  REQUIRE(debates.size() == 1);
  CHECK(debates[0].agents == 2);
  CHECK(debates[0].item.id == "7");
  CHECK(debates[0].item.options[1] == "tw\xC3\xB6 \xF0\x9F\x98\x80 \x7F");
  FakeBatch batch = batch_of(std::move(debates), {{"protocol", "collaborative"}}, "dir/night.json.gz");
  CHECK(batch.runs()[0].data["stored_answers"] == Json::array({nullptr, nullptr}));
  const ExportedFile file = export_mad({&batch});
  CHECK(file.text == kRecord);
  CHECK(file.name == "d.json");
  CHECK(file.runs == 1);
}

TEST_CASE("a debate that goes on from an imported one has its answers extracted, and the prompt that was typed") {
  FakeBatch batch =
      batch_of(read(kRecord), {{"protocol", "collaborative"}, {"agents", 2}, {"rounds", 3}}, "night.json");
  NewRun& run = batch.runs()[0];
  run.data["forked_from"] = {{"run", "a/7"}, {"step", 1}};
  run.context.push_back(debate_message("assistant", "the correct option is A", 0, 3));
  batch.mutable_info().pinned["prompts"] = {{"initial_prompt", {{"name", "debate_initial"}, {"path", ""}}},
                                            {"collaborative_prompt", {{"name", "r"}, {"path", "r.yaml"}}}};
  const Json record = parse_json(export_mad({&batch}).text, "").at("7");
  CHECK(record["extracted_answers"] == Json::array({"A", nullptr}));
  CHECK(record["initial_prompt_used"] == "p");
  CHECK(record["collaborative_prompt_file"] == "r.yaml");
}

TEST_CASE("rounds are counted by user messages; a judge that opens with a message of its own has it in round 0") {
  const std::string chats = R"({"1":{"question":"q","options":["a","b"],"answer":"A","agent_contexts":[
    [{"role":"system","content":"s"},{"role":"user","content":"u1"},{"role":"assistant","content":"a1"},
     {"role":"user","content":"u2"},{"role":"assistant","content":"a2"}],
    [{"role":"user","content":"o"},{"role":"user","content":"j1"},{"role":"assistant","content":"v1"},
     {"role":"user","content":"j2"},{"role":"assistant","content":"v2"}]]}})";
  CHECK(outline(read(chats, "adversarial")[0].context) ==
        "s0.0:s u1.0:o u0.1:u1 a0.1:a1 u1.1:j1 a1.1:v1 u0.2:u2 a0.2:a2 u1.2:j2 a1.2:v2 ");
  CHECK(outline(read(chats)[0].context) ==
        "s0.0:s u0.1:u1 a0.1:a1 u1.1:o u0.2:u2 a0.2:a2 u1.2:j1 a1.2:v1 u1.3:j2 a1.3:v2 ");
}

TEST_CASE("options may be lists of labels and texts; they go out as they came") {
  const std::string text = R"({"q": {"question": "?", "options": {"label": ["A", "B"], "text": ["x", "y"]},
    "answer": "B", "category": "c", "agent_contexts": [[{"role": "user", "content": "u"},
    {"role": "assistant", "content": "it is (b), the correct option is a"}]]}})";
  FakeBatch batch = batch_of(read(text), Json::object(), "c.json");
  CHECK(batch.runs()[0].score.verdict == Verdict::incorrect);
  const Json record = parse_json(export_mad({&batch}).text, "").at("q");
  CHECK(record["options"] == Json{{"label", {"A", "B"}}, {"text", {"x", "y"}}});
  // CommonsenseQA's script looks for "is (X)" only; nothing was stored here, and what is not there stays null.
  CHECK(record["extracted_answers"] == nullptr);
  batch.runs()[0].data.erase("stored_answers");
  CHECK(parse_json(export_mad({&batch}).text, "").at("q")["extracted_answers"] == Json::array({"B"}));
}

TEST_CASE("what is no result file of MAD is refused in one line with its place") {
  const auto record = [](const std::string& inside) { return R"({"9":{"question":"q",)" + inside + "}}"; };
  const std::string good = R"("options":["a","b"],"answer":"A",)";
  CHECK(error_of("[]") == "d.json: it is no object");
  CHECK(error_of("{}") == "d.json: it holds no debate");
  CHECK(error_of("{\"a\":").find("d.json") == 0);
  CHECK(error_of("{\"?\": [[], \"A\"]}") == "d.json: it is a transcript of Du et al.");
  CHECK(error_of(R"({"9":4})") == "d.json, question 9: it is no object, expected a record of a debate");
  CHECK(error_of(record(R"("answer":"A")")) ==
        "d.json, question 9: there is no 'options', expected a list, or {\"label\",\"text\"}");
  CHECK(error_of(record(R"("options":["a","b"],"answer":"C")")) ==
        "d.json, question 9: the answer is \"C\", expected one of A to B");
  CHECK(error_of(record(good + R"("agent_contexts":{})")) ==
        "d.json, question 9: the chats are no list, expected a list with one chat for each agent");
  CHECK(error_of(record(good + R"("agent_contexts":[[{"role":"user"}]])")) ==
        R"(d.json, question 9: message 1 of agent 0 is none, expected {"role","content"})");
  CHECK(error_of(record(good + R"("initial_solutions":[4],"critic_response":null,"synthesizer_response":null)")) ==
        R"(d.json, question 9: 'initial_solutions' holds what is no message, expected {"role","content"})");
  CHECK(error_of(R"({"1":{"question":"q",)" + good + R"("agent_contexts":[]},"2":{"question":"q",)" + good +
                 R"("initial_solutions":[],"critic_response":null,"synthesizer_response":null}})") ==
        "d.json, question 2: this one is of another protocol than those before it");
}

TEST_CASE("a repeated key, as interrupted scripts leave it, is named; the last record counts") {
  std::vector<std::string> warnings;
  const std::string text = R"({"1":{"question":"old","options":[],"answer":2,"agent_contexts":[]},
                               "1":{"question":"new","options":[],"answer":2,"agent_contexts":[]}})";
  const auto debates = read_mad_file(source_of(text, "d.json"), "collaborative", warnings);
  REQUIRE(debates.size() == 1);
  CHECK(debates[0].item.question == "new");
  CHECK(warnings == std::vector<std::string>{"d.json: 1 key stands in it twice; the last one counts"});
}

/// A batch of debates held here.
FakeBatch own_batch(const std::string& protocol, const std::string& format, Json agents) {
  Item item;
  item.id = "7";
  item.question = "Sum?";
  item.options = {"one", "two"};
  item.n_options = 2;
  item.answer = "B";
  item.category = "x";
  item.format = format;
  BatchInfo info;
  info.name = "b";
  info.model = "hub/Org/model:free";
  info.source = "data/my set.jsonl.gz";
  info.params = {{"protocol", protocol}, {"rounds", 2}, {"temperature", 1.0}, {"agents", agents.size()}};
  info.pinned["agents"] = std::move(agents);
  for (const char* name : {"initial_prompt", "collaborative_prompt", "critic_prompt", "synthesizer_prompt",
                           "initial_judge_prompt", "initial_debater_prompt", "debater_1_prompt", "debater_2_prompt"}) {
    info.pinned["prompts"][name] = {{"name", std::string("n/") + name}, {"path", std::string("dir/") + name}};
  }
  NewRun run;
  run.id = "7";
  run.data = to_data(item, Json::object());
  run.status = Status::complete;
  for (std::size_t i = 0; i < info.pinned["agents"].size(); ++i) {
    run.context.push_back(debate_message("user", "go", i, 1));
    run.context.push_back(debate_message("assistant", "so the correct option is b", i, 1));
  }
  if (protocol == "critic_synth") {
    run.context.push_back(debate_message("user", "look", kCritic, 2));
    run.context.push_back(debate_message("assistant", "fine", kCritic, 2));
    run.context.push_back(debate_message("user", "join", kSynthesizer, 3));
    run.context.push_back(debate_message("assistant", "it is (A)", kSynthesizer, 3));
  }
  return FakeBatch(std::move(info), {std::move(run)});
}

TEST_CASE("file names say set, agents, rounds, temperature, model and prompts as MAD's do") {
  const Json two{{{"name", "a"}}, {{"name", "b"}}};
  const Json apart{{{"name", "a"}, {"model", "x/m"}, {"temperature", 0.2}}, {{"name", "b"}, {"model", "y/n"}}};
  const auto name = [](const FakeBatch& batch) { return export_mad({&batch}).name; };
  CHECK(name(own_batch("collaborative", "mmlu_pro", two)) ==
        "mmlu_pro_2agents_2rounds_1.0temp_Org_model:free_n_initial_prompt_n_collaborative_prompt.json");
  CHECK(name(own_batch("collaborative", "generic", apart)) ==
        "my set_2agents_2rounds_mixedtemp_mixed_n_initial_prompt_n_collaborative_prompt.json");
  CHECK(name(own_batch("adversarial", "mmlu_pro", two)) ==
        "mmlu_pro_2agents_2rounds_1.0temp_Org_model:free_n_initial_judge_prompt_n_debater_1_prompt.json");
  CHECK(name(own_batch("adversarial", "csqa_orig", two)) ==
        "commonsense_qa_2agents_2rounds_1.0temp_Org_model:free_n_initial_judge_prompt_n_debater_1_prompt_"
        "n_debater_2_prompt.json");
  FakeBatch phased = own_batch("critic_synth", "csqa", two);
  CHECK(name(phased) ==
        "commonsense_qa_phased_2initial_1.0temp_Org_model_free_n_initial_prompt_n_critic_prompt_n_synthesizer_prompt"
        ".json");
  phased.mutable_info().params["mad_model"] = "A/B:c";
  CHECK(name(phased).find("1.0temp_A_B_c_") != std::string::npos);
}

TEST_CASE("records have MAD's keys in MAD's order, with the prompts of their protocol") {
  const auto keys = [](const Json& record) {
    std::string text;
    for (const auto& [key, value] : record.items()) text += key + " ";
    return text;
  };
  const Json two{{{"name", "a"}}, {{"name", "b"}}};
  Json record = parse_json(
      export_mad({std::make_unique<FakeBatch>(own_batch("adversarial", "mmlu_pro", two)).get()}).text, "")["7"];
  CHECK(keys(record) ==
        "question options answer category initial_prompt_used initial_prompt_file collaborative_prompt_used "
        "collaborative_prompt_file agent_contexts extracted_answers ");
  CHECK(record["initial_prompt_file"] == "dir/initial_judge_prompt");
  CHECK(record["collaborative_prompt_used"] == "n/debater_1_prompt");
  CHECK(record["extracted_answers"] == Json::array({"B", "B"}));
  CHECK(record["agent_contexts"][1] ==
        Json::array({{{"role", "user"}, {"content", "go"}},
                     {{"role", "assistant"}, {"content", "so the correct option is b"}}}));
  const FakeBatch phased = own_batch("critic_synth", "mmlu_pro", two);
  record = parse_json(export_mad({&phased}).text, "")["7"];
  CHECK(keys(record) ==
        "question question_formatted options answer category initial_prompt_used initial_prompt_file "
        "critic_prompt_used critic_prompt_file synthesizer_prompt_used synthesizer_prompt_file num_initial_agents "
        "initial_solutions critic_response synthesizer_response extracted_answer_synthesizer ");
  CHECK(record["question_formatted"] == "Question: Sum?\nOptions:\nA. one\nB. two\n");
  CHECK(record["initial_solutions"].size() == 2);
  CHECK(record["extracted_answer_synthesizer"] == "A");
  // A reply that is missing at the end is no prompt's answer.
  FakeBatch cut = own_batch("collaborative", "mmlu_pro", two);
  cut.runs()[0].context.push_back(debate_message("user", "the correct option is (X)", 1, 2));
  record = parse_json(export_mad({&cut}).text, "")["7"];
  CHECK(record["extracted_answers"] == Json::array({"B", nullptr}));
}

TEST_CASE("only COMPLETE runs go out; several batches of one configuration share a file, others don't") {
  const Json two{{{"name", "a"}}, {{"name", "b"}}};
  FakeBatch first = own_batch("collaborative", "mmlu_pro", two), second = own_batch("collaborative", "mmlu_pro", two);
  second.mutable_info().name = "c";
  second.mutable_info().params["seed"] = 7;
  CHECK_THROWS_WITH(export_mad({&first, &second}), "c: question 7 is in two of the batches: a file holds it once");
  second.runs()[0].id = "8";
  CHECK(export_mad({&first, &second}).runs == 2);
  second.runs()[0].status = Status::fail;
  const ExportedFile file = export_mad({&first, &second});
  CHECK(file.runs == 1);
  CHECK(file.left_out == 1);
  first.runs()[0].status = Status::incomplete;
  CHECK(export_mad({&first}).text == "{}");
  second.mutable_info().params["rounds"] = 3;
  CHECK_THROWS_WITH(export_mad({&first, &second}),
                    "batches b and c differ in rounds: one file holds one configuration");
}

TEST_CASE("published and golden result files come out again with the same bytes") {
  const auto expected = expected_debate();
  if (!expected) return;
  for (const auto& [name, protocol] : {std::pair{"mad/golden/gen.json.gz", "collaborative"},
                                       {"mad/golden/synth.json.gz", "critic_synth"},
                                       {"mad/golden/debate.json.gz", "adversarial"},
                                       {"mad/replay_A.json.gz", "collaborative"},
                                       {"vectors/mad_awkward.json", "collaborative"}}) {
    const auto path = shared_debate(name);
    if (!path) continue;
    std::vector<std::string> warnings;
    FakeBatch batch =
        batch_of(read_mad_file({name, *path, std::nullopt}, protocol, warnings), {{"protocol", protocol}}, name);
    CHECK(warnings.empty());
    const std::string want = read_file(*path);
    CHECK(export_mad({&batch}).text == want);
    // Extracting anew gives what the scripts stored, and so do runs that went through a save file.
    for (NewRun& run : batch.runs()) {
      run.data = parse_json(dump_json(run.data), "");
      run.context = context_from(parse_json(dump_json(context_value(run.context)), ""));
    }
    CHECK(export_mad({&batch}).text == want);
    for (NewRun& run : batch.runs()) run.data.erase("stored_answers");
    CHECK(export_mad({&batch}).text == want);
  }
}

}  // namespace
}  // namespace assay
