// peer.hpp - peers for the tests of a client or a server: a client of a server, and a server in a separate thread.
#ifndef PEER_HPP
#define PEER_HPP

#include "check.hpp"

#include <atomic>
#include <future>
#include <thread>

using obe::json_text;

inline obe::client client_of(const obe::server &server)
{
    obe::client client("127.0.0.1", server.port());
    client.set_timeout(test_timeout);
    return client;
}

// Serves with a handler in a thread until it is destroyed.
class server_thread {
public:
    template <class Handler>
    server_thread(obe::server &server, Handler handler)
        : server_(server), stop_(0), thread_([this, handler] {
              server_.serve(
                  [&](const obe::request &next) {
                      if (next.json() == "\"end\"") {
                          stop_ = 1;
                          next.reply(nullptr);
                      } else {
                          handler(next);
                      }
                  },
                  stop_);
          })
    {}
    ~server_thread()
    {
        client_of(server_).tcmd(json_text("\"end\""));
        thread_.join();
    }

private:
    obe::server &server_;
    volatile std::sig_atomic_t stop_;
    std::thread thread_;
};

// Waits for a condition that nothing signals.
#define CHECK_EVENTUALLY(condition) \
    do { \
        const auto limit_ = std::chrono::steady_clock::now() + test_timeout; \
        while (!(condition)) { \
            CHECK(std::chrono::steady_clock::now() < limit_ && #condition); \
            std::this_thread::yield(); \
        } \
    } while (0)

// The result of a call that has to return.
template <class Result> Result result_of(std::future<Result> &future)
{
    CHECK(future.wait_for(test_timeout) == std::future_status::ready);
    return future.get();
}

#endif
