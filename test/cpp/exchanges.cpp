// Exchanges between clients and servers: texts, messages, large ones, the protocol's commands, timeouts, cancel and
// close, options and counters, and several threads with one object.
#include "peer.hpp"

#include <algorithm>
#include <functional>
#include <map>

static void texts()
{
    obe::server server("", 0);
    obe::client client = client_of(server);

    client.send(obe::json_text("{\"command\": \"ready\"}"));
    CHECK_EQUAL(std::string("{\"command\": \"ready\"}"), server.receive(test_timeout));
    server.send(std::string("OK"), test_timeout);
    CHECK_EQUAL(std::string("\"OK\""), client.receive());
    client.send("ready");
    server.send(server.receive(test_timeout)); // a json_text is sent unchanged
    CHECK_EQUAL(std::string("{\"command\": \"ready\"}"), client.receive());
    client.close();
    CHECK_THROWS(OBE_E_STATE, "receive", client.receive());
    CHECK_THROWS(OBE_E_STATE, "send", obe::server("", 0).send(json_text("1")));
    CHECK_THROWS(OBE_E_JSON, "byte 3", client.send(json_text("[1,]")));
    CHECK_THROWS(OBE_E_JSON, "", client.send(json_text(std::string("1\0", 2))));
    CHECK_THROWS(OBE_E_ARGUMENT, "NUL", client.send(std::string("1\0", 2)));
    CHECK_THROWS(OBE_E_ARGUMENT, "", client.send(static_cast<const char *>(nullptr)));
}

static void messages()
{
    obe::server server("", 0);
    obe::client client = client_of(server);

    client.send(obe::command("scan").set("x", {1.5, 2.5}));
    obe::request request = server.receive_request(test_timeout);
    CHECK(request.get<std::vector<double>>("/x") == (std::vector<double>{1.5, 2.5}));
    CHECK(request.reply(obe::message("{}").set("y", 3)));
    CHECK_EQUAL(3, client.receive_message().get<int>("/y"));
    CHECK_THROWS(OBE_E_STATE, "answered", request.reply(json_text("1")));
    CHECK_THROWS(OBE_E_STATE, "", obe::request(obe::adopt, obe::message("1").release()).reply(json_text("1")));

    // Two unanswered requests, answered in the opposite order, the second with the content of the first.
    obe::client other = client_of(server);
    client.send(json_text("\"first\""));
    obe::request first = server.receive_request(test_timeout);
    other.send(json_text("\"second\""));
    obe::request second = server.receive_request(test_timeout);
    CHECK(second.reply(first));
    CHECK(first.reply(json_text("2")));
    CHECK_EQUAL(std::string("\"first\""), other.receive());
    CHECK_EQUAL(std::string("2"), client.receive());

    // A dropped request closes its connection.
    client.send(json_text("1"));
    request = server.receive_request(test_timeout);
    request = obe::request();
    other.send(json_text("2"));
    request = server.receive_request(test_timeout);
    CHECK_THROWS(OBE_E_PEER_CLOSED, "", client.receive());
}

