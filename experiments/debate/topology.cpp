#include "experiments/debate/topology.hpp"

#include <algorithm>
#include <set>

#include "core/text/error.hpp"

namespace assay {
namespace {

[[noreturn]] void refuse(const std::string& topology, const std::string& why) {
  throw Error("usage", "topology=" + topology + ": " + why, {},
              "full, none, ring, neighbours:K, star, chain, tree, or adj:0<1+2/1<0/2<");
}

std::size_t index_of(const std::string& topology, const std::string& digits, std::size_t limit) {
  if (digits.empty() || digits.size() > 4 || digits.find_first_not_of("0123456789") != std::string::npos) {
    refuse(topology, "'" + digits + "' is no agent's index");
  }
  const auto index = static_cast<std::size_t>(std::stoul(digits));
  if (index >= limit) {
    refuse(topology, "there is no agent " + digits + "; the last is " + std::to_string(limit - 1));
  }
  return index;
}

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const auto end = std::min(text.find(at, begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

std::vector<std::set<std::size_t>> listed(const std::string& topology, std::size_t agents) {
  std::vector<std::set<std::size_t>> reads(agents);
  for (const std::string& part : split(topology.substr(4), '/')) {
    const auto sign = part.find('<');
    if (sign == std::string::npos) refuse(topology, "'" + part + "' has no '<'");
    const std::size_t reader = index_of(topology, part.substr(0, sign), agents);
    if (sign + 1 == part.size()) continue;
    for (const std::string& digits : split(part.substr(sign + 1), '+')) {
      const std::size_t read = index_of(topology, digits, agents);
      if (read == reader) refuse(topology, "agent " + digits + " reads itself (include_self=yes shows its own reply)");
      reads[reader].insert(read);
    }
  }
  return reads;
}

}  // namespace

std::vector<std::vector<std::size_t>> readers_of(const std::string& topology, std::size_t agents) {
  std::vector<std::set<std::size_t>> reads(agents);
  const auto add = [&](std::size_t reader, std::size_t read) {
    if (reader != read) reads[reader].insert(read);
  };
  if (topology.starts_with("adj:")) {
    reads = listed(topology, agents);
  } else if (topology.starts_with("neighbours:")) {
    const std::size_t k = index_of(topology, topology.substr(11), 101);
    for (std::size_t i = 0; i < agents; ++i) {
      for (std::size_t d = 1; d <= std::min(k, agents); ++d) {
        add(i, (i + d) % agents);
        add(i, (i + agents - d % agents) % agents);
      }
    }
  } else {
    for (std::size_t i = 0; i < agents; ++i) {
      for (std::size_t j = 0; j < agents; ++j) {
        bool read = false;
        if (topology == "full") {
          read = true;
        } else if (topology == "ring") {
          read = j == (i + 1) % agents;
        } else if (topology == "star") {
          read = i == 0 || j == 0;
        } else if (topology == "chain") {
          read = j + 1 == i;
        } else if (topology == "tree") {
          read = i == 0 || j != 0;
        } else if (topology != "none") {
          refuse(topology, "unknown");
        }
        if (read) add(i, j);
      }
    }
  }
  std::vector<std::vector<std::size_t>> sorted;
  for (const auto& one : reads) sorted.emplace_back(one.begin(), one.end());
  return sorted;
}

}  // namespace assay
