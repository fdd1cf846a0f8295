#pragma once
// Exports that show runs of several kinds together (JointFormat): which there are, and their files on disk. Any thread.

#include <cstdint>
#include <string>
#include <vector>

#include "core/model/kind.hpp"

namespace assay {

struct JointChoice {
  const Kind* kind = nullptr;  ///< that has it
  JointFormat format;
};
/// All forms of all kinds, in the order of the kinds.
std::vector<JointChoice> joint_choices(const KindRegistry& kinds);
/// The forms of that name: of several kinds, each for its own runs; none: no form of that name, whatever its variant.
/// Throws Error "usage" for an unknown variant, naming those there are.
std::vector<JointChoice> find_joint(const std::vector<JointChoice>& choices, const std::string& text);

struct WrittenFiles {
  std::uint64_t written = 0, unchanged = 0;  ///< unchanged: there already, byte for byte
};
/// Writes an export to `path`, each file whole or not at all; all of it is checked before the first. Without `force` a
/// file with other bytes and, for `folder`, a file that is not of this export are refused. Throws Error "file", also
/// for a name that leads out of the folder.
WrittenFiles write_exported(const JointExport& exported, const std::string& path, bool folder, bool force);

}  // namespace assay
