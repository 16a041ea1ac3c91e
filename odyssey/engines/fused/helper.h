// A second thread for the passes of a large network.
#pragma once

#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>

#include "vector.h"

namespace odyssey {

// One thread that waits for work from its owner. Both wait for each other awake for some 20 µs, which a
// sleeper takes to wake up, and then asleep: where other processes want the core it is theirs.
class Helper {
 public:
  // The calling thread's own, started when it is first asked for, and once more in a process that was forked.
  static Helper& own() {
    static thread_local Helper* helper = nullptr;  // never freed: a thread may still wait in it at exit
    if (!helper || helper->process_ != getpid()) helper = new Helper;
    return *helper;
  }

  // Calls f(0) here and f(1) in the other thread; returns when both have. An exception of either is thrown
  // here, the first one's if there are two.
  template <class F>
  void both(F f) {
    std::exception_ptr here, there;
    const auto other = [&] {
      try {
        f(1);
      } catch (...) {
        there = std::current_exception();
      }
    };
    work_ = [](const void* what) { (*static_cast<decltype(&other)>(what))(); };
    what_ = &other;
    change(posted_);
    try {
      f(0);
    } catch (...) {
      here = std::current_exception();
    }
    wait([&] { return done_ == posted_; });
    if (here || there) std::rethrow_exception(here ? here : there);
  }

 private:
  Helper() : process_(getpid()) {
    std::thread([this] {
      for (;;) {
        wait([&] { return done_ != posted_; });
        work_(what_);
        change(done_);
      }
    }).detach();
  }

  template <class Ready>
  void wait(Ready ready) {
    constexpr int kLooks = 500;
    for (int look = 0; look < kLooks; ++look) {
      if (ready()) return;
#if defined(ODYSSEY_INTRINSIC)
      _mm_pause();
#endif
    }
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, ready);
  }
  void change(std::atomic<unsigned>& count) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      ++count;
    }
    changed_.notify_one();  // the other one: only one of the two ever waits
  }

  const pid_t process_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::atomic<unsigned> posted_{0}, done_{0};
  void (*work_)(const void*) = nullptr;
  const void* what_ = nullptr;
};

}  // namespace odyssey
