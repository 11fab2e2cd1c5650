// serve: handlers of every kind, their exceptions, the ways to end it, replies that no client reads, several threads.
#include "peer.hpp"

#include <functional>
#include <new>

// Serves in a thread until stop is set. The future has the exception of serve.
template <class Handler>
static std::future<void> serving_until(const volatile std::sig_atomic_t &stop, obe::server &server, Handler handler)
{
    return std::async(std::launch::async, [&server, handler, &stop]() mutable { server.serve(handler, stop); });
}
template <class Handler> static std::future<void> serving(obe::server &server, Handler handler)
{
    return std::async(std::launch::async, [&server, handler]() mutable { server.serve(handler); });
}

static std::atomic<int> calls(0);

static void answer_and_continue(const obe::request &next)
{
    calls++;
    next.reply(next);
}
static bool answer_like_a_predicate(const obe::request &next) { return next.reply("bool"); }
static obe_status answer_like_c(const obe::request &next) { return next.reply("C") ? OBE_OK : OBE_E_STATE; }

struct functor {
    int answered;
    bool operator()(const obe::request &next) { return next.reply(++answered); }
};

struct constant {
    bool operator()(const obe::message &next) const // any base class of request will do
    {
        calls += next.get<int>("");
        return true;
    }
};

struct result_to_be_used { // its destructor shows that it was not kept
    ~result_to_be_used() { calls++; }
};

// No return value ends serve, whatever its type. cancel does.
static void handlers()
{
    obe::server server("", 0);
    obe::client client = client_of(server);
    const auto both = [&](const char *first, const char *second) {
        CHECK_EQUAL(std::string(first), client.tcmd("one").json());
        CHECK_EQUAL(std::string(second), client.tcmd("two").json());
        server.cancel();
    };

    std::future<void> served = serving(server, answer_and_continue);
    both("{\"command\": \"one\"}", "{\"command\": \"two\"}");
    result_of(served);
    CHECK_EQUAL(2, calls);

    served = serving(server, &answer_like_a_predicate);
    both("\"bool\"", "\"bool\"");
    result_of(served);

    served = serving(server, answer_like_c);
    both("\"C\"", "\"C\"");
    result_of(served);

    served = serving(server, [](const obe::request &next) {
        next.reply(nullptr);
        return result_to_be_used();
    });
    both("null", "null");
    result_of(served);
    CHECK_EQUAL(4, calls);

    functor counter = {0};
    served = serving(server, std::ref(counter));
    both("1", "2");
    result_of(served);
    CHECK_EQUAL(2, counter.answered); // it was not copied

    const constant unchanging = {};
    calls = 0;
    served = std::async(std::launch::async, [&] { server.serve(unchanging); });
    client.send(json_text("7"));
    CHECK_EVENTUALLY(calls == 7);
    server.cancel();
    result_of(served);

    std::function<bool(const obe::request &)> function = [](const obe::request &next) { return next.reply("3"); };
    served = std::async(std::launch::async, [&] { server.serve(std::move(function)); });
    both("\"3\"", "\"3\"");
    result_of(served);
#if __cplusplus >= 201402L
    served = serving(server, [n = 0](const auto &next) mutable { return next.reply(++n); });
    both("1", "2");
    result_of(served);
#endif
    CHECK_THROWS(OBE_E_STATE, "not for a client",
                 obe::server(obe::adopt, obe::client().release()).serve(answer_and_continue));
}

// serve ends by its flag: at once when the handler sets it, soon when another thread does, and before it receives
// anything if it is set already. The server can serve again.
static void ended_by_a_flag()
{
    obe::server server("", 0);
    obe::client client = client_of(server);
    volatile std::sig_atomic_t stop = 0;
    const auto handler = [&](const obe::request &next) {
        next.reply("last");
        stop = 1;
    };
    std::future<void> served = serving_until(stop, server, handler);
    CHECK_EQUAL(std::string("\"last\""), client.tcmd("x").json());
    result_of(served);

    const auto begin = std::chrono::steady_clock::now();
    client.send("y");
    server.serve(handler, stop); // returns without the message
    stop = 0;
    server.serve(handler, stop); // which stays for this call
    CHECK_EQUAL(std::string("\"last\""), client.receive());
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(10));

    stop = 0;
    served = serving_until(stop, server, handler);
    CHECK(served.wait_for(std::chrono::milliseconds(250)) == std::future_status::timeout); // idle
    stop = 1;
    result_of(served);

    stop = 0;
    served = serving_until(stop, server, handler);
    std::future<void> other = serving_until(stop, server, handler);
    server.cancel(); // ends both, or the next receive of a thread that is not there yet
    CHECK_EVENTUALLY((server.cancel(), served.wait_for(std::chrono::milliseconds(1)) == std::future_status::ready &&
                                           other.wait_for(std::chrono::milliseconds(1)) == std::future_status::ready));
    result_of(served);
    result_of(other);
}

