// Calls every member of obe.hpp, against a library that only records calls (cpp_test.go generates its source):
//
//     every_member           prints the functions of the library that were called
//     every_member forked    calls the members in a forked child, where each must throw without a call of the library
#include "obe.hpp"

#include "../c/commands.h"

#include <cstdlib>
#include <cstring>
#include <functional>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

extern "C" {
extern const char *obe_called[];
extern int obe_called_count;
extern int obe_abort_on_call; // a call aborts the process
extern obe_status obe_get_doubles_status;
extern std::int32_t obe_type_stored; // by obe_get_type
}

static void fail(const std::string &why)
{
    std::cerr << why << '\n';
    std::_Exit(1);
}

// The members that do not call the library.
static void members_without_calls()
{
    const double numbers[] = {1, 2};
    const std::array<double, 1> three = {{3}};
    const std::vector<double> none_at_all;
    const obe::double_span span(numbers, 2), one(numbers[0]), array(three), plain(numbers), vector(none_at_all);
    const obe::matrix_view view(numbers, 1, 2);
    obe::matrix matrix(1, 2, std::vector<double>(2)), empty;
    const obe::matrix &constant = matrix;
    empty = obe::matrix(1, 1);
    matrix(0, 1) = constant(0, 0) + span.data()[0];
    if (one.size() + array.size() + plain.size() + vector.size() != 4)
        fail("double_span");
    if (view.data() != numbers || view.rows() != 1 || view.cols() != 2 || matrix.rows() != 1 || matrix.cols() != 2 ||
        matrix.values().size() != 2 || obe::matrix_view(matrix).cols() != 2)
        fail("matrix");
    const obe::time_limit limit(std::chrono::seconds(1)), raw(std::int64_t(7)), usual;
    if (limit.milliseconds() != 1000 || raw.milliseconds() != 7 || usual.milliseconds() != OBE_DEFAULT_TIMEOUT ||
        obe::no_limit.milliseconds() != OBE_FOREVER || obe::no_wait.milliseconds() != OBE_NO_WAIT)
        fail("time_limit");
    const std::string text = "[1]";
    if (obe::json_text("[1]") != text || obe::json_text(text) != text || obe::json_text(std::string(text)) != text ||
        !obe::json_text().empty() || obe::cstring_ref(text).c_str() != text)
        fail("json_text");
    const obe::error failure(OBE_E_TIMEOUT, "too late");
    std::ostringstream stream;
    stream << failure;
    if (failure.status() != OBE_E_TIMEOUT || failure.what() != stream.str() || failure.code() != std::errc::timed_out)
        fail("error");
    obe::message none;
    obe::request no_request;
    if (none || none.native_handle() != nullptr || none.release() != nullptr || !none.last_error().empty() ||
        no_request)
        fail("message");
    obe::client no_client(obe::adopt, nullptr);
    obe::server no_server(obe::adopt, nullptr);
    none = obe::message(obe::adopt, nullptr);
    no_request = obe::request(obe::adopt, nullptr);
}

