#pragma once
// A macro as a value. The scope it was defined in is kept alive by the rendering, not by the value.

#include <string>

#include "runners/prompt/ast.hpp"

namespace assay::prompt {

struct Scope;

struct MacroData {
  const Statement* definition;
  Scope* scope;
  const std::string& name() const { return definition->text; }
};

}  // namespace assay::prompt