static volatile std::sig_atomic_t interrupted = 0;
extern "C" void interrupt(int) { interrupted = 1; }

static void on_interrupt(void (*handler)(int))
{
    struct sigaction action = {};
    action.sa_handler = handler;
    action.sa_flags = SA_ONSTACK;
    sigaction(SIGINT, &action, nullptr);
}

// As an example has it: Ctrl-C ends serve.
static void ended_by_a_signal()
{
    obe::server server("", 0);
    obe::client client = client_of(server);
    on_interrupt(interrupt);
    std::future<void> served = serving_until(interrupted, server, answer_and_continue);
    client.tcmd("x");
    std::raise(SIGINT);
    result_of(served);
    client.send("y");
    CHECK_EQUAL(std::string("{\"command\": \"y\"}"), server.receive(test_timeout)); // the server still works
}

// cancel and close in the handler itself end serve after it, and so do those of another thread while it runs.
static void ended_by_the_handler()
{
    obe::server server("", 0);
    obe::client client = client_of(server);
    volatile std::sig_atomic_t stop = 0;
    for (int with_flag = 0; with_flag < 2; with_flag++) {
        const auto cancelling = [&](const obe::request &next) {
            next.reply("last");
            server.cancel();
        };
        std::future<void> served = with_flag ? serving_until(stop, server, cancelling) : serving(server, cancelling);
        CHECK_EQUAL(std::string("\"last\""), client.tcmd("x").json());
        result_of(served);

        const auto closing = [&](const obe::request &) { server.close(); };
        served = with_flag ? serving_until(stop, server, closing) : serving(server, closing);
        client.send("x");
        CHECK_THROWS(OBE_E_CLOSED, "closed", result_of(served));
    }
}

static void peers()
{
    obe::server server("", 0);
    obe::client client = client_of(server);
    client.send("x");
    obe::request request = server.receive_request(test_timeout);
    CHECK_EQUAL(client.get_option(OBE_OPT_LOCAL), request.peer());
    client.close();
    const std::string peer = request.peer();
    CHECK(peer.find("127.0.0.1:") == 0 && request.peer() == peer);
    CHECK_THROWS(OBE_E_STATE, "", obe::request(obe::adopt, obe::message("1").release()).peer());
}

struct odd { // an exception without a standard base class
    int number;
    std::string text;
};

// Returns the result of catch_it when a handler ends serve by throw_it. The server can serve again afterwards.
static std::string thrown_by(const std::function<void()> &throw_it, std::string (*catch_it)(std::future<void> &))
{
    obe::server server("", 0);
    obe::client client = client_of(server), other = client_of(server);

    std::future<void> served = serving(server, [&](const obe::request &) { throw_it(); });
    client.send(json_text("1"));
    const std::string caught = catch_it(served);

    volatile std::sig_atomic_t stop = 0;
    served = serving_until(stop, server, [&](const obe::request &next) {
        next.reply("end");
        stop = 1;
    });
    CHECK_EQUAL(std::string("\"end\""), other.tcmd(json_text("2")).json());
    result_of(served);
    CHECK_THROWS(OBE_E_PEER_CLOSED, "", client.receive()); // the handler did not answer
    return caught;
}

template <class Exception> static std::string by_what(std::future<void> &served)
{
    try {
        result_of(served);
    } catch (const Exception &e) {
        return e.what();
    }
    return "nothing";
}

