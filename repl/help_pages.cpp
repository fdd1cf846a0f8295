#include "repl/help_pages.hpp"

#include <algorithm>

namespace assay {

const std::vector<HelpPage>& help_pages() {
  static const std::vector<HelpPage> pages = {
      {"first", "the first ten minutes, line by line",
       R"(The first ten minutes. Type each line and press Enter. Nothing here needs a key, a network or money:
the model that answers is a part of the program, and knows seven of ten answers.

> load qa sample  # 40 questions come in as a batch named qa: 40 runs, one a question
> run_n 8  # asks them all, 8 at a time; go on typing while it works
> status  # how far it is; what is right, wrong, failed
> ls score:INCORRECT  # what was answered wrong, as a numbered list
> detail 1  # everything about the first of that list
> log 1  # what happened to it, with times
> stats all by category  # how well, by category, with intervals
> load qa sample as=better model=sim/qa?accuracy=0.9  # the same questions for a better model
> run_n 8  # asks them; what is answered already is not asked again
> compare qa better  # is it better, and by how much?
> report qa  # the results
> report qa results.html  # the same as a page for a browser
> save night.json  # a copy for others

`exit` leaves. There is nothing to save before: every answer is in the experiment file before it is shown,
even when the computer is switched off. Start the program the same way and go on.

With a model of a provider: export OPENAI_API_KEY=.. before the start, then
> load qa sample model=openai/gpt-4o-mini as=real limit=5  # the same questions for that model
> run_n --estimate 5 all batch:real  # what it would cost; asks nobody
and `run_n 5 all batch:real` asks. `budget 1` before it: never more than one dollar.)"},
      {"query", "how to say which runs a command is about",
       R"(Most commands take a QUERY: which runs. The simplest is a piece of a run's name. A query filters the last
`ls` listing; `ls QUERY` starts from all runs, and `all` reaches all from any command.

> ls geography  # runs with this text in their names
> ls i:GEOGRAPHY  # the same, capitals or not
> ls r:qa:geo.*-[12]$  # a regular expression (RE2)
> ls status:COMPLETE  # by status: READY, INCOMPLETE, COMPLETE, FAIL
> ls score:INCORRECT  # by score: CORRECT, INCORRECT, null
> detail 1  # the first of the last listing
> ls . [1-3]  # its first three: `.` narrows the listing
> ls category:geography  # by what the questions' file says of them
> ls answer:B  # by what was answered
> ls steps>0 time<10s cost=0  # by numbers: several words must all be true
> ls category:geography | category:history  # or
> ls !score:CORRECT  # not
> ls (geography | history) score:INCORRECT  # brackets
> ls batch:qa  # a whole batch
> stats all  # every run, whatever was listed

Fields: status score batch kind model tag err log answer context, category and others of the file, data.PATH,
metric.NAME, steps time cost attempts tokens. The Tab key completes names, fields and values.)"},
      {"keys", "what the keys do", R"(Enter       runs the line; with a quote still open it asks for the rest of it
Tab         completes commands, kinds, files, batches, fields and values; twice: lists what fits
Up, Down    lines typed before, also of earlier days
Ctrl-R      searches them: type a piece, Ctrl-R again for the next, Enter takes it
Ctrl-A, E   to the beginning, the end of the line; Ctrl-W takes back a word, Ctrl-U the line
Ctrl-L      clears the screen
Ctrl-C      throws the line away; while `wait` waits: once, nothing new begins; twice, what is in flight stops
            and goes on another time; three times, the program ends. No answer that has come is lost
Ctrl-D      on an empty line: leaves, as `exit` does
Ctrl-Z      puts the program to sleep; `fg` wakes it

Long output opens in a pager: blank goes on a page, / searches, q leaves it.)"},
      {"scripts", "the same commands without a person",
       R"(Commands stand on lines of their own or between semicolons; # begins a comment.

    assay x -c "load qa sample; run_n 100; report qa results.html"     runs these and leaves
    assay x -f night.txt                                               the same from a file
    assay x --json -c "load qa sample; run_n 8; stats"                 one JSON object a command, for programs

In a script run_n waits until its runs are done. The program's exit status: 0 all went well; 1 a command failed
(the script goes on; `set -e` as its first line stops there); 2 a bad command line; 3 everything was carried out,
but the last execution left FAIL runs; 130 interrupted. A run that failed is asked again by `run_n 8 status:FAIL`.

> stats by category --json  # any listing as JSON, for another program)"},
      {"status words", "READY, INCOMPLETE, FAIL, CORRECT, in doubt ..: what they mean",
       R"(A run is one item (question, debate, ..) and its answer. Its status says whether it was carried out:

READY        not begun
INCOMPLETE   begun: in flight now, or interrupted; `run_n` goes on where it was
COMPLETE     it has an answer, right or wrong
FAIL         an error, not a wrong answer; `errors` groups them, `why RUN` tells one, `run_n 8 status:FAIL` goes on

Its score says whether the answer is right; only COMPLETE runs have one:

CORRECT, INCORRECT
null         not scored: no answer, or nothing to compare it with. Scores are shown with how many have one

in flight    being carried out now
waiting      for other runs of its batch, a rate limit, the budget: `why RUN` says for what
in doubt     a call that was on its way when the program died: it may be paid twice; `calls --in-doubt` lists them
attempt      one execution of a run; `rerun` makes another, `detail RUN --attempt 1` shows an earlier one
batch        the runs of one `load`
[72, 91]     beside a score: 95 % interval; bounds: if all that has no score were wrong, and right)"},
  };
  return pages;
}

const HelpPage* find_help_page(std::string_view name) {
  const auto& pages = help_pages();
  const auto found = std::find_if(pages.begin(), pages.end(), [&](const HelpPage& page) { return page.name == name; });
  return found == pages.end() ? nullptr : &*found;
}

}  // namespace assay
