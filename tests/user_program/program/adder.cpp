// A user's own program: an experiment that lets a model add two numbers, and the whole shell around it.

#include "app/program.hpp"
#include "core/text/input.hpp"
#include "experiments/arithmetic/arithmetic.hpp"
#include "runners/chat_runner.hpp"

struct Params {
  int A, B;
};
struct Result {
  int sum = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Params, A, B)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Result, sum)

class Adder : public assay::TypedRunner<Params, Result> {
 public:
  Adder(assay::Services services, const std::string& model)
      : services_(services), model_(services.models.callable(model)) {}

  void setup(const Params& params, assay::Run& run, assay::Step&) override {
    run.say("system", "Add the two numbers provided");
    run.say("user", "A: " + std::to_string(params.A) + " B: " + std::to_string(params.B));
  }

  assay::Next step(const Params& params, Result& result, assay::Run& run, assay::Step& step) override {
    assay::ChatRequest request{.messages = assay::chat_messages(run.context)};
    request.hint = assay::Hint{.answer = std::to_string(params.A + params.B)};  // for the built-in model only
    const assay::ChatReply reply = assay::ask(services_.chat, step, "", model_, request);
    run.say("assistant", reply.text);
    result.sum = std::stoi(assay::last_number(reply.text));  // what it throws makes the run FAIL
    return assay::Next::done;
  }

  assay::Score evaluate(const Params& params, const Result& result, assay::Run&, assay::Step&) override {
    return assay::Score::of(result.sum == params.A + params.B);
  }

 private:
  assay::Services services_;
  assay::ModelHandle model_;
};

std::vector<assay::NewRun> load_pairs(const assay::Source& source, const assay::ParameterTexts&) {
  std::vector<assay::NewRun> runs;
  for (assay::Json& pair : assay::parse_json(assay::read_file(source.path), source.name)) {
    runs.push_back({.data = std::move(pair)});
  }
  return runs;
}

int main(int argc, char** argv) {
  assay::Program program;
  program.add_load_function("adder", "two numbers to add", load_pairs,
                            [](const assay::BatchInfo& batch, const assay::Services& services) {
                              return std::make_shared<Adder>(services, batch.model);
                            });
  return program.start_command_line(argc, argv);
}
