// A million runs while one types: the real program in a pseudo-terminal, from a key press to the whole answer. Prints a
// table: median and most of some repetitions, beside the bar (DESIGN.md 6; 100 ms where it names none), and what the
// program's memory is before and after. All is done twice: alone, and while about 5,000 results a second arrive.
//
//     bench_million PATH_TO_ASSAY [RUNS [REPEATS]]
//
// Exit status 1 when an answer did not come; a bar that is missed is told, no more: this is a measurement. With
// ASSAY_BENCH_FILE the experiment file is kept there, and used when it is there.

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/bench/million_file.hpp"
#include "tests/support/pty.hpp"

using namespace assay;
using namespace std::chrono_literals;
using assay::test::Pty;

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::string_view kReading = "\x1b[?2004h";  // the editor begins to read a line

double ms_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

struct Row {
  std::string name;
  double bar = 100;
  std::vector<double> ms;
};

/// Of the program: behind a process that is there for the terminal's own shell, its child.
double resident_mib(pid_t front) {
  std::ifstream children("/proc/" + std::to_string(front) + "/task/" + std::to_string(front) + "/children");
  pid_t pid = front;
  children >> pid;
  if (!children) pid = front;
  std::ifstream statm("/proc/" + std::to_string(pid) + "/statm");
  double total = 0, resident = 0;
  statm >> total >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1 << 20);
}

