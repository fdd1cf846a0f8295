// run_n, run, rerun, rerun_fails, jobs, wait, pause, resume, width, cancel, stop

#include <charconv>

#include "core/text/duration.hpp"
#include "core/text/error.hpp"
#include "repl/commands/bulk.hpp"
#include "repl/estimate_view.hpp"
#include "repl/open_jobs.hpp"
#include "repl/shell.hpp"
#include "repl/views.hpp"

namespace assay {
namespace {

bool is_number(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
}

JobId parse_job(const std::string& text) {
  const std::string digits = text.starts_with("#") ? text.substr(1) : text;
  return static_cast<JobId>(parse_count(digits, "a job (#J)", 1));
}

struct Lane {
  std::string name, deadline;  // as written: "bulk:out", "07:30"
};

void run_in_lane(Shell& shell, const Lane& chosen, std::size_t width, const Selection& selection, Reply& reply) {
  constexpr std::string_view files = "bulk:", both = "auto";
  const std::string& lane = chosen.name;
  if (lane == both || lane.starts_with("auto:")) {
    if (chosen.deadline.empty())
      throw Error("usage", "lane=auto: until when?", {}, "run_n 100 lane=auto deadline=07:30");
    const std::string folder = lane == both ? "" : lane.substr(both.size() + 1);
    return run_in_auto_lane(shell, folder, chosen.deadline, width, selection, reply);
  }
  if (!chosen.deadline.empty()) throw Error("usage", "deadline= goes with lane=auto");
  if (!lane.starts_with(files) || lane.size() == files.size()) {
    throw Error("usage", "lane=" + lane + ": there is no such lane", {},
                "lane=bulk:DIR writes the calls into files in DIR; lane=auto deadline=HH:MM sends them, too");
  }
  run_into_files(shell, lane.substr(files.size()), width, selection, reply);
}

/// `.. until ci<0.05` at the end: the width, and the words are taken away; 0 without it.
double take_until(Arguments& arguments, std::size_t first) {
  std::size_t at = arguments.size();
  for (std::size_t i = first; i < arguments.size(); ++i) {
    if (arguments.words[i].text == "until" && !arguments.words[i].quoted) at = i;
  }
  if (at == arguments.size()) return 0;
  std::string bound;
  for (std::size_t i = at + 1; i < arguments.size(); ++i) bound += arguments.at(i);
  constexpr std::string_view kBegin = "ci<";
  double width = 0;
  const char* end = bound.data() + bound.size();
  const bool named = bound.starts_with(kBegin);
  const auto read = std::from_chars(bound.data() + (named ? kBegin.size() : bound.size()), end, width);
  if (!named || read.ec != std::errc() || read.ptr != end || !(width > 0 && width <= 1)) {
    throw Error("usage", "until " + bound + ": until what?", {},
                "run_n 8 batch:qa until ci<0.05 begins no new runs when the score's confidence sequence is narrower "
                "than 5 points");
  }
  arguments.words.resize(at);
  return width;
}

void run_n(Shell& shell, const Arguments& arguments, Reply& reply) {
  JobRequest request;
  request.width = parse_count(arguments.at(0), "N (runs in flight)", 1);
  std::size_t first = 1;
  Lane lane;
  for (; arguments.size() > first; ++first) {
    const std::string& word = arguments.at(first);
    if (word.starts_with("lane=")) {
      lane.name = word.substr(5);
    } else if (word.starts_with("deadline=")) {
      lane.deadline = word.substr(9);
    } else {
      break;
    }
  }
  Arguments words = arguments;
  const double narrower = take_until(words, first);
  const std::string query = words.rest(first);
  Selection selection;
  if (query.empty()) {
    selection = shell.select("status:READY | status:INCOMPLETE", true, false);
    if (selection.runs.empty()) {
      const std::size_t all = shell.table().read().size();
      throw Error("empty", all == 0 ? "there are no runs yet" : "no run is READY or INCOMPLETE", {},
                  all == 0 ? "`load KIND FILE` makes some; try `load arithmetic sample`"
                           : "`rerun_fails` runs the failed ones again, `rerun N QUERY` any");
    }
  } else {
    selection = shell.select(query);
  }
  if (arguments.has("--estimate"))
    return show_estimate(estimate(shell.experiment(), selection.runs, request.width), reply);
  if (first > 1 && narrower > 0) throw Error("usage", "until goes without lane=: files are sent as a whole");
  if (first > 1) return run_in_lane(shell, lane, request.width, selection, reply);
  request.runs = selection.runs;
  shell.run_job(request, selection, reply, narrower);
  tell_held(shell, selection, reply);
}

void run_one(Shell& shell, const Arguments& arguments, Reply& reply) {
  const Selection selection = shell.select(arguments.rest(0));
  JobRequest request;
  request.runs = selection.runs;
  shell.run_job(request, selection, reply);
}

/// `rerun 8 QUERY` has a width, `rerun 3` is the third run listed.
void rerun(Shell& shell, const Arguments& arguments, Reply& reply) {
  const bool width = arguments.size() >= 2 && is_number(arguments.at(0));
  JobRequest request;
  request.type = JobType::rerun;
  if (width) request.width = parse_count(arguments.at(0), "N (runs in flight)", 1);
  const Selection selection = shell.select(arguments.rest(width ? 1 : 0));
  request.runs = selection.runs;
  shell.run_job(request, selection, reply);
}

void rerun_fails(Shell& shell, const Arguments& arguments, Reply& reply) {
  JobRequest request;
  request.type = JobType::rerun;
  if (arguments.size() > 0) request.width = parse_count(arguments.at(0), "N (runs in flight)", 1);
  const Selection selection = shell.select("status:FAIL", false, false);
  if (selection.runs.empty()) {
    std::string why = "no run has failed";
    if (selection.outside.value_or(0) > 0)
      why = "no listed run has failed; " + std::to_string(*selection.outside) + " outside the listing did";
    throw Error("empty", why, {}, selection.outside.value_or(0) > 0 ? "`ls status:FAIL`, then rerun_fails" : "");
  }
  request.runs = selection.runs;
  shell.run_job(request, selection, reply);
}

void jobs(Shell& shell, const Arguments&, Reply& reply) {
  Table table({{"job", true, false},
               {"does", false, false},
               {"state", false, true},
               {"N", true, false},
               {"done", true, false},
               {"of", true, false},
               {"FAIL", true, false},
               {"in flight", true, false},
               {"score", true, false},
               {"cost", true, false},
               {"time", true, false}});
  reply.result = Json::array();
  bool growing = false;
  for (const JobFacts& facts : shell.engine().jobs()) {
    const auto count = [](std::uint64_t n) { return count_cell(static_cast<std::int64_t>(n)); };
    const auto watch = shell.score_watch(facts.id);
    const Figure sequence = watch && facts.state != JobFacts::State::done && facts.state != JobFacts::State::cancelled
                                ? watch->look()
                                : Figure{};
    growing = growing || sequence.n > 0;
    const std::string score = sequence.n > 0 ? sequence_text(sequence) + " *"
                              : facts.scored == 0
                                  ? "-"
                                  : ratio_text(static_cast<double>(facts.correct) / static_cast<double>(facts.scored));
    table.row({cell("#" + std::to_string(facts.id), TextRole::name), cell(job_type_text(facts.type)),
               cell(job_state_text(facts) +
                    (facts.waiting_peers > 0 ? ", " + count_text(facts.waiting_peers) + " waiting for peers" : "")),
               count(facts.width), count(facts.ended()), count(facts.selected - facts.cancelled),
               count_cell(static_cast<std::int64_t>(facts.fail), facts.fail > 0 ? TextRole::bad : TextRole::plain),
               count(facts.in_flight), cell(score), cell(format_usd(facts.cost)), cell(seconds_text(facts.seconds))});
    reply.result.push_back(job_json(facts));
  }
  if (table.size() == 0) {
    reply.line("no jobs yet: `run_n N` begins one");
  } else {
    reply.table(table);
    if (growing) {
      reply.line(StyledText().add(
          "* confidence sequence: it holds whenever one looks, over the runs that ended without a gap in the order of "
          "the selection, and speaks for the items in this order",
          TextRole::dim));
    }
  }
}

void wait(Shell& shell, const Arguments& arguments, Reply& reply) {
  const JobId job = arguments.size() == 0 ? 0 : parse_job(arguments.at(0));
  if (job != 0) shell.engine().facts(job);
  shell.wait_for_job(job);
  if (job != 0) reply.result = job_json(shell.engine().facts(job));
}

/// The job named, or every one that is open.
void each_job(Shell& shell, const Arguments& arguments, Reply& reply, const std::function<void(JobId)>& act,
              const std::string& done) {
  reply.result = Json::array();
  std::vector<JobId> chosen;
  if (arguments.size() > 0) {
    chosen.push_back(parse_job(arguments.at(0)));
    shell.engine().facts(chosen.front());
  } else {
    for (const JobFacts& facts : open_jobs(shell.engine())) chosen.push_back(facts.id);
    if (chosen.empty()) throw Error("empty", "no job is in progress");
  }
  for (const JobId job : chosen) {
    act(job);
    reply.line("#" + std::to_string(job) + " " + done);
    reply.result.push_back(job_json(shell.engine().facts(job)));
  }
}

void pause(Shell& shell, const Arguments& arguments, Reply& reply) {
  each_job(
      shell, arguments, reply, [&](JobId job) { shell.engine().pause(job); },
      "paused: no new runs begin, those in flight go on; `resume` goes on");
}

void resume(Shell& shell, const Arguments& arguments, Reply& reply) {
  if (arguments.size() > 0 && !arguments.at(0).starts_with("#") && !is_number(arguments.at(0))) {
    // Runs that in_doubt=hold keeps back: sent again because a person says so.
    const Selection selection = shell.select(arguments.rest(0));
    JobRequest request;
    request.runs = selection.runs;
    request.release_held = true;
    shell.run_job(request, selection, reply);
    return;
  }
  each_job(shell, arguments, reply, [&](JobId job) { shell.engine().resume(job); }, "goes on");
}

void width(Shell& shell, const Arguments& arguments, Reply& reply) {
  const JobId job = parse_job(arguments.at(0));
  const std::uint64_t n = parse_count(arguments.at(1), "N (runs in flight)", 1);
  shell.engine().set_width(job, n);
  reply.line("#" + std::to_string(job) + " runs at most " + format_count(static_cast<std::int64_t>(n)) + " at a time");
  reply.result = job_json(shell.engine().facts(job));
}

void cancel(Shell& shell, const Arguments& arguments, Reply& reply) {
  each_job(
      shell, arguments, reply, [&](JobId job) { shell.engine().cancel(job); },
      "cancelled: what had not begun is dropped from it, runs in flight go on to their end");
}

void stop(Shell& shell, const Arguments& arguments, Reply& reply) {
  const Selection selection = shell.select(arguments.rest(0));
  const std::size_t n = shell.engine().stop(selection.runs);
  reply.line(n == 0 ? "none of these runs is in flight or waits in a job"
                    : format_count(static_cast<std::int64_t>(n)) + (n == 1 ? " run" : " runs") +
                          " stopped: INCOMPLETE, `run_n` goes on with them");
  reply.result["stopped"] = n;
}

std::vector<Candidate> complete_jobs(Shell& shell, const std::vector<std::string>&, std::string_view word) {
  std::vector<Candidate> jobs;
  for (const JobFacts& facts : shell.engine().jobs()) {
    const std::string name = "#" + std::to_string(facts.id);
    if (name.starts_with(word) && facts.state != JobFacts::State::done) jobs.push_back({name, job_state_text(facts)});
  }
  return jobs;
}

}  // namespace

void add_running_commands(CommandTable& table) {
  const std::string group = "running";
  table.add(
      {"run_n",
       {},
       group,
       "run_n N [lane=bulk:DIR | lane=auto deadline=HH:MM] [QUERY] [until ci<W]",
       "execute with at most N runs in flight: every READY and INCOMPLETE run, or those selected; lane=bulk:DIR "
       "writes their calls into files at half the price instead (`help bulk`), lane=auto also sends them and goes "
       "on live an hour before the deadline; until ci<0.05 ends when the score is known to 5 points",
       {"run_n 100", "run_n 8 status:FAIL", "run_n --estimate 100", "run_n 100 lane=bulk:out",
        "run_n 100 lane=auto deadline=07:30", "run_n 100 batch:qa until ci<0.05"},
       {{"--estimate", "", "say what it would take (calls, tokens, money, time), and make no request"}},
       1,
       SIZE_MAX,
       true,
       true,
       run_n,
       [](Shell& shell, const std::vector<std::string>& before, std::string_view word) {
         std::vector<Candidate> found;
         for (const auto& [name, help] : {std::pair("lane=bulk:", "into files of this folder, at half the price"),
                                          std::pair("lane=auto", "sends the files, and goes on live before deadline="),
                                          std::pair("deadline=", "HH:MM, of lane=auto")}) {
           if (!word.empty() && std::string_view(name).starts_with(word)) found.push_back({name, help});
         }
         for (Candidate& one : complete_query(shell, before, word)) found.push_back(std::move(one));
         return found;
       }});
  table.add({"run",
             {"run_one"},
             group,
             "run QUERY",
             "run_n 1 on the selection",
             {"run add:3"},
             {},
             1,
             SIZE_MAX,
             true,
             true,
             run_one,
             complete_query});
  table.add({"rerun",
             {},
             group,
             "rerun [N] QUERY",
             "a new attempt of every selected run, COMPLETE ones too; earlier ones stay readable",
             {"rerun 8 score:INCORRECT"},
             {},
             1,
             SIZE_MAX,
             true,
             true,
             rerun,
             complete_query});
  table.add({"rerun_fails",
             {},
             group,
             "rerun_fails [N]",
             "a new attempt of every failed run",
             {"rerun_fails 8"},
             {},
             0,
             1,
             true,
             true,
             rerun_fails,
             {}});
  table.add({"jobs", {}, group, "jobs", "jobs in progress and those that ended", {}, {}, 0, 0, false, true, jobs, {}});
  table.add({"wait",
             {},
             group,
             "wait [#J]",
             "wait for a job, or for all",
             {"wait #1"},
             {},
             0,
             1,
             false,
             true,
             wait,
             complete_jobs});
  table.add({"pause",
             {},
             group,
             "pause [#J]",
             "begin no new runs until `resume`",
             {"pause #1"},
             {},
             0,
             1,
             true,
             true,
             pause,
             complete_jobs});
  table.add({"resume",
             {},
             group,
             "resume [#J | QUERY]",
             "go on with a paused job; with a query: send held calls again (in_doubt=hold)",
             {"resume #1"},
             {},
             0,
             SIZE_MAX,
             true,
             true,
             resume,
             complete_jobs});
  table.add({"width",
             {},
             group,
             "width #J N",
             "change how many runs of a job are in flight, while it runs",
             {"width #1 200"},
             {},
             2,
             2,
             true,
             true,
             width,
             complete_jobs});
  table.add({"cancel",
             {"cancel_run_n"},
             group,
             "cancel [#J]",
             "drop what has not begun; runs in flight go on to their end",
             {"cancel #1"},
             {},
             0,
             1,
             true,
             true,
             cancel,
             complete_jobs});
  table.add({"stop",
             {},
             group,
             "stop QUERY",
             "interrupt runs in flight: INCOMPLETE, partial work kept, resumed later",
             {"stop add:17", "stop all"},
             {},
             1,
             SIZE_MAX,
             true,
             true,
             stop,
             complete_query});
}

}  // namespace assay