static void exceptions()
{
    CHECK_EQUAL(std::string("thrown by the handler"),
                thrown_by([] { throw std::runtime_error("thrown by the handler"); }, by_what<std::runtime_error>));
    CHECK_EQUAL(std::string("thrown by the handler"),
                thrown_by([] { throw std::logic_error("thrown by the handler"); }, by_what<std::exception>));
    CHECK_EQUAL(std::string(std::bad_alloc().what()),
                thrown_by([] { throw std::bad_alloc(); }, by_what<std::bad_alloc>));
    CHECK_EQUAL(std::string("read too far"),
                thrown_by([] { throw obe::error(OBE_E_RANGE, "read too far"); }, by_what<std::system_error>));
    CHECK_EQUAL(std::string("42"), thrown_by([] { throw 42; },
                                             [](std::future<void> &served) -> std::string {
                                                 try {
                                                     result_of(served);
                                                 } catch (int number) {
                                                     return std::to_string(number);
                                                 }
                                                 return "nothing";
                                             }));
    CHECK_EQUAL(std::string("text"), thrown_by([] { throw "text"; },
                                               [](std::future<void> &served) -> std::string {
                                                   try {
                                                       result_of(served);
                                                   } catch (const char *text) {
                                                       return text;
                                                   }
                                                   return "nothing";
                                               }));
    CHECK_EQUAL(std::string("odd 7"), thrown_by(
                                          [] {
                                              throw odd({7, "odd"});
                                          },
                                          [](std::future<void> &served) {
                                              try {
                                                  result_of(served);
                                              } catch (const odd &o) {
                                                  return o.text + ' ' + std::to_string(o.number);
                                              }
                                              return std::string("nothing");
                                          }));
#ifdef __cpp_rtti
    CHECK_EQUAL(std::string("outer, inner"), thrown_by(
                                                 [] {
                                                     try {
                                                         throw std::runtime_error("inner");
                                                     } catch (...) {
                                                         std::throw_with_nested(std::runtime_error("outer"));
                                                     }
                                                 },
                                                 [](std::future<void> &served) -> std::string {
                                                     try {
                                                         result_of(served);
                                                     } catch (const std::exception &e) {
                                                         try {
                                                             std::rethrow_if_nested(e);
                                                         } catch (const std::exception &inner) {
                                                             return std::string(e.what()) + ", " + inner.what();
                                                         }
                                                     }
                                                     return "nothing";
                                                 }));
#endif
}

// The objects of the handler are destroyed, in order.
static void unwinding()
{
    struct trace {
        std::string &text;
        char letter;
        ~trace() { text += letter; }
    };
    std::string ended;
    obe::server server("", 0);
    obe::client client = client_of(server);
    std::future<void> served = std::async(std::launch::async, [&] {
        trace a = {ended, 'a'};
        server.serve([&](const obe::request &next) {
            trace b = {ended, 'b'};
            const obe::message kept(next.json());
            next.get<int>("/missing");
        });
    });
    client.send(json_text("{}"));
    CHECK_THROWS(OBE_E_NOT_FOUND, "missing", result_of(served));
    CHECK_EQUAL(std::string("ba"), ended);
}

// A handler that itself serves: the exception has to pass two stack frames that are not C++.
static void serving_inside_a_handler()
{
    obe::server outer("", 0), inner("", 0);
    obe::client of_outer = client_of(outer), of_inner = client_of(inner);
    std::future<void> served = serving(outer, [&](const obe::request &) {
        inner.serve([](const obe::request &) { throw std::runtime_error("from within"); });
    });
    of_outer.send(json_text("1"));
    of_inner.send(json_text("2"));
    CHECK_EQUAL(std::string("from within"), by_what<std::runtime_error>(served));
}

// An exception ends serve on its own thread only.
static void serving_in_threads()
{
    obe::server server("", 0);
    obe::client client = client_of(server);
    std::atomic<int> inside(0);
    const auto handler = [&](const obe::request &next) {
        if (next.json() == "\"throw\"")
            throw std::runtime_error("one of them");
        inside++;
        CHECK_EVENTUALLY(inside >= 2 || next.json() != "\"both\""); // two threads are needed
        next.reply(1);
    };
    std::future<void> one = serving(server, handler), two = serving(server, handler), three = serving(server, handler);
    client.send(json_text("\"throw\""));
    obe::client first = client_of(server), second = client_of(server);
    first.send(json_text("\"both\""));
    second.send(json_text("\"both\""));
    CHECK_EQUAL(std::string("1"), first.receive());
    CHECK_EQUAL(std::string("1"), second.receive());
    int ended = 0, threw = 0;
    server.cancel();
    for (std::future<void> *served : {&one, &two, &three}) {
        try {
            result_of(*served);
            ended++;
        } catch (const std::runtime_error &) {
            threw++;
        }
    }
    CHECK_EQUAL(2, ended);
    CHECK_EQUAL(1, threw);
}

