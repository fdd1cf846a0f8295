#pragma once
// budget: shows and sets what may be spent (models.md 6.3).

#include "core/ledger/budget_book.hpp"
#include "repl/command.hpp"

namespace assay {

/// `book` outlives the table.
void add_budget_command(CommandTable& table, BudgetBook& book);

}  // namespace assay