// Replies from values, of a request and of the server itself.
static void replies_of_values()
{
    obe::server server("", 0);
    const std::vector<std::pair<std::function<void(const obe::request &)>, std::string>> replies = {
        {[](const obe::request &r) { r.reply("OK"); }, "\"OK\""},
        {[](const obe::request &r) { r.reply(std::string("\"")); }, "\"\\\"\""},
        {[](const obe::request &r) { r.reply(2.5); }, "2.5"},
        {[](const obe::request &r) { r.reply(3, test_timeout); }, "3"},
        {[](const obe::request &r) { r.reply(true); }, "true"},
        {[](const obe::request &r) { r.reply(nullptr); }, "null"},
        {[](const obe::request &r) {
             r.reply({2.5, 1});
         },
         "[2.5, 1.0]"},
        {[](const obe::request &r) {
             r.reply({2, 1}, test_timeout);
         },
         "[2, 1]"},
        {[](const obe::request &r) {
             r.reply({"a", "b"});
         },
         "[\"a\", \"b\"]"},
        {[](const obe::request &r) {
             r.reply(std::vector<std::vector<int>>{{1}, {}});
         },
         "[[1], []]"},
        {[](const obe::request &r) {
             r.reply(std::map<std::string, double>{{"x", 1}});
         },
         "{\"x\": 1.0}"},
        {[](const obe::request &r) { r.reply(obe::matrix(1, 2)); }, "[[0.0, 0.0]]"},
        {[](const obe::request &r) { r.reply(obe::json_text("[ 1]")); }, "[ 1]"},
        {[](const obe::request &r) { r.reply(obe::message("[ 2]")); }, "[ 2]"},
        {[](const obe::request &r) { r.reply(r.get<obe::json_text>("/command")); }, "\"x\""},
    };
    std::size_t next = 0;
    server_thread answering(server, [&](const obe::request &r) { replies[next].first(r); });
    obe::client client = client_of(server);
    for (; next < replies.size(); next++)
        CHECK_EQUAL(replies[next].second, client.tcmd("x").json());

    obe::server other("", 0);
    obe::client direct = client_of(other);
    for (int i = 0; i < 4; i++) {
        direct.send(std::map<std::string, int>{{"command", i}});
        CHECK_EQUAL("{\"command\": " + std::to_string(i) + "}", other.receive(test_timeout));
        if (i == 0)
            other.send({1.5, 2.0});
        else if (i == 1)
            other.send({1, 2}, test_timeout);
        else if (i == 2)
            other.send(std::vector<std::string>{"a"});
        else
            other.send(obe::message("[]"));
        const char *const wanted[] = {"[1.5, 2.0]", "[1, 2]", "[\"a\"]", "[]"};
        CHECK_EQUAL(std::string(wanted[i]), direct.receive());
    }
}

static void commands_outside_the_protocol()
{
    obe::server server("", 0);
    server_thread echo(server, [](const obe::request &next) { next.reply(next); });
    obe::client client = client_of(server);

    CHECK_EQUAL(std::string("[1 ,2.50]"), client.tcmd(json_text("[1 ,2.50]")).json());
    CHECK_EQUAL(2.5, client.tcmd(obe::command("x").set("y", 2.5)).get<double>("/y"));
    CHECK_EQUAL(std::string("{\"command\": \"optset\"}"), client.tcmd("optset").json());
    CHECK_EQUAL(std::string("{\"command\": \"optset\"}"), client.tcmd(std::string("optset"), test_timeout).json());
    CHECK_EQUAL(std::string("{\"command\": \"a\"}"),
                client.tcmd(std::map<std::string, std::string>{{"command", "a"}}).json());
    CHECK_THROWS(OBE_E_ARGUMENT, "obe::json_text", client.tcmd("{\"command\": \"optset\"}"));
    CHECK_THROWS(OBE_E_ARGUMENT, "obe::json_text", client.send("[1]"));
    CHECK_EQUAL(std::string("1"), client.tcmd(json_text("1"), test_timeout).json());
    CHECK_THROWS(OBE_E_JSON, "", client.tcmd(json_text("{")));
    CHECK_THROWS(OBE_E_HANDLE, "", client.tcmd(obe::message()));
    client.set_option(OBE_OPT_PERSISTENT, true);
    for (int i = 0; i < 3; i++)
        CHECK_EQUAL(std::to_string(i), client.tcmd(obe::to_json(i)).json());
    CHECK_EQUAL(std::string("1"), client.get_option(OBE_OPT_PERSISTENT));
}

// Texts of about the sizes at which a larger buffer is needed arrive complete, and once.
static void large_texts()
{
    obe::server server("", 0);
    obe::client client = client_of(server);
    for (std::size_t size : {3U, 511U, 512U, 513U, 5000U, 3000000U}) {
        const std::string text = '"' + std::string(size - 2, 'x') + '"';
        std::thread sender([&] { client.send(json_text(text)); });
        CHECK(server.receive(test_timeout) == text);
        sender.join();
        std::thread answerer([&] { server.send(json_text(text), test_timeout); });
        CHECK(client.receive() == text);
        answerer.join();
        CHECK_EQUAL(size, text.size());
    }
    CHECK_THROWS(OBE_E_TIMEOUT, "", server.receive(obe::no_wait)); // nothing arrived twice
}

