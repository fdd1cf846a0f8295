#pragma once
// Who takes part in a discussion, what it begins with, and the streams behind it: the same for the same seed, on every
// machine. It stands in run.data["design"]. Specs: discussion.md 3. Values and pure functions: any thread.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/statistics/named_stream.hpp"
#include "core/text/json.hpp"

namespace assay {

struct Participant {
  std::string name;                     ///< unique among the participants
  Json persona;                         ///< the object as the file has it, its keys in their order
  std::vector<std::string> attributes;  ///< of a generated experiment (g0, g1): used as they stand; else empty
  bool troll = false;                   ///< has the troll instructions
};

struct Opening {
  std::string name, text;  ///< who says it, what
  std::string topic;       ///< the file's name; "" without a file
};

struct DiscussionDesign {
  std::string id;  ///< UUID version 4
  std::uint64_t seed = 0;
  std::string cell;                ///< of an independent grid, else ""
  std::uint64_t index = 0;         ///< position in the batch
  std::uint64_t epoch = 1;         ///< repeats differ in their model seeds only
  std::vector<Participant> users;  ///< in sampled order
  std::vector<Opening> openings;
  std::string moderator = "moderator";
  std::vector<std::string> speakers;  ///< fixed by a design file, or by turn_policy=fixed; else empty
};

Json to_json(const DiscussionDesign& design);
DiscussionDesign design_from(const Json& value);

/// "{seed}/{cell}/{index}/{purpose}".
NamedStream design_stream(const DiscussionDesign& design, std::string_view purpose);
NamedStream design_stream(std::uint64_t seed, std::string_view cell, std::uint64_t index, std::string_view purpose);

/// k of 0 .. n-1 without replacement: a[j] and a[j + below(n-j)] change places, for j in 0 .. k-1. k <= n.
std::vector<std::size_t> sample(NamedStream& stream, std::size_t n, std::size_t k);

/// What is drawn from: the pools as the loader has read them.
struct DesignPools {
  std::vector<Participant> personas;
  /// One entry a topic: the comments that it opens with (more than one: a thread). Empty: discussions without opening.
  std::vector<std::vector<Opening>> openings;
  /// g4: one entry a conversation: its candidates, of which stream seed_rows draws one. Empty: `openings` is it.
  std::vector<std::vector<std::vector<Opening>>> candidates;
};
struct DesignRequest {
  std::uint64_t seed = 0;
  std::string cell;
  std::uint64_t num_experiments = 1;
  std::size_t num_users = 1;
  bool balanced_topics = false;
  bool first_users_open = false;  ///< g5: the first users in sampled order speak the openings
  double troll_chance = 0;        ///< 0: nobody is asked for
  bool refuse_equal_names = false;
};

/// The discussions of one batch. Equal names among the sampled users, and the moderator's, become NAME_2, NAME_3 ..:
/// each counted in
/// `*renamed` (may be null), or Error "usage" with refuse_equal_names.
std::vector<DiscussionDesign> draw_designs(const DesignPools& pools, const DesignRequest& request,
                                           std::size_t* renamed = nullptr);

/// A design file (3.4). Users are found in `pools.personas` by their name, topics in `topics` (file name -> text).
/// `num_turns[i]`: how many its speakers are; 0: it names none. Throws Error with discussion and place.
struct DesignFile {
  std::optional<std::uint64_t> seed;
  std::vector<std::pair<std::string, DiscussionDesign>> discussions;  ///< name (the run's id) and design
};
DesignFile read_design(const Json& file, const std::string& place, const DesignPools& pools,
                       const std::vector<std::pair<std::string, std::string>>& topics);
/// The same form, of runs: {"assay_design":1,"seed":..,"discussions":[..]}. `speakers`: whether the turn order is
/// named.
Json design_file(const std::vector<std::pair<std::string, DiscussionDesign>>& discussions);

/// A new UUID version 4, from the system's random numbers.
std::string random_uuid();

}  // namespace assay
