// peer.hpp - what a client or a server is tested against: a server in a thread, and a call in a thread of its own.
#ifndef PEER_HPP
#define PEER_HPP

#include "check.hpp"

#include <atomic>
#include <future>
#include <thread>

inline obe::client client_of(const obe::server &server)
{
    obe::client client("127.0.0.1", server.port());
    client.set_timeout(patience);
    return client;
}

// Serves in a thread until it ends; the handler answers, and "end" from anybody ends it too.
class helper {
public:
    template <class Handler>
    helper(obe::server &server, Handler handler)
        : server_(server), thread_([this, handler] {
              server_.serve([&](const obe::request &next) {
                  if (next.json() == "\"end\"")
                      return next.reply("null");
                  handler(next);
                  return false;
              });
          })
    {
    }
    ~helper()
    {
        client_of(server_).tcmd("\"end\"");
        thread_.join();
    }

private:
    obe::server &server_;
    std::thread thread_;
};

// Waits until a condition holds that nothing signals.
#define CHECK_COMES(condition) \
    do { \
        const auto limit_ = std::chrono::steady_clock::now() + patience; \
        while (!(condition)) { \
            CHECK(std::chrono::steady_clock::now() < limit_ && #condition); \
            std::this_thread::yield(); \
        } \
    } while (0)

// The result of a call that has to end.
template <class Result> Result result_of(std::future<Result> &future)
{
    CHECK(future.wait_for(patience) == std::future_status::ready);
    return future.get();
}

#endif