int main(int count, char **)
{
    const bool forked = count > 1;
    obe::client client;
    obe::server server;
    obe::message message("{}"), empty;
    obe::request request = server.receive_request(), next;
    const obe::matrix matrix(1, 1);
    std::vector<double> values;
    double room[2];
    std::ostringstream stream;
    volatile std::sig_atomic_t stop = 0;
    typedef std::map<std::string, int> object;
    members_without_calls();

    // It would take these braces for a block.
    // clang-format off
#define CALL(...) {#__VA_ARGS__, [&] { (void)__VA_ARGS__; }}
    // clang-format on
#define OK_CALL(X, name) CALL(client.name()),
#define ARRAY_CALL(X, name, array) CALL(client.name()),
    const std::vector<std::pair<const char *, std::function<void()>>> calls = {
        CALL(obe::client("127.0.0.1", 1)),
        CALL(obe::server("", 0)),
        CALL(obe::message("1")),
        CALL(obe::command("scan")),
        CALL(obe::to_json(1)),
        CALL(obe::to_json({1.0})),
        CALL(obe::to_json({"a", "b"})),
        CALL(obe::version()),
        CALL(message.set("x", true)),
        CALL(message.set("x", 1)),
        CALL(message.set("x", 1.5)),
        CALL(message.set("x", "text")),
        CALL(message.set("x", nullptr)),
        CALL(message.set("x", values)),
        CALL(message.set("x", {1.0})),
        CALL(message.set("x", {1, 2})),
        CALL(message.set("x", std::vector<std::string>(2))),
        CALL(message.set("x", object{{"a", 1}})),
        CALL(obe::message("{}").set("x", 1)),
        CALL(obe::message("{}").set("x", {1.0})),
        CALL(obe::message("{}").set("x", {1, 2})),
        CALL(message.set("x", matrix)),
        CALL(message.set("x", message)),
        CALL(message.set("x", obe::json_text("1"))),
        CALL(message.get<bool>("/x")),
        CALL(message.get<int>("/x")),
        CALL(message.get<double>("/x")),
        CALL(message.get<std::string>("/x")),
        CALL(message.get<std::vector<double>>("/x")),
        CALL(message.get<float>("/x")),
        CALL(message.get<obe::json_text>("/x")),
        CALL((obe_type_stored = OBE_ARRAY, message.get<std::vector<int>>("/x"))),
        CALL((obe_type_stored = OBE_OBJECT, message.get<object>("/x"))),
#if __cplusplus >= 201703L
        CALL(message.get<std::optional<int>>("/x")),
        CALL(message.find<int>("/x")),
#endif
#if __cplusplus >= 202002L
        CALL(message.read("/x", std::span<double>(room))),
#endif
        CALL(message.get<obe::matrix>("/x")),
        CALL(message.get<obe::message>("/x")),
        CALL(message.get("/x", 1.0)),
        CALL(message.get("/x", "")),
        CALL(message.read("/x", values)),
        CALL(message.read("/x", room, 2)),
        CALL(message.contains("/x")),
        CALL(message.type()),
        CALL(message.count()),
        CALL(message.key("", 0)),
        CALL(message.json()),
        CALL(message.last_error()),
        CALL((stream << message)),
        CALL(request.peer()),
        CALL(request.reply("1")),
        CALL(request.reply(message)),
        CALL(request.reply(obe::json_text("1"))),
        CALL(request.reply({1.0})),
        CALL(request.reply({1, 2}, obe::no_wait)),
        CALL(client.send("optset")),
        CALL(client.send(message)),
        CALL(client.send(obe::json_text("1"))),
        CALL(client.send(object())),
        CALL(client.receive()),
        CALL(client.receive_message()),
        CALL(client.try_receive(message)),
        CALL(client.close()),
        CALL(client.cancel()),
        CALL(client.set_timeout(obe::no_limit)),
        CALL(client.set_option(OBE_OPT_PERSISTENT, true)),
        CALL(client.set_option(OBE_OPT_PERSISTENT, "1")),
        CALL(client.get_option(OBE_OPT_PERSISTENT)),
        CALL(client.get_stat(OBE_STAT_MESSAGES_SENT)),
        CALL(client.tcmd("optset")),
        CALL(client.tcmd(message)),
        CALL(client.tcmd(obe::json_text("1"))),
        CALL(client.tcmd(object())),
        CALL(client.wait_ready()),
        EACH_OK_COMMAND(OK_CALL, ) EACH_NUMBERS_COMMAND(ARRAY_CALL, ) EACH_ROWS_COMMAND(ARRAY_CALL, )
            CALL(client.newrun()),
        CALL(client.newrun(message)),
        CALL(client.goodset()),
        CALL(client.goodset_ask()),
        CALL(client.goodset_fetch()),
        CALL(client.newdat(1.0, 2.0, 3.0)),
        CALL(server.port()),
        CALL(server.receive_request()),
        CALL(server.try_receive(next)),
        CALL(server.send("OK")),
        CALL(server.send(message)),
        CALL(server.send(obe::json_text("1"))),
        CALL(server.send({1.0})),
        CALL(server.send({1, 2})),
        CALL(server.serve([&](const obe::request &) { server.cancel(); })),
        CALL(server.serve([&](const obe::request &) { stop = 1; }, stop)),
    };

    if (!forked) {
        for (const auto &call : calls)
            call.second();
        obe::category().message(OBE_E_TIMEOUT);
        client = obe::client();
        obe_get_doubles_status = OBE_E_TYPE; // a reply whose elements are not numbers is checked by the library
        try {
            client.getmean();
            fail("getmean threw nothing");
        } catch (const obe::error &e) {
            if (e.status() != OBE_E_TYPE)
                fail(std::string("getmean threw ") + e.what());
        }
        for (int i = 0; i < obe_called_count; i++)
            std::cout << obe_called[i] << '\n';
        return 0;
    }

    const pid_t child = fork();
    if (child != 0) {
        int status = 0;
        if (waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
            fail("the child failed");
        client.ready(); // the parent is not affected
        std::cout << calls.size() << " calls were refused\n";
        return 0;
    }
    obe_abort_on_call = 1;
    for (const auto &call : calls) {
        try {
            call.second();
        } catch (const obe::error &e) {
            if (e.status() != OBE_E_FORKED || std::strstr(e.what(), "forked") == nullptr)
                fail(std::string(call.first) + " threw " + e.what());
            if (e.code().message().empty()) // does not call the library either
                fail("the status has no text");
            continue;
        }
        fail(std::string(call.first) + " was not refused");
    }
    message = (std::move)(empty); // frees nothing, as do the destructors
    return 0;
}