/// A person at the program, who measures.
class Typist {
 public:
  Typist(const std::string& program, const std::string& file, const std::filesystem::path& folder) {
    assay::test::PtyOptions options;
    options.rows = 50;
    options.columns = 120;
    options.folder = folder.string();
    options.environment = {"HOME=" + folder.string()};
    const auto begin = Clock::now();
    pty_.emplace(std::vector<std::string>{program, file}, options);
    seen("start to prompt", 100, wait_for_reading(0) ? ms_since(begin) : -1);
    if (!pty_->wait_for(" runs", 60s)) seen("start to open", 2'000, -1);
    seen("start to open", 2'000, ms_since(begin));
  }

  /// From Enter to the prompt after the answer.
  void command(const std::string& name, const std::string& line, double bar = 100) {
    pty_->send(line);
    settle();
    const std::size_t from = pty_->raw().size();
    const auto begin = Clock::now();
    pty_->send("\r");
    seen(name, bar, wait_for_reading(from) ? ms_since(begin) : -1);
  }
  /// From Tab to what it brings.
  void tab(const std::string& name, const std::string& typed, const std::string& brings) {
    pty_->send(typed);
    settle();
    const std::size_t from = pty_->raw().size();
    const auto begin = Clock::now();
    pty_->send("\t");
    const bool came = pty_->wait_until([&] { return pty_->raw().find(brings, from) != std::string::npos; }, 60s);
    seen(name, 100, came ? ms_since(begin) : -1);
    pty_->send("\x15");
    settle();
  }
  /// From a key to its letter on the screen.
  void key(const std::string& name) {
    const std::size_t from = pty_->raw().size();
    const auto begin = Clock::now();
    pty_->send("x");
    const bool came = pty_->wait_until([&] { return pty_->raw().find('x', from) != std::string::npos; }, 60s);
    seen(name, 20, came ? ms_since(begin) : -1);
    pty_->send("\x15");
    settle();
  }
  /// Begins a command that reads much, stops it; from Ctrl-C to the prompt.
  void stop(const std::string& name, const std::string& line) {
    pty_->send(line);
    settle();
    std::size_t from = pty_->raw().size();
    pty_->send("\r");
    if (!pty_->wait_until([&] { return pty_->raw().find("Ctrl-C", from) != std::string::npos; }, 5s)) {
      wait_for_reading(from);  // it was done before that
      return;
    }
    from = pty_->raw().size();
    const auto begin = Clock::now();
    pty_->send("\x03");
    seen(name, 100, wait_for_reading(from) ? ms_since(begin) : -1);
  }
  bool answers(const std::string& line, const std::string& wanted) {
    pty_->send(line + "\r");
    return pty_->wait_for(wanted, 60s);
  }
  void leave() {
    pty_->send("exit\r");
    if (pty_->wait_for("[d]rain", 500ms)) pty_->send("s\r");
    if (!pty_->exit_status(60s)) failed_ = true;
  }

  std::vector<Row>& rows() { return rows_; }
  double resident() const { return resident_mib(pty_->pid()); }
  bool failed() const { return failed_; }
  std::string screen() const { return pty_->describe(); }

 private:
  bool wait_for_reading(std::size_t from) {
    return pty_->wait_until(
        [&] {
          const std::size_t at = pty_->raw().find(kReading, from);
          return at != std::string::npos && pty_->raw().find("assay>", at) != std::string::npos;
        },
        120s);
  }
  /// Until nothing is drawn for a moment.
  void settle() {
    for (std::size_t before = 0; before != pty_->raw().size();) {
      before = pty_->raw().size();
      pty_->pump(15ms);
    }
  }
  void seen(const std::string& name, double bar, double ms) {
    if (ms < 0) {
      failed_ = true;
      std::printf("NO ANSWER: %s\n%s\n", name.c_str(), pty_->describe().c_str());
      return;
    }
    for (Row& row : rows_) {
      if (row.name == name) return row.ms.push_back(ms);
    }
    rows_.push_back({name, bar, {ms}});
  }

  std::optional<Pty> pty_;
  std::vector<Row> rows_;
  bool failed_ = false;
};

/// Everything once.
void type_everything(Typist& typist) {
  typist.command("ls", "ls");
  typist.command("ls . --page 2", "ls . --page 2");
  typist.command("ls . --page 100", "ls . --page 100");
  typist.command("ls TEXT", "ls q4711", 30);
  typist.command("ls r:REGEX", "ls r:q[0-9]+77$", 60);
  typist.command("ls status:FAIL", "ls status:FAIL");
  typist.command("ls --sort time", "ls --sort time");
  typist.command("ls --sort name", "ls --sort -name");
  typist.command("stats, of a sorted listing", "stats");
  typist.command("ls, a field of data", "ls data.extra.difficulty=3");
  typist.command("ls, a field of answers", "ls answer.value=B");
  typist.command("ls all", "ls all");
  typist.command("stats", "stats");
  typist.command("stats by batch", "stats by batch");
  typist.command("stats by category", "stats by category");
  typist.command("stats by data.extra.year", "stats by data.extra.year");
  typist.command("stats by answer.value", "stats batch:small by answer.value");
  typist.command("compare, of a fifth each", "compare small large");
  typist.command("plot time", "plot time");
  typist.command("plot score by category", "plot score by category");
  typist.command("plot data.extra.year", "plot data.extra.year");
  typist.command("batches", "batches");
  typist.command("errors", "errors all");
  typist.tab("Tab: a batch", "ls batch:su", "survey");
  typist.tab("Tab: a category", "ls category:ph", "physics");
  typist.tab("Tab: a run, early", "ls small:q100000", "q100000");
  typist.tab("Tab: a run, late", "ls survey:s", "s1");
  typist.key("a key");
}

void print(const char* title, const std::vector<Row>& rows) {
  std::printf("\n%-28s %5s %9s %9s %9s\n", title, "n", "median", "most", "bar");
  for (Row row : rows) {
    std::sort(row.ms.begin(), row.ms.end());
    const double median = row.ms[row.ms.size() / 2];
    std::printf("%-28s %5zu %6.1f ms %6.1f ms %6.0f ms%s\n", row.name.c_str(), row.ms.size(), median, row.ms.back(),
                row.bar,
                median > row.bar          ? "  MISSED"
                : row.ms.back() > row.bar ? "  missed once"
                                          : "");
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fputs("usage: bench_million PATH_TO_ASSAY [RUNS [REPEATS]]\n", stderr);
    return 2;
  }
  std::setvbuf(stdout, nullptr, _IOLBF, 0);  // each table is seen when it is there
  const std::size_t runs = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1'000'000;
  const int repeats = argc > 3 ? std::atoi(argv[3]) : 20;
  std::string pattern = (std::filesystem::temp_directory_path() / "assay_million_XXXXXX").string();
  const std::filesystem::path folder = mkdtemp(pattern.data());
  const char* const kept = std::getenv("ASSAY_BENCH_FILE");
  const std::string file = kept != nullptr ? kept : (folder / "x.assay").string();
  if (kept == nullptr || !std::filesystem::exists(file)) {
    const auto begin = Clock::now();
    bench::make_million(file, runs, "sim/default?latency=const:20ms");
    std::printf("%s runs made in %.1f s, %.0f MB\n", std::to_string(runs).c_str(), ms_since(begin) / 1000,
                static_cast<double>(std::filesystem::file_size(file)) / 1e6);
  }
  bool failed = false;
  {
    Typist typist(argv[1], file, folder);
    typist.stop("Ctrl-C while it reads", "stats by data.question");
    const double open = typist.resident();
    type_everything(typist);
    const double first = typist.resident();
    print("the first time", typist.rows());
    typist.rows().clear();
    for (int i = 0; i < repeats; ++i) type_everything(typist);
    print("after that", typist.rows());
    std::printf("memory: %.0f MiB open (%.0f bytes a run), %.0f after all once, %.0f after %d times more\n", open,
                open * (1 << 20) / static_cast<double>(runs), first, typist.resident(), repeats);
    typist.rows().clear();
    // The job ends with what was planned, in a minute of a million: fewer repetitions.
    if (!typist.answers("run_n 100 batch:planned", "job #1")) failed = true;
    const double before = typist.resident();
    for (int i = 0; i < std::max(1, repeats / 5); ++i) type_everything(typist);
    typist.answers("jobs", "#1");
    print("while results arrive", typist.rows());
    std::printf("memory: %.0f MiB before, %.0f after\n%s", before, typist.resident(), typist.screen().c_str());
    typist.leave();
    failed = failed || typist.failed();
  }
  std::filesystem::remove_all(folder);
  return failed ? 1 : 0;
}