// Threads that receive large texts from one server lose none, and no call times out.
static void large_texts_in_several_threads()
{
    const int threads = 4, messages = 60;
    obe::server server("", 0);
    server.set_option(OBE_OPT_ONE_WAY, true);
    std::atomic<int> received(0);
    std::vector<std::thread> receivers;
    std::vector<std::vector<int>> numbers(threads);
    for (int t = 0; t < threads; t++)
        receivers.emplace_back([&, t] {
            while (true) {
                const obe::message m(server.receive(test_timeout));
                if (m.type() == OBE_NULL)
                    break;
                CHECK_EQUAL(20000U, m.get<std::string>("/fill").size());
                numbers[static_cast<std::size_t>(t)].push_back(m.get<int>("/n"));
                ++received;
            }
        });
    obe::client client = client_of(server);
    const std::string fill(20000, 'x');
    for (int n = 0; n < messages; n++)
        client.send(obe::message("{}").set("n", n).set("fill", fill));
    CHECK_EVENTUALLY(received == messages);
    for (int t = 0; t < threads; t++)
        client.send(json_text("null"));
    for (std::thread &receiver : receivers)
        receiver.join();
    std::vector<int> all;
    for (const std::vector<int> &some : numbers)
        all.insert(all.end(), some.begin(), some.end());
    std::sort(all.begin(), all.end());
    CHECK_EQUAL(static_cast<std::size_t>(messages), all.size());
    for (int n = 0; n < messages; n++)
        CHECK_EQUAL(n, all[static_cast<std::size_t>(n)]);
}

// Each thread receives the reply to its own command, even a large one.
static void one_client_in_several_threads()
{
    obe::server server("", 0);
    server_thread designer(server, [](const obe::request &next) {
        const std::string command = next.get<std::string>("/command");
        if (command == "getwgt")
            next.reply(std::vector<double>(100, 1));
        else if (command == "getpar")
            next.reply(obe::matrix(2, 50, 2));
        else
            next.reply({3});
    });
    obe::client client = client_of(server);
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; t++)
        threads.emplace_back([&client, t] {
            for (int i = 0; i < 200; i++) {
                if (t == 0)
                    CHECK(client.getwgt() == std::vector<double>(100, 1));
                else if (t == 1)
                    CHECK(client.getpar().values() == std::vector<double>(100, 2));
                else
                    CHECK(client.getmean() == std::vector<double>{3});
            }
        });
    for (std::thread &thread : threads)
        thread.join();
}

