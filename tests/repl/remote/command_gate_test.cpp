// Turns of terminals: one at a time, first come first served, given up when one doesn't want to wait.
#include "repl/command_gate.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>
#include <vector>

using namespace assay;
using namespace std::chrono_literals;

TEST_CASE("one command at a time, whichever terminal it is from") {
  CommandGate gate;
  int inside = 0, together = 0, turns = 0;  // written within turns alone
  std::vector<std::thread> terminals;
  for (int t = 0; t < 6; ++t) {
    terminals.emplace_back([&] {
      for (int i = 0; i < 200; ++i) {
        CommandGate::Turn turn(gate);
        if (!turn.take([] { return false; })) return;
        if (++inside > 1) ++together;
        ++turns;
        --inside;
      }
    });
  }
  for (std::thread& terminal : terminals) terminal.join();
  CHECK(together == 0);
  CHECK(turns == 1'200);
}

TEST_CASE("who gives up waiting is out of the queue, and those behind it come in") {
  CommandGate gate;
  CommandGate::Turn first(gate);
  REQUIRE(first.take([] { return false; }));
  std::atomic<bool> tired{false}, entered{false};
  std::thread second([&] {
    CommandGate::Turn turn(gate);
    CHECK_FALSE(turn.take([&] { return tired.load(); }));
    CHECK_FALSE(turn.held());
  });
  std::this_thread::sleep_for(20ms);
  std::thread third([&] {
    CommandGate::Turn turn(gate);
    entered = turn.take([] { return false; });
  });
  tired = true;
  second.join();
  CHECK_FALSE(entered);
  first.give();
  third.join();
  CHECK(entered);
}

TEST_CASE("those that wait come in in the order in which they came") {
  CommandGate gate;
  std::vector<int> order;
  CommandGate::Turn first(gate);
  REQUIRE(first.take([] { return false; }));
  std::vector<std::thread> waiting;
  for (int i = 0; i < 5; ++i) {
    waiting.emplace_back([&, i] {
      CommandGate::Turn turn(gate);
      if (turn.take([] { return false; })) order.push_back(i);
    });
    std::this_thread::sleep_for(30ms);
  }
  first.give();
  for (std::thread& one : waiting) one.join();
  CHECK(order == std::vector<int>{0, 1, 2, 3, 4});
}
