// Calls every member of obe.hpp once, against a library that only records calls (cpp_test.go generates its source):
//
//     every_member           prints the functions of the library that were called
//     every_member forked    calls the members in a forked child, where each must throw without a call of the library
#include "obe.hpp"

#include <cstdlib>
#include <cstring>
#include <functional>
#include <iostream>
#include <string>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

extern "C" {
extern const char *obe_called[];
extern int obe_called_count;
extern int obe_abort_on_call; // a call aborts the process
extern obe_status obe_get_doubles_status;
}

static void fail(const std::string &why)
{
    std::cerr << why << '\n';
    std::_Exit(1);
}

static bool answer(const obe::request &) { return true; }

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

#define CALL(...) {#__VA_ARGS__, [&] { (void)__VA_ARGS__; }}
    const std::vector<std::pair<const char *, std::function<void()>>> calls = {
        CALL(obe::client("127.0.0.1", 1)),
        CALL(obe::server("", 0)),
        CALL(obe::message("1")),
        CALL(obe::command("scan")),
        CALL(obe::to_json(1)),
        CALL(obe::to_json({1.0})),
        CALL(obe::version()),
        CALL(message.set("x", true)),
        CALL(message.set("x", 1)),
        CALL(message.set("x", 1.5)),
        CALL(message.set("x", "text")),
        CALL(message.set("x", nullptr)),
        CALL(message.set("x", values)),
        CALL(message.set("x", {1.0})),
        CALL(message.set("x", matrix)),
        CALL(message.set("x", message)),
        CALL(message.set("x", obe::json_text("1"))),
        CALL(message.get<bool>("/x")),
        CALL(message.get<int>("/x")),
        CALL(message.get<double>("/x")),
        CALL(message.get<std::string>("/x")),
        CALL(message.get<std::vector<double>>("/x")),
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
        CALL(request.reply("1")),
        CALL(request.reply(message)),
        CALL(client.send("1")),
        CALL(client.send(message)),
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
        CALL(client.tcmd("1")),
        CALL(client.tcmd(message)),
        CALL(client.wait_ready()),
        CALL(client.ready()),
        CALL(client.newrun()),
        CALL(client.newrun(message)),
        CALL(client.optset()),
        CALL(client.goodset()),
        CALL(client.newdat(1.0, 2.0, 3.0)),
        CALL(client.getmean()),
        CALL(client.getstd()),
        CALL(client.getcov()),
        CALL(client.getpar()),
        CALL(client.getset()),
        CALL(client.getwgt()),
        CALL(client.getcon()),
        CALL(client.done()),
        CALL(server.port()),
        CALL(server.receive_request()),
        CALL(server.try_receive(next)),
        CALL(server.serve(answer)),
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
    message = std::move(empty); // frees nothing, as do the destructors
    return 0;
}