static void the_protocols_commands()
{
    obe::server server("", 0);
    std::vector<std::string> seen;
    server_thread designer(server, [&](const obe::request &next) {
        const std::string command = next.get<std::string>("/command");
        seen.push_back(next.json());
        if (command == "optset" || command == "goodset")
            next.reply({2.5, 1});
        else if (command == "getmean")
            next.reply(json_text("[]"));
        else if (command == "getstd")
            next.reply(obe::to_json(std::vector<double>(1000, 0.5)));
        else if (command == "getcon" || command == "getwgt")
            next.reply(json_text("[1, NaN]"));
        else if (command == "getcov" || command == "getpar" || command == "getset")
            next.reply(json_text("[[1, 2, 3], [4, 5, 6]]"));
        else
            next.reply("OK");
    });
    obe::client client = client_of(server);
    const auto last = [&] {
        const std::string text = seen.back();
        return text;
    };

    client.wait_ready();
    client.ready();
    CHECK_EQUAL(std::string("{\"command\": \"ready\"}"), last());
    client.newrun();
    CHECK_EQUAL(std::string("{\"command\": \"newrun\"}"), last());
    client.newrun(obe::message("{}").set("lolim", 1.5).set("hilim", 3.5));
    CHECK_EQUAL(std::string("{\"command\": \"newrun\", \"lolim\": 1.5, \"hilim\": 3.5}"), last());
    client.newrun(obe::command("newrun").set("steps", 200), test_timeout);
    CHECK_EQUAL(std::string("{\"command\": \"newrun\", \"steps\": 200}"), last());
    CHECK(client.optset() == (std::vector<double>{2.5, 1}));
    CHECK_EQUAL(std::string("{\"command\": \"optset\"}"), last());
    const struct {
        double pickiness;
        const char *sent;
    } goodsets[] = {
        {4, ", \"pickiness\": 4"}, {0, ", \"pickiness\": 0"},         {2.5, ", \"pickiness\": 2.5"}, {-1, ""},
        {std::nan(""), ""},        {1e300, ", \"pickiness\": 1e+300"}};
    for (const auto &g : goodsets) {
        CHECK(client.goodset(g.pickiness) == (std::vector<double>{2.5, 1}));
        const std::string mine = last();
        CHECK_EQUAL("{\"command\": \"goodset\"" + std::string(g.sent) + "}", mine);
        double setting[2];
        std::int64_t count = 0;
        CHECK_EQUAL(OBE_OK, obe_goodset(client.native_handle(), g.pickiness, setting, 2, &count, OBE_DEFAULT_TIMEOUT));
        CHECK_EQUAL(last(), mine); // obe_goodset sends the same
    }
    CHECK(client.goodset() == (std::vector<double>{2.5, 1}));
    CHECK_EQUAL(std::string("{\"command\": \"goodset\"}"), last());
    client.goodset_ask(4);
    CHECK_THROWS(OBE_E_STATE, "was not fetched", client.goodset_ask());
    client.newdat({2.5, 1}, 0.98, 0.005);
    CHECK(client.goodset_fetch() == (std::vector<double>{2.5, 1}));
    CHECK_THROWS(OBE_E_STATE, "no question was asked", client.goodset_fetch());
    client.goodset_ask(2.5, test_timeout);
    CHECK(client.goodset_fetch(test_timeout) == (std::vector<double>{2.5, 1}));
    CHECK_EQUAL(std::string("{\"command\": \"goodset\", \"pickiness\": 2.5}"), last());
    client.newdat({2.5, 1}, 0.98, 0.005);
    CHECK_EQUAL(std::string("{\"command\": \"newdat\", \"x\": [2.5, 1.0], \"y\": [0.98], \"s\": [0.005]}"), last());
    const double y[] = {1, 2};
    client.newdat(client.optset(), y, std::array<double, 2>{{3, 4}}, test_timeout);
    CHECK_EQUAL(std::string("{\"command\": \"newdat\", \"x\": [2.5, 1.0], \"y\": [1.0, 2.0], \"s\": [3.0, 4.0]}"),
                last());
    client.newdat(3, 1, 2);
    CHECK_EQUAL(std::string("{\"command\": \"newdat\", \"x\": [3.0], \"y\": [1.0], \"s\": [2.0]}"), last());
    CHECK_THROWS(OBE_E_ARGUMENT, "x_count", client.newdat(std::vector<double>(), 1, 1));
    CHECK(client.getmean().empty());
    CHECK(client.getstd() == std::vector<double>(1000, 0.5));
    CHECK_EQUAL(1, client.getcon(test_timeout)[0]);
    CHECK(std::isnan(client.getwgt()[1]));
    for (const obe::matrix &m : {client.getcov(), client.getpar(), client.getset(test_timeout)})
        CHECK(m.rows() == 2 && m.cols() == 3 && m(1, 2) == 6);
    client.done();
    CHECK_EQUAL(std::string("{\"command\": \"done\"}"), last());
}

