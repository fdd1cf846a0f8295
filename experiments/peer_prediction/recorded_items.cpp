// Items of llm-peer-prediction: matrices per example and mechanism.

#include <algorithm>
#include <cmath>
#include <map>

#include "core/text/error.hpp"
#include "core/text/words.hpp"
#include "experiments/peer_prediction/recorded.hpp"

namespace assay {
namespace {

constexpr double kSame = 1e-9;
/// Names that are told; the others are counted.
constexpr std::size_t kMostNamed = 5;

using Rows = std::vector<std::vector<double>>;

/// An n x n matrix of numbers, NaN for null; false when it is none.
bool read_matrix(const Json& value, std::size_t n, Rows& rows) {
  if (!value.is_array() || value.size() != n) return false;
  rows.assign(n, {});
  for (std::size_t i = 0; i < n; ++i) {
    if (!value[i].is_array() || value[i].size() != n) return false;
    for (const Json& cell : value[i]) {
      if (!cell.is_number() && !cell.is_null()) return false;
      rows[i].push_back(cell.is_null() ? std::nan("") : cell.get<double>());
    }
  }
  return true;
}

bool is_vector(const Json& value, std::size_t n) {
  return value.is_array() && value.size() == n &&
         std::all_of(value.begin(), value.end(), [](const Json& v) { return v.is_number() || v.is_null(); });
}

double mean_of_row(const Rows& rows, std::size_t i) {
  double sum = 0;
  for (std::size_t j = 0; j < rows.size(); ++j) sum += j == i ? 0 : rows[i][j];
  return sum / static_cast<double>(rows.size() - 1);
}

double mean_of_column(const Rows& rows, std::size_t j) {
  double sum = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) sum += j == i ? 0 : rows[i][j];
  return sum / static_cast<double>(rows.size() - 1);
}

class ItemReader {
 public:
  ItemReader(RecordedPeers& recorded, Problems& problems) : recorded_(recorded), problems_(problems) {}

  void take(PeerPart& part, const Json& keys_of_file) {
    const std::string mechanism = item_mechanism(part.value);
    // Aggregates over examples hold the same keys.
    if (mechanism.empty() || !part.value.contains("example_idx") || part.value["example_idx"].is_null()) {
      ignored_.push_back(part.place);
      return;
    }
    const Json keys = part.value.contains("condition_keys") ? part.value["condition_keys"] : keys_of_file;
    if (!take_agents(keys, part.place)) return;
    const Json& index = part.value["example_idx"];
    const std::string id = index.is_string() ? index.get<std::string>() : dump_json(index);
    if (!check_form(mechanism, part)) return;
    Json& items = by_id_[id];
    if (items.is_null()) {
      order_.push_back({index, id});
      items = Json::object();
    }
    if (items.contains(mechanism)) {
      return problems_.add(part.place + ": a second " + mechanism + " of example " + id);
    }
    compare_derived(mechanism, part);
    part.value.erase("condition_keys");
    items[mechanism] = std::move(part.value);
  }

  void ignore(const std::vector<std::string>& names) { ignored_.insert(ignored_.end(), names.begin(), names.end()); }

  void finish() {
    std::stable_sort(order_.begin(), order_.end(), [](const auto& a, const auto& b) {
      return a.first.is_number() && b.first.is_number() &&
             a.first.template get<double>() < b.first.template get<double>();
    });
    for (const auto& [index, id] : order_) {
      NewRun run;
      run.id = id;
      run.data = Json::object({{"recorded", "items"}, {"items", std::move(by_id_[id])}});
      run.status = Status::complete;
      run.steps = 3;
      recorded_.runs.push_back(std::move(run));
    }
    if (!ignored_.empty()) {
      std::vector<std::string> named(
          ignored_.begin(), ignored_.begin() + static_cast<std::ptrdiff_t>(std::min(ignored_.size(), kMostNamed)));
      recorded_.notes.push_back(counted(ignored_.size(), "file that is", "files that are") +
                                " no item of an example left out: " + joined(named, ", ") +
                                (ignored_.size() > kMostNamed ? ", .." : ""));
    }
    if (different_ > 0) {
      recorded_.warnings.push_back(counted(different_, "derived figure differs", "derived figures differ") +
                                   " from what the matrices give, the first: " + first_difference_ +
                                   "; the report is computed from the matrices");
    }
  }

 private:
  bool take_agents(const Json& keys, const std::string& place) {
    if (!keys.is_array() || keys.size() < 2) {
      problems_.add(place + ": condition_keys, the names of the agents, are missing");
      return false;
    }
    if (keys_.is_null()) {
      keys_ = keys;
      first_ = place;
      Json perspectives = Json::array();
      for (const Json& key : keys) perspectives.push_back(Json::object({{"condition", key}}));
      recorded_.agents = peer_agents(perspectives, place + ": condition_keys", problems_);
      for (PeerAgent& agent : recorded_.agents) agent.null_agent = false;
    }
    if (keys == keys_) return true;
    problems_.add(place + ": condition_keys are not those of " + first_);
    return false;
  }

