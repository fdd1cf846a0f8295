#pragma once
// OpenAI's Batch API (models.md section 7): files and the batches made of them.
//
//   POST /v1/files (multipart: purpose=batch, file), GET /v1/files[/ID[/content]], DELETE /v1/files/ID
//   POST /v1/batches {"input_file_id","endpoint","completion_window":"24h"}, GET /v1/batches[/ID], POST ../ID/cancel
//
// The lines are answered when the batch is done, in the words of the endpoint's provider and by the rules, and charged
// then. The setting `batch` says how it goes:
//   {"validating","in_progress","finalizing","cancelling": durations (0),  "fails": true,
//    "expired","refused","missing": shares of the lines,  "bad_lines","repeated": numbers,  "shuffle": true}
// Used by the server's one thread.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tests/mock_server/server/chat.hpp"

namespace assay::mock {

/// Takes the parts of a multipart/form-data body. Views point into it.
struct FormPart {
  std::string_view name, filename, data;
};
std::vector<FormPart> parse_multipart(std::string_view content_type, std::string_view body);

class Batches {
 public:
  explicit Batches(Chat& chat) : chat_(chat) {}

  static bool takes(std::string_view path);
  /// Throws Error("usage") for a setting `batch` that makes no sense.
  static void check(const Json& setting);

  struct Result {
    const char* error = nullptr;  // the name of an error row
    std::string text;             // its message, else the body
    bool raw = false;             // a file's bytes, no JSON
  };
  /// `path` is without a provider's name in front.
  Result handle(const Route& route, const HttpRequest& request, double now_s);

  void clear();

 private:
  struct File {
    std::string id, name, purpose, bytes, key;
    std::int64_t created = 0;
  };
  struct Line {
    std::string custom_id, text;  // the whole line
  };
  struct Batch {
    std::string id, input, endpoint, window, key, output, errors_file;
    const Shape* shape = nullptr;
    Json metadata, setting, errors = nullptr;
    std::vector<Line> lines;
    double begun_s = 0, cancelled_s = -1;
    std::int64_t created = 0;
    std::uint64_t completed = 0, failed = 0, expired = 0;
    bool executed = false;
  };
  struct Times {
    double validating = 0, in_progress = 0, finalizing = 0, cancelling = 0;
  };

  Result files(const HttpRequest& request, std::string_view rest, double now_s);
  Result upload(const HttpRequest& request);
  Result batches(const Route& route, const HttpRequest& request, std::string_view rest, double now_s);
  Result create(const Route& route, const HttpRequest& request, double now_s);
  static Times times_of(const Batch& batch);
  const char* status_of(const Batch& batch, double now_s) const;
  /// Answers the lines once their time has come.
  void advance(Batch& batch, double now_s);
  void execute(Batch& batch, std::size_t lines, double now_s);
  Json json_of(const Batch& batch, double now_s) const;
  static Json json_of(const File& file);
  std::string add_file(std::string name, std::string purpose, std::string bytes, std::string key);
  static Json read_lines(std::string_view bytes, const std::string& endpoint, std::vector<Line>& lines);

  Chat& chat_;
  std::map<std::string, File, std::less<>> files_;
  std::vector<Batch> batches_;
  std::uint64_t numbered_ = 0;
};

}  // namespace assay::mock
