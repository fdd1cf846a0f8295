#include "tests/bench/million_file.hpp"

#include <filesystem>
#include <memory>
#include <vector>

#include "core/store/sqlite_store.hpp"
#include "core/text/hash.hpp"

namespace assay::bench {
namespace {

constexpr WallTime kBegin = 1'763'000'000'000'000;
const char* const kCategories[] = {"math",       "law",        "physics",     "history",   "computer science",
                                   "biology",    "business",   "chemistry",   "economics", "health",
                                   "philosophy", "psychology", "engineering", "other"};

/// The same number for the same question, whoever is asked.
std::uint64_t drawn(std::uint64_t item, const char* what) { return xxh3_64(what, item); }
double share(std::uint64_t item, const char* what) { return static_cast<double>(drawn(item, what) % 10'000) / 10'000; }

std::string letter(std::uint64_t n) { return std::string(1, static_cast<char>('A' + n % 10)); }

NewRun question(std::size_t i) {
  NewRun run;
  run.id = "q" + std::to_string(100'000 + i * 7'919 % 900'001);
  const char* const category = kCategories[drawn(i, "category") % std::size(kCategories)];
  run.data = Json{{"question", "Question " + std::to_string(i) +
                                   " of a test: which of the following statements about the process described above is "
                                   "best supported by what is known?"},
                  {"options", {"the first", "the second", "the third", "the fourth", "none of them"}},
                  {"answer", letter(drawn(i, "gold"))},
                  {"category", category},
                  {"format", "mmlu_pro"},
                  {"extra", {{"difficulty", drawn(i, "difficulty") % 5}, {"year", 1990 + drawn(i, "year") % 35}}}};
  run.facets = {{"category", category}};
  return run;
}

struct Reply {
  Json answer;
  Score score;
  std::vector<ContextMessage> context;
  UsageSum usage;
  double seconds = 0;
};

Reply reply_of(std::size_t i, double ability, const char* model) {
  const bool right = share(i, model) < ability;
  const std::string said = letter(drawn(i, "gold") + (right ? 0 : 1 + drawn(i, model) % 4));
  Reply reply;
  reply.answer = Json{{"value", said}, {"method", "letter"}, {"raw", "The answer is (" + said + ")."}};
  reply.score = Score::of(right).metric("length", static_cast<double>(drawn(i, "length") % 400)).metric("unparsed", 0);
  reply.context = {{"user", "Question " + std::to_string(i) + ", as above, with its options", nullptr},
                   {"assistant", "The answer is (" + said + ").", nullptr}};
  reply.usage = {1, 180, 0, 12, 0, 34'200'000, 0};
  reply.seconds = 0.4 + share(i, "seconds");
  return reply;
}

void fill(NewRun& run, Reply reply) {
  run.status = Status::complete;
  run.answer = std::move(reply.answer);
  run.score = std::move(reply.score);
  run.context = std::move(reply.context);
  run.usage = reply.usage;
  run.steps = 1;
  run.attempts = {{1, Status::complete, {}, reply.seconds}};
}

NewRun open_question(std::size_t i) {
  NewRun run;
  run.id = "s" + std::to_string(i);
  run.data = Json{{"question", "What do you think of matter " + std::to_string(i) + "?"},
                  {"panel", drawn(i, "panel") % 40},
                  {"weight", share(i, "weight")}};
  run.facets = {{"category", kCategories[drawn(i, "panel") % std::size(kCategories)]}};
  run.steps = 1 + static_cast<std::uint32_t>(drawn(i, "steps") % 4);
  if (drawn(i, "fails") % 10 == 0) {
    run.status = Status::fail;
    run.error = {"http", "status " + std::to_string(500 + drawn(i, "status") % 4), "step 1"};
    run.attempts = {{1, Status::fail, run.error, 1.5}};
    return run;
  }
  Reply reply = reply_of(i, 0.6, "survey");
  reply.answer = Json{{"value", "matter " + std::to_string(i) + " is undecided"}};
  fill(run, std::move(reply));
  return run;
}

AddBatch batch_of(Store& store, const std::string& name, const std::string& kind, const std::string& model,
                  std::vector<NewRun> runs) {
  AddBatch add;
  add.info.id = store.next_batch();
  add.info.first = store.next_run();
  add.info.count = static_cast<std::uint32_t>(runs.size());
  add.info.name = name;
  add.info.kind = kind;
  add.info.model = model;
  add.info.params = Json{{"model", model}};
  add.info.created_at = kBegin;
  add.runs = std::make_shared<const std::vector<NewRun>>(std::move(runs));
  return add;
}

/// One attempt of one call for each run of a batch, as the engine writes it.
void execute(Store& store, RunId first, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    Reply reply = reply_of(i, 0.55, "small");
    const RunId run = first + static_cast<RunId>(i);
    const WallTime at = kBegin + static_cast<WallTime>(i) * 1'000;
    SendCall send;
    send.call.id = store.reserve_call();
    send.call.run = run;
    send.call.step = 1;
    send.call.model = "openai/gpt-4o-mini";
    send.call.lane = "OPENAI_API_KEY https://api.openai.com/v1 gpt-4o-mini";
    send.call.last_try.sent_at = at;
    send.call.reserved = 40'000'000;
    send.request = R"({"model":"gpt-4o-mini","messages":[{"role":"user","content":"Question )" + std::to_string(i) +
                   R"(, as above, with its options"}],"temperature":0,"max_tokens":64})";
    send.call.request_hash = xxh3_128(send.request);
    EndCall end_call;
    end_call.call = send.call.id;
    end_call.state = CallState::answered;
    end_call.last_try.sent_at = at;
    end_call.last_try.ended_at = at + 900'000;
    end_call.last_try.http_status = 200;
    end_call.usage = {180, 0, std::nullopt, 12, 0};
    end_call.cost = 34'200'000;
    end_call.priced = true;
    end_call.reply = R"({"id":"chatcmpl-)" + std::to_string(drawn(i, "id")) +
                     R"(","choices":[{"message":{"role":"assistant","content":")" +
                     reply.answer.at("raw").get<std::string>() + R"("},"finish_reason":"stop"}]})";
    EndAttempt end;
    end.run = run;
    end.at = at + 1'000'000;
    end.score = reply.score;
    end.seconds = reply.seconds;
    end.steps = 1;
    end.usage = reply.usage;
    end.answer = dump_json(reply.answer);
    end.context = R"([{"role":"user","content":"Question )" + std::to_string(i) +
                  R"(, as above, with its options"},{"role":"assistant","content":")" +
                  reply.answer.at("raw").get<std::string>() + R"("}])";
    std::vector<Change> changes;
    changes.emplace_back(BeginAttempt{run, 1, at});
    changes.emplace_back(std::move(send));
    changes.emplace_back(std::move(end_call));
    changes.emplace_back(std::move(end));
    store.submit(std::move(changes), {});
  }
}

}  // namespace

