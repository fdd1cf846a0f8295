// Which names a template takes from its context.

#include <set>

#include "runners/prompt/ast.hpp"
#include "runners/prompt/parser.hpp"

namespace assay::prompt {
namespace {

class Finder {
 public:
  explicit Finder(const ParsedTemplate& parsed) : parsed_(parsed), reported_(parsed.names.size(), false) {}

  std::vector<std::string> run() {
    open();
    walk(parsed_.body);
    close();
    return std::move(found_);
  }

 private:
  struct Level {
    std::set<std::size_t> bound;
    std::vector<std::size_t> later;  ///< used in macros: what the scope binds after them counts too
  };

  void open() { levels_.emplace_back(); }
  void close() {
    // Macros run when the whole scope may have been filled.
    const std::vector<std::size_t> later = std::move(levels_.back().later);
    for (const std::size_t name : later) {
      if (levels_.back().bound.contains(name)) continue;
      if (in_macro_ > 0 && levels_.size() > 1) {
        levels_[levels_.size() - 2].later.push_back(name);
      } else {
        use(name);
      }
    }
    levels_.pop_back();
  }

  bool is_bound(std::size_t name) const {
    for (const Level& level : levels_) {
      if (level.bound.contains(name)) return true;
    }
    return false;
  }

  void use(std::size_t name) {
    if (reported_[name] || is_bound(name)) return;
    const std::string& text = parsed_.names.text(name);
    if (text == "range" || text == "dict" || text == "namespace") return;
    if (in_macro_ > 0) {
      levels_.back().later.push_back(name);
      return;
    }
    reported_[name] = true;
    found_.push_back(text);
  }

  void bind(const Target& target) {
    if (target.unpacks) {
      for (const Target& part : target.several) bind(part);
    } else if (target.attribute.empty()) {
      levels_.back().bound.insert(target.name);
    } else {
      use(target.name);
    }
  }

  void walk(const ExpressionPtr& node) {
    if (node == nullptr) return;
    if (node->kind == ExpressionKind::name) use(node->name);
    for (const auto& part : node->parts) walk(part);
    for (const auto& argument : node->arguments.positional) walk(argument);
    for (const auto& argument : node->arguments.named) walk(argument.second);
    walk(node->arguments.star);
    walk(node->arguments.double_star);
  }

  void walk(const Block& block) {
    for (const auto& statement : block) walk(*statement);
  }

  void walk_scoped(const Block& block) {
    open();
    walk(block);
    close();
  }

  void walk(const Statement& statement) {
    switch (statement.kind) {
      case StatementKind::data:
        return;
      case StatementKind::print:
        return walk(statement.values[0]);
      case StatementKind::for_loop:
        walk(statement.values[0]);
        open();
        bind(statement.targets[0]);
        walk(statement.values[1]);
        levels_.back().bound.insert(parsed_.loop);
        walk(statement.bodies[0]);
        close();
        if (statement.bodies.size() > 1) walk_scoped(statement.bodies[1]);
        return;
      case StatementKind::if_block:
        for (std::size_t i = 0; i < statement.bodies.size(); ++i) {
          if (i < statement.values.size()) walk(statement.values[i]);
          walk(statement.bodies[i]);
        }
        return;
      case StatementKind::set:
        walk(statement.values[0]);
        return bind(statement.targets[0]);
      case StatementKind::set_block:
        walk(statement.values[0]);
        walk_scoped(statement.bodies[0]);
        return bind(statement.targets[0]);
      case StatementKind::with:
        for (const auto& value : statement.values) walk(value);
        open();
        for (const Target& target : statement.targets) bind(target);
        walk(statement.bodies[0]);
        close();
        return;
      case StatementKind::filter_block:
        walk(statement.values[0]);
        return walk_scoped(statement.bodies[0]);
      case StatementKind::macro:
        levels_.back().bound.insert(statement.name);
        ++in_macro_;
        open();
        levels_.back().bound.insert(parsed_.varargs);
        levels_.back().bound.insert(parsed_.kwargs);
        for (const Parameter& parameter : statement.parameters) levels_.back().bound.insert(parameter.name);
        for (const Parameter& parameter : statement.parameters) walk(parameter.fallback);
        walk(statement.bodies[0]);
        close();
        --in_macro_;
        return;
    }
  }

  const ParsedTemplate& parsed_;
  std::vector<bool> reported_;
  std::vector<Level> levels_;
  std::vector<std::string> found_;
  int in_macro_ = 0;
};

}  // namespace

std::vector<std::string> find_free_names(const ParsedTemplate& parsed) { return Finder(parsed).run(); }

}  // namespace assay::prompt
