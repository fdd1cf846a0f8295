#pragma once
// Who reads whom. Specs: debate.md 3. Pure: any thread.

#include <cstddef>
#include <string>
#include <vector>

namespace assay {

/// For each of `agents` the others whose replies it reads, in ascending order: full, none, ring (i+1; the relay of
/// Exchange-of-Thought, Yin et al. 2023), neighbours:K (i-K .. i+K), star (0 reads all, the others 0), chain (i-1),
/// tree (0 reads all, the others each other), adj:0<1+2/1<0/2<. All modulo `agents`; nobody reads itself. Throws Error
/// "usage": an unknown name, an index that is no agent, an agent that reads itself.
std::vector<std::vector<std::size_t>> readers_of(const std::string& topology, std::size_t agents);

}  // namespace assay