void make_million(const std::string& path, std::size_t runs, const std::string& model) {
  for (const char* part : {"", "-wal", "-shm", "-lock", "-reserve"}) std::filesystem::remove(path + part);
  StoreOptions options;
  options.path = path;
  const std::unique_ptr<Store> store = open_sqlite_store(options);
  const std::size_t questions = runs / 5, others = runs * 3 / 10;

  std::vector<NewRun> made(questions);
  for (std::size_t i = 0; i < questions; ++i) made[i] = question(i);
  const RunId first = store->next_run();
  store->write({batch_of(*store, "small", "qa", "openai/gpt-4o-mini", std::move(made))});
  execute(*store, first, questions);

  made.assign(questions, {});
  for (std::size_t i = 0; i < questions; ++i) {
    made[i] = question(i);
    fill(made[i], reply_of(i, 0.7, "large"));
  }
  store->write({batch_of(*store, "large", "qa", "openai/gpt-4o", std::move(made))});

  made.assign(others, {});
  for (std::size_t i = 0; i < others; ++i) made[i] = open_question(i);
  store->write({batch_of(*store, "survey", "qa", "openai/gpt-4o", std::move(made))});

  made.assign(others, {});
  for (std::size_t i = 0; i < others; ++i) {
    made[i].id = std::to_string(i);
    made[i].data = Json{{"A", i % 1'000}, {"B", i / 1'000}};
  }
  store->write({batch_of(*store, "planned", "arithmetic", model, std::move(made))});
  store->flush();
}

}  // namespace assay::bench