  std::size_t n() const { return keys_.size(); }

  bool check_form(const std::string& mechanism, const PeerPart& part) {
    const auto wrong = [&](const char* key, const std::string& expected) {
      problems_.add(part.place + ": " + key + ": expected " + expected);
      return false;
    };
    const std::string square = std::to_string(n()) + " x " + std::to_string(n()) + " numbers";
    Rows rows;
    const Json& value = part.value;
    if (mechanism == "log") {
      if (value.contains("logp_cond") && !read_matrix(value["logp_cond"], n(), rows)) return wrong("logp_cond", square);
      for (const char* key : {"combined_avgs", "gppm", "logp_base"}) {
        if (value.contains(key) && !is_vector(value[key], n())) return wrong(key, std::to_string(n()) + " numbers");
      }
      return true;
    }
    const char* key = mechanism == "tvd_mi" ? "tvd_mi_matrix" : "win_matrix";
    return read_matrix(value[key], n(), rows) ? true : wrong(key, square);
  }

  void compare(const PeerPart& part, const char* key, const std::function<double(std::size_t)>& f) {
    if (!part.value.contains(key) || !is_vector(part.value[key], n())) return;
    for (std::size_t i = 0; i < n(); ++i) {
      const Json& stated = part.value[key][i];
      const double found = f(i);
      if (!stated.is_number() || !std::isfinite(found)) continue;
      const double given = stated.get<double>();
      if (std::abs(given - found) <= kSame * std::max(1.0, std::abs(given))) continue;
      if (different_++ == 0) {
        first_difference_ = part.place + ": " + key + "[" + std::to_string(i) + "] is " + dump_json(stated) +
                            ", computed " + dump_json(Json(found));
      }
    }
  }

  void compare_derived(const std::string& mechanism, const PeerPart& part) {
    Rows rows;
    const Json& value = part.value;
    if (mechanism == "tvd_mi") {
      read_matrix(value["tvd_mi_matrix"], n(), rows);
      compare(part, "tvd_mi_scores", [&](std::size_t i) { return mean_of_row(rows, i); });
      compare(part, "tvd_mi_bidirectional",
              [&](std::size_t i) { return (mean_of_row(rows, i) + mean_of_column(rows, i)) / 2; });
    } else if (mechanism != "log") {
      read_matrix(value["win_matrix"], n(), rows);
      compare(part, "win_rates", [&](std::size_t i) { return mean_of_row(rows, i); });
    } else if (value.contains("logp_cond") && value.contains("logp_base")) {
      read_matrix(value["logp_cond"], n(), rows);
      Rows gain = rows;
      for (std::size_t i = 0; i < n(); ++i) {
        const Json& base = value["logp_base"][i];
        for (double& cell : gain[i]) cell -= base.is_number() ? base.get<double>() : std::nan("");
      }
      compare(part, "row_avgs", [&](std::size_t i) { return mean_of_row(gain, i); });
      compare(part, "col_avgs", [&](std::size_t i) { return mean_of_column(gain, i); });
      compare(part, "combined_avgs",
              [&](std::size_t i) { return (mean_of_row(gain, i) + mean_of_column(gain, i)) / 2; });
      compare_gppm(part, rows);
    }
  }

  /// gppm_normalized is left alone: it is divided by the token counts of the first item that a process saw.
  void compare_gppm(const PeerPart& part, Rows rows) {
    const Json& value = part.value;
    if (!value.contains("token_counts") || !value["token_counts"].is_array() || value["token_counts"].size() < n()) {
      return;
    }
    const Json& counts = value["token_counts"];
    for (std::size_t i = 0; i < n(); ++i) {
      const Json& count = counts[counts.size() - n() + i];
      for (double& cell : rows[i]) cell *= count.is_number() ? -count.get<double>() : std::nan("");
    }
    compare(part, "gppm", [&](std::size_t i) { return mean_of_column(rows, i); });
  }

  RecordedPeers& recorded_;
  Problems& problems_;
  Json keys_;
  std::string first_, first_difference_;
  std::size_t different_ = 0;
  std::map<std::string, Json> by_id_;
  std::vector<std::pair<Json, std::string>> order_;
  std::vector<std::string> ignored_;
};

}  // namespace

RecordedPeers recorded_items(std::vector<PeerSource>& sources, Problems& problems) {
  RecordedPeers recorded;
  recorded.pairing = "recorded";
  ItemReader reader(recorded, problems);
  for (PeerSource& source : sources) {
    for (PeerPart& part : source.parts) reader.take(part, source.condition_keys);
    reader.ignore(source.ignored);
  }
  reader.finish();
  return recorded;
}

}  // namespace assay
