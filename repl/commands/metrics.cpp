#include "repl/commands/metrics.hpp"

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <thread>

#include "core/text/atomic_file.hpp"
#include "core/text/duration.hpp"
#include "core/text/error.hpp"
#include "core/text/file_there.hpp"
#include "core/text/input.hpp"
#include "repl/commands/files.hpp"
#include "repl/metrics_collector.hpp"
#include "repl/run_list.hpp"
#include "repl/shell.hpp"
#include "repl/views.hpp"

namespace assay {
namespace {

constexpr const char* kUsage = "usage: metrics [FILE [--every 15s]] | metrics off";
constexpr std::string_view kFirstLine = "# HELP assay_info ";

/// A new file may be read by all: the collector is another user's program, and nothing in it is secret.
void write_metrics(const std::string& path, const std::string& text) {
  using std::filesystem::perms;
  const bool fresh = !file_is_there(path);
  AtomicFileOptions options;
  options.compress_by_name = false;
  options.sync = false;  // the next one comes soon
  write_file(path, text, options);
  std::error_code ignored;  // then the owner alone reads it
  if (fresh) {
    std::filesystem::permissions(path, perms::owner_read | perms::owner_write | perms::group_read | perms::others_read,
                                 ignored);
  }
}

}  // namespace

class MetricsWriter {
 public:
  explicit MetricsWriter(MetricsParts parts)
      : parts_(std::move(parts)), collector_(parts_.experiment, parts_.models, parts_.budget) {}

  std::string collect(const std::stop_token& stop) { return collector_.collect(stop); }

  void start(const std::string& path, std::chrono::nanoseconds every) {
    stop();
    path_ = path;
    every_ = every;
    thread_ = std::jthread([this, path, every](const std::stop_token& stop) { work(path, every, stop); });
  }
  bool stop() {
    const bool running = thread_.joinable();
    thread_ = {};
    return running;
  }
  bool running() const { return thread_.joinable(); }
  const std::string& path() const { return path_; }
  std::chrono::nanoseconds every() const { return every_; }

 private:
  void work(const std::string& path, std::chrono::nanoseconds every, const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any woken;
    std::string last_problem;
    while (!stop.stop_requested()) {
      std::string problem;
      try {
        write_metrics(path, collector_.collect(stop));
      } catch (const std::exception& error) {
        problem = error.what();
      }
      if (!stop.stop_requested() && problem != last_problem && parts_.notice) {
        parts_.notice(problem.empty() ? "metrics: " + path + " is written again" : "metrics: " + problem);
      }
      last_problem = problem;
      std::unique_lock lock(mutex);
      woken.wait_for(lock, stop, every, [] { return false; });
    }
  }

  MetricsParts parts_;
  MetricsCollector collector_;
  std::string path_;
  std::chrono::nanoseconds every_{0};
  std::jthread thread_;  // last: it ends before what it uses
};

namespace {

/// A stop token that Ctrl-C asks for.
class StopByInterrupt {
 public:
  explicit StopByInterrupt(Shell& shell)
      : watcher_([this, &shell](const std::stop_token& done) {
          while (!done.stop_requested() && !shell.interrupted())
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
          if (!done.stop_requested()) stop_.request_stop();
        }) {}
  std::stop_token token() const { return stop_.get_token(); }

 private:
  std::stop_source stop_;
  std::jthread watcher_;
};

void refuse_other_file(const std::string& path) {
  if (!file_is_there(path)) return;
  const std::string there = read_file(path, 64U << 20);
  if (there.empty() || there.starts_with(kFirstLine)) return;
  throw Error("file", "there is such a file, and it holds no metrics of assay; nothing was written", path,
              "name another file");
}

void metrics(MetricsWriter& writer, Shell& shell, const Arguments& arguments, Reply& reply) {
  if (arguments.size() == 0) {
    if (arguments.has("--every")) throw Error("usage", "metrics --every: into which file?", {}, kUsage);
    const StopByInterrupt stop(shell);
    const std::string text = writer.collect(stop.token());
    reply.result["text"] = text;
    reply.block(text.substr(0, text.size() - 1));
    reply.paged = true;
    if (writer.running()) {
      reply.line(StyledText().add(
          "# " + writer.path() + " is written every " + format_duration(writer.every()) + "; `metrics off` ends it",
          TextRole::dim));
    }
    return;
  }
  const std::string& path = arguments.at(0);
  if (path == "off") {
    const bool ran = writer.stop();
    reply.line(ran ? writer.path() + " is no longer written; it stays as it is" : "no file is being written");
    reply.result["was_on"] = ran;
    return;
  }
  refuse_experiment_file(shell, path);
  refuse_other_file(path);
  {
    const StopByInterrupt stop(shell);
    write_metrics(path, writer.collect(stop.token()));  // what is wrong with the file is said at once
  }
  reply.result["file"] = path;
  if (!arguments.has("--every")) {
    reply.line("metrics written to " + path);
    return;
  }
  const std::chrono::nanoseconds every = parse_duration(arguments.flags.at("--every"));
  if (every < std::chrono::seconds(1)) throw Error("usage", "--every is at least 1s", {}, kUsage);
  writer.start(path, every);
  reply.line("metrics are written to " + path + " every " + format_duration(every) + " until `metrics off` or the end");
  reply.result["every_seconds"] = std::chrono::duration<double>(every).count();
}

}  // namespace

std::shared_ptr<MetricsWriter> make_metrics_writer(MetricsParts parts) {
  return std::make_shared<MetricsWriter>(std::move(parts));
}

void add_metrics_command(CommandTable& table, std::shared_ptr<MetricsWriter> writer) {
  table.add(
      {"metrics",
       {},
       "looking",
       "metrics [FILE] | metrics off",
       "figures of the experiment as Prometheus text; to a file, once or again and again beside the prompt "
       "(for node_exporter's textfile collector)",
       {"metrics", "metrics /var/lib/node_exporter/assay.prom --every 15s", "metrics off"},
       {{"--every", "DURATION", "write FILE anew so often, until `metrics off` or the end of the program"}},
       0,
       1,
       false,
       true,
       [writer](Shell& shell, const Arguments& arguments, Reply& reply) { metrics(*writer, shell, arguments, reply); },
       [](Shell&, const std::vector<std::string>& before, std::string_view word) {
         std::vector<Candidate> found;
         if (before.size() != 1) return found;
         if (std::string_view("off").starts_with(word)) found.push_back({"off", "write no file any more"});
         for (Candidate& one : complete_file(word)) found.push_back(std::move(one));
         return found;
       }});
}

}  // namespace assay
