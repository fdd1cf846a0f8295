#pragma once
// An answer as the bytes that go out and when: pieces with a delay before each, repeated as often as said, at full
// speed or slowly, and what becomes of the connection then. Plain data, made by replies.hpp, sent by server.hpp.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/mock_server/server/latency.hpp"

namespace assay::mock {

struct Piece {
  std::string bytes;
  std::uint64_t repeat = 1;
  Nanos delay{0};  // before every repetition
};

enum class End { keep, close, reset, hang };

struct Answer {
  int status = 0;
  std::vector<Piece> pieces = {};
  End end = End::keep;
  double bytes_per_s = 0;  // 0: as fast as the socket takes it

  /// More bytes, joined to the last piece where nothing lies between.
  void add(std::string_view bytes, Nanos delay = Nanos{0}) {
    if (pieces.empty() || delay.count() > 0 || pieces.back().repeat != 1) {
      pieces.push_back({std::string(bytes), 1, delay});
    } else {
      pieces.back().bytes += bytes;
    }
  }
  void add_repeated(std::string bytes, std::uint64_t repeat, Nanos delay = Nanos{0}) {
    pieces.push_back({std::move(bytes), repeat, delay});
  }
};

}  // namespace assay::mock
