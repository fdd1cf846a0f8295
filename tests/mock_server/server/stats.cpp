#include "tests/mock_server/server/stats.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace assay::mock {
namespace {

Json repeats(const std::unordered_map<std::uint64_t, std::uint32_t>& counts) {
  std::uint64_t repeated = 0, extra = 0;
  for (const auto& [id, count] : counts) {
    if (count > 1) ++repeated, extra += count - 1;
  }
  return {{"distinct", counts.size()}, {"repeated", repeated}, {"extra", extra}};
}

// Paths are a client's: a thousand of them are kept apart.
void count_path(std::map<std::string, std::uint64_t, std::less<>>& counts, std::string_view path) {
  const auto found = counts.find(path);
  if (found != counts.end()) {
    ++found->second;
  } else if (counts.size() < 1000) {
    counts.emplace(path, 1);
  }
}

}  // namespace

void Stats::count_other(std::string_view path) {
  ++other_;
  count_path(other_by_path_, path);
}

std::uint64_t Stats::arrived(const Arrival& a) {
  ++requests_;
  ++in_flight_;
  most_in_flight_ = std::max(most_in_flight_, in_flight_);
  if (first_t_ < 0) first_t_ = a.t - origin_s_;
  last_t_ = a.t - origin_s_;
  ++by_key_[a.key];
  count_path(by_path_, a.path);
  if (!a.client_id.empty()) ++client_ids_[XXH3_64bits(a.client_id.data(), a.client_id.size())];
  if (!a.idempotency_key.empty()) {
    ++idempotency_keys_[XXH3_64bits(a.idempotency_key.data(), a.idempotency_key.size())];
  }
  Print& print = prints_[a.fingerprint];
  if (a.t < print.not_before) ++hints_.fingerprint_early;
  if (!key_not_before_.empty()) {
    const auto key = key_not_before_.find(a.key);
    if (key != key_not_before_.end() && a.t < key->second) ++hints_.key_early;
  }
  return ++print.requests;
}

void Stats::decided(double t, std::uint64_t fingerprint, int status) {
  ++by_status_[status];
  t -= origin_s_;
  const auto second = static_cast<std::size_t>(std::max(0.0, t));
  if (second < 10'000'000) {
    if (seconds_.size() <= second) seconds_.resize(second + 1);
    ++(status == 429 ? seconds_[second].rejected : seconds_[second].admitted);
  }
  last_answer_t_ = t;
  log_.push_back({t, static_cast<std::uint32_t>(in_flight_), fingerprint, status});
}

void Stats::ended(std::uint64_t fingerprint, int status, bool sent, bool whole) {
  --in_flight_;
  if (!sent) ++abandoned_;
  if (sent && whole && status == 200) ++prints_[fingerprint].answered;
}

void Stats::hinted(double expires_t, std::uint64_t fingerprint, std::uint64_t key) {
  ++hints_.given;
  Print& print = prints_[fingerprint];
  print.not_before = std::max(print.not_before, expires_t);
  double& lane = key_not_before_.try_emplace(key, -1.0).first->second;
  lane = std::max(lane, expires_t);
}

void Stats::clear(double now_s) {
  Stats fresh;
  fresh.origin_s_ = now_s;
  fresh.open_ = fresh.most_open_ = open_;
  fresh.in_flight_ = fresh.most_in_flight_ = in_flight_;
  fresh.bill_ = std::move(bill_);
  fresh.bill_.clear();
  *this = std::move(fresh);
}

Json Stats::report() const {
  Json statuses = Json::object(), keys = Json::object(), paths = Json::object(), others = Json::object(),
       seconds = Json::array();
  for (const auto& [status, count] : by_status_) statuses[status == 0 ? "none" : std::to_string(status)] = count;
  for (const auto& [key, count] : by_key_) keys[hex(key)] = count;
  for (const auto& [path, count] : by_path_) paths[path] = count;
  for (const auto& [path, count] : other_by_path_) others[path] = count;
  for (const Second& s : seconds_) seconds.push_back({s.admitted, s.rejected});
  std::uint64_t answered = 0, repeated = 0, extra = 0, asked_again = 0;
  for (const auto& [id, print] : prints_) {
    answered += print.answered;
    if (print.answered > 1) ++repeated, extra += print.answered - 1;
    if (print.requests > 1) ++asked_again;
  }
  Json out;
  out["requests"] = requests_;
  out["answered"] = answered;
  out["by_status"] = statuses;
  out["by_key"] = keys;
  out["by_path"] = paths;
  out["connections"] = {{"opened", connections_}, {"open", open_}, {"most_open", most_open_}};
  out["in_flight"] = {{"now", in_flight_}, {"largest", most_in_flight_}};
  out["abandoned"] = abandoned_;
  out["resets"] = resets_;
  out["bad_requests"] = bad_requests_;
  out["other_requests"] = other_;
  out["other_by_path"] = others;
  out["bytes"] = {{"in", bytes_in_}, {"out", bytes_out_}};
  out["first_s"] = first_t_ < 0 ? Json() : Json(first_t_);
  out["last_s"] = last_t_ < 0 ? Json() : Json(last_t_);
  out["duplicates"] = {{"fingerprints", prints_.size()},
                       {"asked_again", asked_again},
                       {"answered_again", repeated},
                       {"extra", extra},
                       {"client_request_ids", repeats(client_ids_)},
                       {"idempotency_keys", repeats(idempotency_keys_)}};
  out["retry_after"] = {
      {"given", hints_.given}, {"fingerprint_early", hints_.fingerprint_early}, {"key_early", hints_.key_early}};
  out["per_second"] = seconds;
  return out;
}

std::string Stats::fingerprints() const {
  std::string out = "{";
  std::array<char, 96> line{};
  for (const auto& [id, print] : prints_) {
    std::snprintf(line.data(), line.size(), "%s\"%s\":{\"requests\":%u,\"answered\":%u}", out.size() == 1 ? "" : ",",
                  hex(id).c_str(), print.requests, print.answered);
    out += line.data();
  }
  return out + "}";
}

std::string Stats::log(std::uint64_t since) const {
  std::string out = "{\"next\":" + std::to_string(log_.size()) + ",\"entries\":[";
  std::array<char, 96> line{};
  for (std::size_t i = since; i < log_.size(); ++i) {
    const Entry& e = log_[i];
    std::snprintf(line.data(), line.size(), "%s[%.4f,\"%s\",%d,%u]", i == since ? "" : ",", e.t,
                  hex(e.fingerprint).c_str(), e.status, e.in_flight);
    out += line.data();
  }
  return out + "]}";
}

}  // namespace assay::mock