static void invalid_replies()
{
    obe::server server("", 0);
    std::string reply;
    server_thread designer(server, [&](const obe::request &next) { next.reply(json_text(reply)); });
    obe::client client = client_of(server);

    reply = "{\"error\": \"what?\"}";
    CHECK_THROWS(OBE_E_REPLY, "{\"error\": \"what?\"}", client.newrun());
    CHECK_THROWS(OBE_E_REPLY, "getmean: unexpected reply: {\"error\": \"what?\"} instead of a list of numbers",
                 client.getmean());
    CHECK_THROWS(OBE_E_REPLY, "goodset: unexpected reply: {\"error\": \"what?\"} instead of", client.goodset(2));
    CHECK_THROWS(OBE_E_REPLY, "getcov: unexpected reply: {\"error\": \"what?\"} instead of a list of rows of numbers",
                 client.getcov());
    client.goodset_ask();
    CHECK_THROWS(OBE_E_REPLY, "goodset: unexpected reply: {\"error\": \"what?\"} instead of", client.goodset_fetch());
    reply = '[' + std::string(19997, '1');
    for (std::size_t i = 2; i < reply.size(); i += 2)
        reply[i] = ',';
    reply += ']'; // 9999 numbers, more than the first try has room for
    client.goodset_ask();
    CHECK(client.goodset_fetch() == std::vector<double>(9999, 1));
    reply = '[' + std::string(400, '9') + ']'; // larger than any double
    CHECK_THROWS(OBE_E_REPLY, "optset: unexpected reply: [999", client.optset());
    reply = "[1, \"two\"]";
    CHECK_THROWS(OBE_E_REPLY, "getwgt: unexpected reply: [1, \"two\"] instead of a list of numbers", client.getwgt());
    reply = "[[1, 2], [3]]";
    CHECK_THROWS(OBE_E_REPLY, "getpar: unexpected reply: [[1, 2], [3]] instead of a list of rows", client.getpar());
    reply = "\"OK\"";
    CHECK_THROWS(OBE_E_REPLY, "\"OK\"", client.optset());
    reply = "\"" + std::string(198, 'x') + "ü\""; // the 200th byte is in the middle of a character
    CHECK_THROWS(OBE_E_REPLY, "xx… (202 bytes)", client.optset());
    try {
        client.optset();
    } catch (const obe::error &e) {
        obe::message("{}").set("what", e.what()); // is UTF-8
    }
}

static void failures()
{
    int closed_port;
    {
        obe::server server("", 0);
        closed_port = server.port();
        CHECK_THROWS(OBE_E_IN_USE, std::to_string(closed_port), obe::server("", closed_port));
    }
    obe::client client("", closed_port);
    std::error_code code;
    try {
        client.ready(test_timeout);
    } catch (const std::system_error &e) {
        code = e.code();
        CHECK_EQUAL(std::string(e.what()), client.last_error());
    }
    CHECK(code == std::errc::connection_refused);
    CHECK_THROWS(OBE_E_TIMEOUT, "refused", client.wait_ready(std::chrono::milliseconds(30)));
    CHECK_THROWS(OBE_E_ARGUMENT, "70000", obe::client("", 70000));
    CHECK_THROWS(OBE_E_ARGUMENT, "", obe::client("no such address"));
    CHECK_THROWS(OBE_E_ARGUMENT, "NUL", obe::client(std::string("127.0.0.1\0.9", 12)));
    obe::server mistaken(obe::adopt, client.release()); // the handle is a client's
    CHECK_THROWS(OBE_E_STATE, "not for a client", mistaken.port());
    CHECK_THROWS(OBE_E_JSON, "", obe::message("{")); // has no handle, and so does not change their last_error
    CHECK_EQUAL(std::string(), obe::client().last_error());
    CHECK_EQUAL(std::string(), client.last_error()); // released above
}

static void timeouts()
{
    obe::server server("", 0);
    obe::client client = client_of(server);
    obe::message reply;
    obe::request request;

    CHECK_THROWS(OBE_E_TIMEOUT, "tcmd", client.tcmd(json_text("1"), std::chrono::milliseconds(20)));
    CHECK_THROWS(OBE_E_TIMEOUT, "", client.getmean(std::chrono::microseconds(1)));
    client.set_timeout(std::chrono::duration<double>(0.02));
    CHECK_EQUAL(std::string("20"), client.get_option(OBE_OPT_TIMEOUT_MS));
    CHECK_THROWS(OBE_E_TIMEOUT, "", client.ready());
    client.set_timeout(obe::no_limit);
    CHECK_EQUAL(std::string("-1"), client.get_option(OBE_OPT_TIMEOUT_MS));
    CHECK_THROWS(OBE_E_ARGUMENT, "timeout_ms", client.set_timeout(obe::time_limit()));
    CHECK_THROWS(OBE_E_ARGUMENT, "timeout_ms", server.receive(obe::time_limit(-3)));

    while (server.try_receive(request)) // those sent above
        ;
    CHECK(!server.try_receive(request, std::chrono::milliseconds(10)));
    client.send(json_text("[1]"), std::chrono::hours(24 * 365 * 1000));
    CHECK(server.try_receive(request, test_timeout));
    CHECK_EQUAL(std::string("[1]"), request.json());
    CHECK(!client.try_receive(reply));
    CHECK(!reply);
    CHECK(request.reply(json_text("[2]")));
    CHECK(client.try_receive(reply, test_timeout));
    CHECK_EQUAL(std::string("[2]"), reply.json());
    client.close();
    CHECK_THROWS(OBE_E_STATE, "", client.try_receive(reply));
    CHECK_EQUAL(std::string("[2]"), reply.json());
}

