#include "runners/prompt/evaluator.hpp"

#include <pthread.h>

#include <algorithm>
#include <exception>
#include <functional>

#include "runners/prompt/filters.hpp"
#include "runners/prompt/loop.hpp"

namespace assay::prompt {
namespace {

constexpr std::size_t kFewNames = 16;
// Worker threads have 256 KiB; a level of the tree takes below 1 KiB of it.
constexpr std::size_t kLevelsOnSmallStack = 60;
constexpr std::size_t kMacrosOnSmallStack = 2;
constexpr std::size_t kLargeStack = std::size_t{256} << 20;

/// Calls `work` on a thread with a large stack, of which only what is used becomes real memory.
void on_large_stack(const std::function<void()>& work) {
  struct Job {
    const std::function<void()>& work;
    std::exception_ptr failure;
  } job{work, nullptr};
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kLargeStack);
  pthread_t thread{};
  const auto entry = [](void* data) -> void* {
    auto* mine = static_cast<Job*>(data);
    try {
      mine->work();
    } catch (...) {
      mine->failure = std::current_exception();
    }
    return nullptr;
  };
  const int refused = pthread_create(&thread, &attributes, entry, &job);
  pthread_attr_destroy(&attributes);
  if (refused != 0) fail("limit", "no memory for a template nested this deeply");
  pthread_join(thread, nullptr);
  if (job.failure) std::rethrow_exception(job.failure);
}

std::size_t tree_depth(const Block& block) {
  std::size_t depth = 0;
  for (const auto& statement : block) {
    for (const auto& value : statement->values) depth = std::max(depth, value != nullptr ? value->depth : 0);
    for (const auto& parameter : statement->parameters) {
      depth = std::max(depth, parameter.fallback != nullptr ? parameter.fallback->depth : 0);
    }
    for (const Block& body : statement->bodies) depth = std::max(depth, 1 + tree_depth(body));
  }
  return depth;
}

}  // namespace

const Value* Scope::find(std::size_t name) const {
  for (const auto& [known, value] : few_) {
    if (known == name) return &value;
  }
  if (many_.empty()) return nullptr;
  const auto at = many_.find(name);
  return at == many_.end() ? nullptr : &at->second;
}

void Scope::set(std::size_t name, Value value) {
  for (auto& [known, old] : few_) {
    if (known == name) {
      old = std::move(value);
      return;
    }
  }
  if (few_.size() < kFewNames) {
    few_.emplace_back(name, std::move(value));
  } else {
    many_[name] = std::move(value);
  }
}

void Scope::clear() {
  few_.clear();
  many_.clear();
}

Evaluator::~Evaluator() {
  for (const auto& names : names_) names->entries.clear();
}

std::string Evaluator::run() {
  std::string out;
  const auto scope = std::make_shared<Scope>(nullptr);
  const auto work = [&] { run_block(parsed_.body, scope, out); };
  large_stack_ = tree_depth(parsed_.body) > kLevelsOnSmallStack;
  if (large_stack_) {
    on_large_stack(work);
  } else {
    work();
  }
  return out;
}

void Evaluator::run_block(const Block& block, const ScopePtr& scope, std::string& out) {
  const std::string* outer = std::exchange(open_text_, &out);
  for (const auto& statement : block) {
    runtime_.set_here(statement->offset);
    runtime_.work();
    if (statement->kind == StatementKind::data) {
      runtime_.work(statement->text.size());
      append(runtime_, out, statement->text);
    } else if (statement->kind == StatementKind::print) {
      const Expression& node = *statement->values.front();
      const Value value = evaluate(node, scope);
      runtime_.set_here(node.offset);
      append_printed(runtime_, out, value);
    } else {
      run_statement(*statement, scope, out);
    }
  }
  open_text_ = outer;
}

void Evaluator::run_statement(const Statement& statement, const ScopePtr& scope, std::string& out) {
  switch (statement.kind) {
    case StatementKind::for_loop:
      return run_for(statement, scope, out);
    case StatementKind::if_block:
      return run_if(statement, scope, out);
    case StatementKind::set: {
      const Value value = evaluate(*statement.values.front(), scope);
      runtime_.set_here(statement.offset);
      return bind(statement.targets.front(), value, scope, scope);
    }
    case StatementKind::set_block: {
      const Value value = capture(statement.bodies.front(), statement.values.front().get(), scope);
      runtime_.set_here(statement.offset);
      return bind(statement.targets.front(), value, scope, scope);
    }
    case StatementKind::with:
      return run_with(statement, scope, out);
    case StatementKind::macro:
      return define_macro(statement, scope);
    case StatementKind::filter_block:
      return run_filter_block(statement, scope, out);
    default:
      return;
  }
}