static void ended_by_cancel_and_close()
{
    obe::server server("", 0);
    obe::client client = client_of(server);
    std::atomic<bool> inside(false), may_reply(false);
    const auto slow = [&](const obe::request &next) {
        inside = true;
        CHECK_EVENTUALLY(may_reply);
        next.reply(1);
    };
    for (int by_cancel = 0; by_cancel < 2; by_cancel++) {
        inside = may_reply = false;
        std::future<void> served = serving(server, slow);
        client.send(json_text("1"));
        CHECK_EVENTUALLY(inside);
        if (by_cancel)
            server.cancel(); // while the handler runs
        else
            server.close();
        may_reply = true;
        if (by_cancel) {
            result_of(served);
            CHECK_EQUAL(std::string("1"), client.receive());
        } else {
            CHECK_THROWS(OBE_E_CLOSED, "serve: closed by this side", result_of(served));
        }
    }
    CHECK_THROWS(OBE_E_STATE, "not for a client", obe::server(obe::adopt, client.release()).serve(answer_and_continue));
}

// A client that does not read its reply is not a failure of the server.
static void replies_that_no_client_reads()
{
    obe::server server("", 0);
    server.set_option(OBE_OPT_MAX_MESSAGE, 100000000);
    const std::string large(50000000, 'x'); // more than any socket buffers
    obe::request request;
    {
        obe::client leaving = client_of(server);
        leaving.send(json_text("1"));
        request = server.receive_request(test_timeout);
    }
    CHECK_EVENTUALLY(!request.reply(large, test_timeout)); // the server may not have seen the disconnect yet
    CHECK(request.last_error().find("reply 127.0.0.1:") == 0);

    obe::client not_reading = client_of(server);
    not_reading.send(json_text("2"));
    request = server.receive_request(test_timeout);
    CHECK(!request.reply(large, std::chrono::milliseconds(20)));

    not_reading.send(json_text("3"));
    request = server.receive_request(test_timeout);
    std::future<bool> replied = std::async(std::launch::async, [&] { return request.reply(large); });
    while (replied.wait_for(std::chrono::milliseconds(1)) != std::future_status::ready)
        server.cancel();
    CHECK(!result_of(replied));

    not_reading.send(json_text("4"));
    request = server.receive_request(test_timeout);
    CHECK_THROWS(OBE_E_JSON, "", request.reply(json_text("OK")));
    CHECK_THROWS(OBE_E_HANDLE, "", request.reply(obe::message()));
    CHECK(request.reply("OK"));
    CHECK_THROWS(OBE_E_STATE, "answered", request.reply("OK"));

    not_reading.send(json_text("5"));
    request = server.receive_request(test_timeout);
    server = obe::server("", 0);
    CHECK(!request.reply("1")); // its server was freed
}

// In threads that each loop over receive and send, each reply goes to the client of that thread's message.
static void loops_in_threads()
{
    obe::server server("", 0);
    std::vector<std::future<obe_status>> loops;
    std::vector<std::future<void>> clients;
    std::atomic<int> ended(0);

    for (int i = 0; i < 3; i++)
        loops.push_back(std::async(std::launch::async, [&]() -> obe_status {
            try {
                for (;;)
                    server.send(server.receive());
            } catch (const obe::error &e) {
                ended++;
                return e.status();
            }
        }));
    for (int i = 0; i < 5; i++)
        clients.push_back(std::async(std::launch::async, [&server, i] {
            obe::client client = client_of(server);
            client.set_option(OBE_OPT_PERSISTENT, i % 2 == 0);
            for (int k = 0; k < 200; k++) {
                const std::string json = "[" + std::to_string(i) + ", " + std::to_string(k) + "]";
                CHECK_EQUAL(json, client.tcmd(json_text(json)).json());
            }
        }));
    for (std::future<void> &client : clients)
        result_of(client);
    while (ended < 3) { // a loop may be between two calls
        server.cancel();
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    for (std::future<obe_status> &loop : loops)
        CHECK_EQUAL(OBE_E_CANCELLED, result_of(loop));
}

int main()
{
    RUN(handlers);
    RUN(ended_by_a_flag);
    RUN(ended_by_a_signal);
    RUN(ended_by_the_handler);
    RUN(peers);
    RUN(exceptions);
    RUN(unwinding);
    RUN(serving_inside_a_handler);
    RUN(serving_in_threads);
    RUN(ended_by_cancel_and_close);
    RUN(replies_that_no_client_reads);
    RUN(loops_in_threads);
    CHECK_EQUAL(0, obe_test_live());
}
