#include "experiments/discussion/parameters.hpp"

#include <iterator>

#include "experiments/discussion/loading.hpp"

namespace assay {
namespace {

using Form = ValueForm;

constexpr double kMostCounted = 1e9, kMostRuns = 1e6;
/// The estimate walks through them, and a run keeps them all in one context.
constexpr double kMostTurns = 10'000;

/// How both kinds ask models and treat their texts.
std::vector<ParameterRow> common_rows() {
  return {
      {"model", Form::text, "", "who speaks: a name of the models file; else the session's model"},
      {"pseudoname", Form::text, "", "what files call the model; else its name"},
      {"format",
       Form::choice,
       "auto",
       "prompts and files of this generation; auto: that of the input, else g2",
       {"auto", "g0", "g1", "g2", "g3", "g4", "g5"}},
      {"behaviour",
       Form::choice,
       "fixed",
       "syndisco: its faults too, each of which can be set alone",
       {"fixed", "syndisco"}},
      {"seed", Form::seed, "", "0 .. 2^64-1, of all that is drawn; drawn and printed when it is not given"},
      {"disallowed", Form::texts, "", R"(texts that are cut out of replies, as JSON: ["a","b"])"},
      {"trim", Form::boolean, "", "blanks at the ends of replies are cut; false for g0-g3, true for g4, g5"},
      {"wrap",
       Form::wrap,
       "",
       "width at which comments are wrapped in prompts, or none; 70, g5: 900000",
       {},
       1,
       kMostCounted},
      {"max_tokens",
       Form::integer,
       "",
       "most tokens of a reply; g0: 512, else what the provider says",
       {},
       1,
       kMostCounted},
      {"temperature", Form::number, "", "sent when given", {}, 0, 100},
      {"top_p", Form::number, "", "sent when given", {}, 0, 1},
      {"model_seed", Form::model_seed, "run", "run: one of each call's own, derived from seed; off; or a number"},
      {"library_type",
       Form::choice,
       "",
       "llama_cpp: its stop words are sent (g0); transformers: none",
       {"transformers", "llama_cpp"}},
      {"stop_words", Form::texts, "", "stop strings, as JSON; [] for none"},
      {"persona_style",
       Form::choice,
       "auto",
       "how g0 prompts list a persona",
       {"auto", "fields", "fields_sex", "phrases", "phrases_intent"}},
      {"root", Form::path, "", "folder below which paths of the file are looked for by their last components"},
      {"map", Form::text, "", "FROM:TO, a prefix of paths of the file and what stands for it; ; between several"},
      {"skip_bad", Form::boolean, "false", "results: damaged files are left out and listed"},
      {"write_dir", Form::path, "", "folder that gets each result file when its run ends"},
      {"logs_dir", Form::path, "", "folder of the log; else what `logging` of the file says"},
  };
}

std::vector<ParameterRow> joined_rows(std::vector<ParameterRow> own) {
  std::vector<ParameterRow> common = common_rows();
  own.insert(own.end(), std::make_move_iterator(common.begin()), std::make_move_iterator(common.end()));
  return own;
}

}  // namespace

const std::vector<ParameterRow>& discussion_rows() {
  static const std::vector<ParameterRow> kRows = joined_rows({
      {"num_experiments", Form::integer, "", "how many discussions", {}, 1, kMostRuns},
      {"num_users", Form::integer, "", "users of a discussion, drawn from personas", {}, 1, kMostCounted},
      {"num_turns", Form::integer, "", "calls to users in a discussion", {}, 1, kMostTurns},
      {"history_ctx_len", Form::history, "", "how many comments the next speaker sees, or all", {}, 0, kMostCounted},
      {"turn_policy", Form::policy, "", "who speaks next; round_robin unless the file says another"},
      {"p_respond", Form::number, "", "policy respond: how often the one before the last answers; 0.5", {}, 0, 1},
      {"include_mod", Form::boolean, "", "whether there is a moderator; true"},
      {"context", Form::text, "", "the context sentence of the system prompts"},
      {"moderator_attributes", Form::texts, "",
       R"(traits of the moderator, as JSON; ["just","strict","understanding"])"},
      {"personas", Form::path, "", "personas: a JSON file, or a folder of them"},
      {"topics", Form::path, "", "opening comments: a folder of text files, or the CSV of g4"},
      {"user_instructions", Form::path, "", "text file"},
      {"mod_instructions", Form::path, "", "text file; needed with a moderator"},
      {"troll_instructions", Form::path, "", "text file: some users get these instructions"},
      {"troll_chance", Form::number, "0.3", "with troll_instructions: how likely a user gets them", {}, 0, 1},
      {"mod_model", Form::text, "", "who moderates; else as model"},
      {"mod_pseudoname", Form::text, "", "what files call it"},
      {"selector_model", Form::text, "", "policy llm: who chooses the next speaker; else as model"},
      {"pairing",
       Form::choice,
       "paired",
       "independent: every cell of a grid draws its own designs",
       {"paired", "independent"}},
      {"topic_order",
       Form::choice,
       "random",
       "balanced: every topic once in as many discussions as there are topics",
       {"random", "balanced"}},
      {"include_seed", Form::boolean, "true", "false: no opening comment, no topics needed"},
      {"seed_comments", Form::openings, "", R"(openings in place of topics, as JSON: ["A", ["B", "a reply to B"]])"},
      {"moderator_persona", Form::object, "", "JSON object, or a file of one, for g4 and g5 prompts"},
      {"mod_every", Form::integer, "1", "the moderator is asked after every so many comments", {}, 1, kMostCounted},
      {"mod_first", Form::boolean, "false", "the moderator is asked once before the first turn"},
      {"mod_silence_slot", Form::boolean, "", "an empty moderator comment takes a place in the history; false"},
      {"silence", Form::silence, "", "what counts as silence: quotes, blank, re:REGEX; quotes"},
      {"biased_start", Form::boolean, "", "round_robin_random_start draws its start as SynDisco 2.2 did; false"},
      {"stop_phrase", Form::pattern, "", "regex: a comment that matches ends the discussion"},
      {"stop_silent", Form::integer, "0", "so many silent user turns in a row end it; 0: never", {}, 0, kMostCounted},
      {"stop_comments", Form::integer, "0", "so many comments end it; 0: never", {}, 0, 1e15},
      {"stop_tokens", Form::integer, "0", "so many tokens end it; 0: never", {}, 0, 1e15},
      {"stop_repeat",
       Form::number,
       "0",
       "ROUGE-L of a user's comments twice in a row that ends it; 0: never",
       {},
       0,
       1},
      {"ban_phrase", Form::naming_pattern, "", "regex with one group: the user whom the moderator names leaves"},
      {"weights", Form::weights, "", R"(policy weighted, as JSON: {"username": 2}; others 1)"},
      {"speakers", Form::names, "", R"(policy fixed, as JSON: ["A","B"])"},
      {"names",
       Form::choice,
       "suffix",
       "equal usernames in a discussion: suffix makes NAME_2, error refuses",
       {"suffix", "error"}},
      {"design", Form::path, "", "design file: who speaks, where, about what, in place of drawing it"},
      {"config", Form::path, "", "with a design file as FILE: its configuration"},
  });
  return kRows;
}

const std::vector<ParameterRow>& annotation_rows() {
  static const std::vector<ParameterRow> kRows = joined_rows({
      {"annotators", Form::path, "", "personas: a JSON file, or a folder of them"},
      {"annotation_instructions", Form::path, "", "text file"},
      {"include_mod_comments", Form::boolean, "",
       "whether a moderator's comments are shown and judged; true, g0: false"},
      {"history_ctx_len",
       Form::history,
       "",
       "how many comments the annotator sees, the judged one with them; 3, g0: 4",
       {},
       0,
       kMostCounted},
      {"discussions", Form::text, "", "@BATCH or @QUERY, or a folder or file of results; else those of the same file"},
      {"annotator_context", Form::text, "", "the context sentence; else that of the format"},
      {"parse", Form::pair_pattern, "", "regex of two groups, key and number; else KEY=NUMBER"},
      {"scale", Form::range, "1..5", "LO..HI: numbers outside of it are missing values"},
      {"scale.*", Form::range, "", "the scale of one key: scale.toxicity=1..5"},
      {"skip_silent", Form::boolean, "false", "silent comments are not judged"},
      {"unit", Form::choice, "comment", "discussion: one annotation of the whole", {"comment", "discussion"}},
      {"moderator_by_name", Form::boolean, "", "the moderator is whoever's name contains \"moderator\"; false"},
      {"drop_malformed", Form::boolean, "", "an annotation with one malformed number gives nothing; false"},
  });
  return kRows;
}

std::vector<Parameter> discussion_parameters() { return shown_parameters(discussion_rows()); }

}  // namespace assay