void Evaluator::run_for(const Statement& loop, const ScopePtr& scope, std::string& out) {
  const Value source = evaluate(*loop.values[0], scope);
  runtime_.set_here(loop.offset);
  const auto data = std::make_shared<LoopData>();
  data->source = source;
  if (source.is_list()) {
    data->items = &source.as_list().items;
  } else {
    data->made = elements(runtime_, source);
    data->items = &data->made;
  }
  const Target& target = loop.targets.front();
  const Expression* condition = loop.values[1].get();
  if (condition != nullptr) {
    data->keeps = [&](const Value& item) {
      runtime_.count_iterations();
      const auto inner = std::make_shared<Scope>(scope);
      runtime_.set_here(loop.offset);
      bind(target, item, inner, inner);
      const Value kept = evaluate(*condition, inner);
      runtime_.set_here(condition->offset);
      return truth(runtime_, kept);
    };
  }
  const Value self = Value::loop(data, source.depth());
  // Whatever way the block is left, nothing of it may be called through the loop afterwards.
  struct Leave {
    LoopData& data;
    ~Leave() {
      data.known_length = data.known_length.value_or(data.index0 + 1);
      data.keeps = nullptr;
      data.over = true;
      data.last_changed.reset();
      data.ahead.clear();
      data.cursor = data.items->size();
    }
  } leave{*data};
  auto inner = std::make_shared<Scope>(scope);
  while (data->advance()) {
    runtime_.set_here(loop.offset);
    runtime_.count_iterations();
    runtime_.work();
    if (inner.use_count() > 1) {
      inner = std::make_shared<Scope>(scope);
    } else {
      inner->clear();
    }
    inner->set(parsed_.loop, self);
    bind(target, *data->current, inner, inner);
    run_block(loop.bodies[0], inner, out);
  }
  if (data->index0 < 0 && loop.bodies.size() > 1) run_block(loop.bodies[1], std::make_shared<Scope>(scope), out);
}

void Evaluator::run_if(const Statement& branch, const ScopePtr& scope, std::string& out) {
  for (std::size_t i = 0; i < branch.values.size(); ++i) {
    const Value value = evaluate(*branch.values[i], scope);
    runtime_.set_here(branch.values[i]->offset);
    if (truth(runtime_, value)) return run_block(branch.bodies[i], scope, out);
  }
  if (branch.bodies.size() > branch.values.size()) run_block(branch.bodies.back(), scope, out);
}

void Evaluator::run_with(const Statement& with, const ScopePtr& scope, std::string& out) {
  const auto inner = std::make_shared<Scope>(scope);
  for (std::size_t i = 0; i < with.targets.size(); ++i) {
    const Value value = evaluate(*with.values[i], scope);
    runtime_.set_here(with.targets[i].offset);
    bind(with.targets[i], value, scope, inner);
  }
  run_block(with.bodies.front(), inner, out);
}

void Evaluator::run_filter_block(const Statement& block, const ScopePtr& scope, std::string& out) {
  const Value value = capture(block.bodies.front(), block.values.front().get(), scope);
  // What a filter made of a block is not escaped again.
  append(runtime_, out, to_text(runtime_, value));
}

void Evaluator::define_macro(const Statement& macro, const ScopePtr& scope) {
  if (kept_.empty() || kept_.back() != scope) kept_.push_back(scope);
  scope->set(macro.name, Value::macro(std::make_shared<const MacroData>(MacroData{&macro, scope.get()})));
}

Value Evaluator::capture(const Block& body, const Expression* chain, const ScopePtr& scope) {
  std::string text;
  {
    const Charge open(&runtime_.meter(), open_text_->capacity());
    run_block(body, std::make_shared<Scope>(scope), text);
  }
  const Value printed = runtime_.text(std::move(text), runtime_.autoescape());
  if (chain == nullptr) return printed;
  const Value* before = std::exchange(filter_input_, &printed);
  const Value filtered = evaluate(*chain, scope);
  filter_input_ = before;
  return filtered;
}

