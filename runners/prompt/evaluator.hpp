#pragma once
// Walks the tree of one template for one rendering. One thread at a time; deep recursion moves to a helper thread with
// a large stack while the first one waits.

#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "runners/prompt/ast.hpp"
#include "runners/prompt/macro.hpp"
#include "runners/prompt/runtime.hpp"

namespace assay::prompt {

/// Names bound in one block of the template. A macro keeps the scope it was defined in.
struct Scope {
  explicit Scope(std::shared_ptr<Scope> outer) : parent(std::move(outer)) {}
  const Value* find(std::size_t name) const;
  void set(std::size_t name, Value value);
  void clear();

  std::shared_ptr<Scope> parent;

 private:
  std::vector<std::pair<std::size_t, Value>> few_;
  std::unordered_map<std::size_t, Value> many_;
};

using ScopePtr = std::shared_ptr<Scope>;

class Evaluator {
 public:
  Evaluator(const ParsedTemplate& parsed, Runtime& runtime, const Value& context, const Value& fallbacks)
      : parsed_(parsed), runtime_(runtime), context_(context), fallbacks_(fallbacks) {}
  ~Evaluator();
  Evaluator(const Evaluator&) = delete;
  Evaluator& operator=(const Evaluator&) = delete;

  std::string run();

 private:
  // Statements.
  void run_block(const Block& block, const ScopePtr& scope, std::string& out);
  void run_statement(const Statement& statement, const ScopePtr& scope, std::string& out);
  void run_for(const Statement& loop, const ScopePtr& scope, std::string& out);
  void run_if(const Statement& branch, const ScopePtr& scope, std::string& out);
  void run_with(const Statement& with, const ScopePtr& scope, std::string& out);
  void run_filter_block(const Statement& block, const ScopePtr& scope, std::string& out);
  void define_macro(const Statement& macro, const ScopePtr& scope);
  /// What a block prints in a scope of its own, filtered when `chain` is not null.
  Value capture(const Block& body, const Expression* chain, const ScopePtr& scope);
  void bind(const Target& target, const Value& value, const ScopePtr& read, const ScopePtr& write);

  // Expressions.
  Value evaluate(const Expression& node, const ScopePtr& scope);
  Value evaluate_name(const Expression& node, const ScopePtr& scope);
  Value evaluate_sequence(const Expression& node, const ScopePtr& scope);
  Value evaluate_map(const Expression& node, const ScopePtr& scope);
  Value evaluate_item(const Expression& node, const ScopePtr& scope);
  Value evaluate_call(const Expression& node, const ScopePtr& scope);
  Value evaluate_filter(const Expression& node, const ScopePtr& scope);
  Value evaluate_test(const Expression& node, const ScopePtr& scope);
  Value evaluate_choice(const Expression& node, const ScopePtr& scope);
  Value evaluate_compare(const Expression& node, const ScopePtr& scope);
  Value evaluate_arithmetic(const Expression& node, const ScopePtr& scope);
  Value evaluate_concat(const Expression& node, const ScopePtr& scope);
  Arguments evaluate_arguments(const CallArguments& arguments, const ScopePtr& scope);

  Value call(const Value& callee, Arguments arguments, std::size_t offset);
  Value call_macro(const MacroData& macro, Arguments arguments, std::size_t offset);
  Value call_macro_here(const MacroData& macro, Arguments& arguments, std::size_t offset);
  Value call_function(const std::string& name, const Arguments& arguments);

  const ParsedTemplate& parsed_;
  Runtime& runtime_;
  const Value& context_;
  const Value& fallbacks_;
  std::vector<ScopePtr> kept_;                         ///< scopes that macros point into
  std::vector<std::shared_ptr<NamespaceData>> names_;  ///< emptied at the end: they may hold themselves
  const Value* filter_input_ = nullptr;                ///< of the filter block being evaluated
  const std::string* open_text_ = nullptr;             ///< what the innermost block prints to
  std::size_t macro_depth_ = 0;
  bool large_stack_ = false;
};

}  // namespace assay::prompt