// cancel and close wake a blocked call, which throws the status of each.
static void blocked_calls_woken()
{
    obe::server server("", 0);
    obe::client client = client_of(server);
    const auto blocked = [&](void (*end)(obe::server &)) {
        std::future<obe_status> call = std::async(std::launch::async, [&] {
            try {
                server.receive(obe::no_limit);
            } catch (const obe::error &e) {
                return e.status();
            }
            return OBE_OK;
        });
        while (call.wait_for(std::chrono::milliseconds(1)) != std::future_status::ready)
            end(server); // repeatedly: it does not affect a call that begins later
        return result_of(call);
    };
    CHECK_EQUAL(OBE_E_CANCELLED, blocked([](obe::server &s) { s.cancel(); }));
    CHECK_EQUAL(OBE_E_CLOSED, blocked([](obe::server &s) { s.close(); }));
    client.send(json_text("1")); // the server still works
    CHECK_EQUAL(std::string("1"), server.receive(test_timeout));
}

static void options_and_counters()
{
    obe::server server("", 0);
    obe::client client = client_of(server);

    server.set_option(OBE_OPT_MAX_MESSAGE, 1000);
    CHECK_EQUAL(std::string("1000"), server.get_option(OBE_OPT_MAX_MESSAGE));
    server.set_option(OBE_OPT_MAX_MESSAGE, "2000");
    server.set_option(std::string(OBE_OPT_ONE_WAY), true);
    CHECK_EQUAL(std::string("2000"), server.get_option(std::string(OBE_OPT_MAX_MESSAGE)));
    CHECK_EQUAL(std::string("1"), server.get_option(OBE_OPT_ONE_WAY));
    server.set_option(OBE_OPT_ONE_WAY, false);
    CHECK_EQUAL(std::string("0"), server.get_option(OBE_OPT_ONE_WAY));
    CHECK_EQUAL("127.0.0.1:" + std::to_string(server.port()), server.get_option(OBE_OPT_LOCAL));
    CHECK_THROWS(OBE_E_ARGUMENT, "colour", server.set_option("colour", 1));
    CHECK_THROWS(OBE_E_ARGUMENT, "", server.set_option(OBE_OPT_MAX_MESSAGE, -1));
    CHECK_THROWS(OBE_E_ARGUMENT, "colour", server.get_option("colour"));
    CHECK_THROWS(OBE_E_ARGUMENT, "colour", server.get_stat("colour"));
    client.send(json_text("1"));
    server.receive(test_timeout);
    CHECK_EQUAL(1, client.get_stat(OBE_STAT_MESSAGES_SENT));
    CHECK_EQUAL(11, server.get_stat(OBE_STAT_BYTES_RECEIVED));
    CHECK_THROWS(OBE_E_TOO_LARGE, "2000", server.send(std::string(3000, 'x')));
}

int main()
{
    RUN(texts);
    RUN(messages);
    RUN(replies_of_values);
    RUN(commands_outside_the_protocol);
    RUN(large_texts);
    RUN(large_texts_in_several_threads);
    RUN(one_client_in_several_threads);
    RUN(the_protocols_commands);
    RUN(invalid_replies);
    RUN(failures);
    RUN(timeouts);
    RUN(blocked_calls_woken);
    RUN(options_and_counters);
    CHECK_EQUAL(0, obe_test_live());
}