void Evaluator::bind(const Target& target, const Value& value, const ScopePtr& read, const ScopePtr& write) {
  if (target.unpacks) {
    const std::vector<Value> parts = elements(runtime_, value);
    if (parts.size() != target.several.size()) {
      fail_type("cannot unpack " + std::to_string(parts.size()) + " values into " +
                std::to_string(target.several.size()) + " names");
    }
    for (std::size_t i = 0; i < parts.size(); ++i) bind(target.several[i], parts[i], read, write);
  } else if (target.attribute.empty()) {
    write->set(target.name, value);
  } else {
    const Value* found = nullptr;
    for (const Scope* scope = read.get(); scope != nullptr && found == nullptr; scope = scope->parent.get()) {
      found = scope->find(target.name);
    }
    if (found == nullptr || found->kind() != Kind::names) {
      fail("type", "only attributes of a namespace() can be set", target.offset);
    }
    NamespaceData& names = found->as_names();
    runtime_.work();
    if (Value* old = names.find(target.attribute)) {
      *old = value;
    } else {
      names.entries.emplace_back(target.attribute, value);
    }
  }
}

Value Evaluator::call_macro(const MacroData& macro, Arguments arguments, std::size_t offset) {
  if (macro_depth_ >= runtime_.limits().max_depth) {
    fail("limit",
         "macros call each other deeper than " + std::to_string(runtime_.limits().max_depth) + " (prompt.max_depth)");
  }
  ++macro_depth_;
  Value result;
  if (macro_depth_ > kMacrosOnSmallStack && !large_stack_) {
    large_stack_ = true;
    on_large_stack([&] { result = call_macro_here(macro, arguments, offset); });
    large_stack_ = false;
  } else {
    result = call_macro_here(macro, arguments, offset);
  }
  --macro_depth_;
  return result;
}

Value Evaluator::call_macro_here(const MacroData& macro, Arguments& arguments, std::size_t offset) {
  const Statement& definition = *macro.definition;
  const auto& parameters = definition.parameters;
  const ScopePtr outer =
      *std::find_if(kept_.begin(), kept_.end(), [&](const auto& s) { return s.get() == macro.scope; });
  const auto scope = std::make_shared<Scope>(outer);
  const std::size_t given = std::min(arguments.positional.size(), parameters.size());
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Parameter& parameter = parameters[i];
    if (i < given) {
      scope->set(parameter.name, arguments.positional[i]);
      continue;
    }
    const auto named = std::find_if(arguments.named.begin(), arguments.named.end(),
                                    [&](const auto& argument) { return argument.first == parameter.text; });
    if (named != arguments.named.end()) {
      scope->set(parameter.name, named->second);
      arguments.named.erase(named);
    } else if (parameter.fallback != nullptr) {
      scope->set(parameter.name, evaluate(*parameter.fallback, scope));
    } else {
      scope->set(
          parameter.name,
          Value::undefined("the parameter " + parameter.text + " of " + definition.text + " was not given", offset));
    }
  }
  runtime_.set_here(offset);
  if (definition.takes_kwargs) {
    std::vector<std::pair<Value, Value>> rest;
    for (auto& [name, value] : arguments.named) rest.emplace_back(runtime_.text(name), value);
    scope->set(parsed_.kwargs, runtime_.map(std::move(rest)));
  } else if (!arguments.named.empty()) {
    fail_type("the macro " + definition.text + " takes no argument " + arguments.named.front().first);
  }
  if (definition.takes_varargs) {
    const auto begin = arguments.positional.begin() + static_cast<std::ptrdiff_t>(given);
    scope->set(parsed_.varargs, runtime_.list(std::vector<Value>(begin, arguments.positional.end()), ListStyle::tuple));
  } else if (arguments.positional.size() > parameters.size()) {
    fail_type("the macro " + definition.text + " takes at most " + std::to_string(parameters.size()) + " arguments");
  }
  const Charge open(&runtime_.meter(), open_text_->capacity());
  std::string text;
  run_block(definition.bodies.front(), scope, text);
  return runtime_.text(std::move(text), runtime_.autoescape());
}

}  // namespace assay::prompt
