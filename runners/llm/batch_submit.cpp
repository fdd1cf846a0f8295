// Files go to a provider and come back, over its API. Every id is committed before the next step; a step that may have
// happened unseen (the program died in it) is looked for there before it is done again. Specs: models.md 7.

#include "core/store/kill_point.hpp"
#include "core/text/error.hpp"
#include "runners/llm/batch_api.hpp"
#include "runners/llm/batch_book.hpp"

namespace assay {
namespace {

std::string text_of(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::int64_t number_of(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
}

std::string required_id(const Json& object, const std::string& what) {
  std::string id = text_of(object, "id");
  const bool usable =
      !id.empty() && id.size() <= 256 &&
      id.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:") == std::string::npos;
  if (!usable) throw Error("bad_response", what + " came back without a usable id");
  return id;
}

bool has_ended(const std::string& status) {
  return status == "completed" || status == "failed" || status == "expired" || status == "cancelled";
}

/// "completed 49,990 of 50,000, 10 failed".
std::string progress_of(const Json& batch) {
  std::string line = text_of(batch, "status");
  const auto counts = batch.find("request_counts");
  if (counts != batch.end() && counts->is_object() && number_of(*counts, "total") > 0) {
    line += ", " + std::to_string(number_of(*counts, "completed")) + " of " +
            std::to_string(number_of(*counts, "total")) + " answered";
    if (const auto failed = number_of(*counts, "failed"); failed > 0) line += ", " + std::to_string(failed) + " failed";
  }
  const auto errors = batch.find("errors");
  if (errors != batch.end() && errors->is_object() && errors->contains("data") && errors->at("data").is_array() &&
      !errors->at("data").empty()) {
    line += ": " + text_of(errors->at("data").front(), "message");
  }
  return line;
}

/// The model of a file, with the key and address of today.
BatchApi api_for(const BatchBookParts& parts, const std::string& entry, const BulkDesk::Interrupted& interrupted) {
  return {{parts.store, parts.transport, parts.secrets, parts.version, interrupted},
          parts.models.callable_pinned(parse_json(entry, "entry"))};
}

}  // namespace

std::vector<std::string> BatchBook::each(const std::vector<std::string>& names, const std::string& nothing,
                                         const std::function<bool(const File&)>& fits,
                                         const std::function<std::string(File)>& act) {
  const std::vector<File> files = chosen(names, fits);
  if (files.empty()) throw Error("empty", nothing, {}, "`bulk list` shows the files");
  std::vector<std::string> lines;
  std::optional<Error> first;
  bool any = false;
  for (const File& file : files) {
    try {
      lines.push_back(act(file));
      any = true;
    } catch (const Error& error) {
      if (error.kind() == "interrupted") throw;
      if (!first) first = Error(error.kind(), error.message(), file.name, error.hint());
      lines.push_back(file.name + ": " + error.what() + (error.hint().empty() ? "" : " [" + error.hint() + "]"));
    }
  }
  if (!any) throw Error(first->kind(), first->message(), first->place(), first->hint());
  return lines;
}

std::vector<std::string> BatchBook::submit(const std::vector<std::string>& names, const Interrupted& interrupted) {
  wait_written();
  const std::lock_guard one(command_mutex_);
  return each(
      names, "no file waits to be submitted",
      [this](const File& file) { return file.written && file.batch.empty() && count(file).waiting > 0; },
      [&](File file) { return submit_one(std::move(file), interrupted); });
}

std::string BatchBook::submit_one(File file, const Interrupted& interrupted) {
  if (file.open) throw Error("usage", "its job goes on", {}, "`jobs` shows it; `cancel` ends it");
  if (!file.written) throw Error("usage", "it is not written" + (file.trouble.empty() ? "" : ": " + file.trouble));
  if (!file.batch.empty()) return file.name + ": is there already as " + file.batch;
  // The provider would be paid for all of its lines.
  if (const Counts counts = count(file); counts.waiting == 0) {
    throw Error("usage", "no call waits in it", {}, "`run_n N` goes on with its runs");
  } else if (counts.waiting < counts.calls) {
    throw Error("usage", "some of its calls have come back already, and would be paid again", {},
                "`bulk release " + file.name + "` gives the others back; the next `run_n` puts them into a new file");
  }
  BatchApi api = api_for(parts_, file.entry, interrupted);
  std::string how = "submitted as ";
  if (file.input_file.empty()) {
    if (file.doing == "uploading") {  // it may be there
      for (const Json& there : api.uploads()) {
        if (there.is_object() && text_of(there, "filename") == file.name &&
            number_of(there, "bytes") == static_cast<std::int64_t>(file.bytes)) {
          file.input_file = required_id(there, "the uploaded file");
        }
      }
    }
    if (file.input_file.empty()) {
      file.doing = "uploading";
      keep(file);
      kill_point("bulk.submit.before_upload");
      file.input_file = required_id(api.upload(file.path(), file.name), "the uploaded file");
      kill_point("bulk.submit.after_upload");
    }
    file.doing.clear();
    keep(file);
  }
  Json batch;
  if (file.doing == "creating") {
    for (const Json& there : api.batches()) {
      if (there.is_object() && text_of(there, "input_file_id") == file.input_file) batch = there;
    }
    if (!batch.is_null()) how = "found again as ";
  }
  if (batch.is_null()) {
    file.doing = "creating";
    keep(file);
    kill_point("bulk.submit.before_create");
    batch = api.create(file.input_file);
    kill_point("bulk.submit.after_create");
  }
  file.batch = required_id(batch, "the batch");
  file.status = text_of(batch, "status");
  file.doing.clear();
  keep(file);
  return file.name + ": " + how + file.batch + ", " + file.status;
}

std::string BatchBook::refresh(File& file, const Interrupted& interrupted) {
  const Json batch = api_for(parts_, file.entry, interrupted).batch(file.batch);
  file.status = text_of(batch, "status");
  const auto id = [&](const char* name) {
    return text_of(batch, name).empty() ? "" : required_id({{"id", batch.at(name)}}, name);
  };
  file.output_file = id("output_file_id");
  file.error_file = id("error_file_id");
  return file.name + ": " + progress_of(batch);
}

std::vector<std::string> BatchBook::status(const std::vector<std::string>& names, const Interrupted& interrupted) {
  const std::lock_guard one(command_mutex_);
  return each(
      names, "no file is with a provider", [](const File& file) { return !file.batch.empty() && !file.collected; },
      [&](File file) {
        if (file.batch.empty()) throw Error("usage", "it was not submitted", {}, "`bulk submit`");
        std::string line = refresh(file, interrupted);
        if (has_ended(file.status) && !file.collected) line += "; `bulk collect` brings it in";
        keep(file);
        return line;
      });
}

std::vector<std::string> BatchBook::cancel(const std::vector<std::string>& names, const Interrupted& interrupted) {
  const std::lock_guard one(command_mutex_);
  return each(
      names, "no file is with a provider",
      [](const File& file) { return !file.batch.empty() && !file.collected && !has_ended(file.status); },
      [&](File file) {
        if (file.batch.empty()) throw Error("usage", "it was not submitted", {}, "`bulk release` gives its calls back");
        const Json batch = api_for(parts_, file.entry, interrupted).cancel(file.batch);
        file.status = text_of(batch, "status");
        keep(file);
        return file.name + ": " + file.status;
      });
}

BulkImport BatchBook::collect(const std::vector<std::string>& names, std::vector<std::string>& lines,
                              const Interrupted& interrupted) {
  BulkImport sum;
  lines = each(
      names, "no file is with a provider", [](const File& file) { return !file.batch.empty() && !file.collected; },
      [&](File file) {
        if (file.batch.empty()) throw Error("usage", "it was not submitted", {}, "`bulk submit`");
        std::string progress;
        {
          const std::lock_guard one(command_mutex_);
          progress = refresh(file, interrupted);
          keep(file);
        }
        if (!has_ended(file.status)) return progress;
        const std::string stem = file.path().substr(0, file.path().size() - std::string_view(".jsonl").size());
        for (const auto& [id, path] : {std::pair{file.output_file, stem + ".output.jsonl"},
                                       std::pair{file.error_file, stem + ".errors.jsonl"}}) {
          if (id.empty()) continue;
          api_for(parts_, file.entry, interrupted).download(id, path);
          kill_point("bulk.collect.downloaded");
          sum += import(path, interrupted);
        }
        file.collected = true;
        const std::lock_guard one(command_mutex_);
        keep(file);
        return progress;
      });
  return sum;
}

}  // namespace assay
