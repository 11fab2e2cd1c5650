// Objects and their handles: moves, what was moved from, handles given up and taken over, and none left in the end.
#include "peer.hpp"

#include <map>

template <class Object> static void moves(Object first, Object second)
{
    const std::uintptr_t one = first.native_handle(), two = second.native_handle();
    const std::int64_t live = obe_test_live();
    CHECK(one != 0 && two != 0 && first);

    Object moved(std::move(first));
    CHECK(moved.native_handle() == one && !first && first.native_handle() == 0);
    second = std::move(moved); // what it had is freed
    CHECK(second.native_handle() == one && !moved);
    CHECK_EQUAL(live - 1, obe_test_live());
    Object &itself = second;
    second = std::move(itself);
    CHECK_EQUAL(one, second.native_handle());
    Object empty(std::move(first));
    CHECK(!empty);
    empty = std::move(moved); // nothing to nothing
    CHECK(!empty);
    std::swap(second, empty);
    CHECK(!second && empty.native_handle() == one);
    CHECK_EQUAL(live - 1, obe_test_live());

    const std::uintptr_t given = empty.release();
    CHECK(given == one && !empty && empty.release() == 0);
    {
        Object taken(obe::adopt, given);
        CHECK_EQUAL(one, taken.native_handle());
    }
    CHECK_EQUAL(live - 2, obe_test_live());
    CHECK_EQUAL(OBE_E_HANDLE, obe_free(given));
    Object stale(obe::adopt, given); // to free it again at its end is a failure that nobody sees
    CHECK(stale && stale.last_error().find("was freed, or never was one") != std::string::npos);
}

static void moving()
{
    moves(obe::client(), obe::client());
    moves(obe::server("", 0), obe::server("", 0));
    moves(obe::message("1"), obe::message("2"));
    obe::server server("", 0);
    obe::client client = client_of(server), other = client_of(server);
    client.send("1");
    other.send("2");
    obe::request one = server.receive_request(patience), two = server.receive_request(patience);
    moves(std::move(one), std::move(two));
    obe::message document = obe::request(); // a request is a message
    CHECK(!document);
    obe::message stale(obe::adopt, client.native_handle());
    CHECK_THROWS(OBE_E_HANDLE, "not one of this kind", stale.json()); // it is a client's
    stale.release();
    stale = obe::message(obe::adopt, obe::message("1").native_handle()); // freed before it got here
    CHECK_THROWS(OBE_E_HANDLE, "was freed, or never was one", stale.json());
}

static_assert(!std::is_copy_constructible<obe::client>::value && !std::is_copy_assignable<obe::client>::value, "");
static_assert(!std::is_copy_constructible<obe::server>::value && !std::is_copy_assignable<obe::server>::value, "");
static_assert(!std::is_copy_constructible<obe::message>::value && !std::is_copy_assignable<obe::message>::value, "");
static_assert(!std::is_copy_constructible<obe::request>::value && !std::is_copy_assignable<obe::request>::value, "");
static_assert(std::is_nothrow_move_constructible<obe::client>::value, "");
static_assert(std::is_nothrow_move_assignable<obe::client>::value, "");
static_assert(std::is_nothrow_move_constructible<obe::request>::value, "");
static_assert(std::is_nothrow_move_assignable<obe::request>::value, "");
static_assert(std::is_nothrow_destructible<obe::server>::value, "");
static_assert(std::is_nothrow_destructible<obe::message>::value, "");
static_assert(std::is_nothrow_copy_constructible<obe::error>::value, "an exception's copy must not throw");
static_assert(!std::is_convertible<const char *, obe::message>::value, "a text is no document by itself");
static_assert(!std::is_convertible<int, obe::timeout>::value, "a timeout has a unit");

static void in_containers()
{
    std::vector<obe::message> messages;
    for (int i = 0; i < 100; i++)
        messages.push_back(obe::message("{}").set("i", i));
    messages.erase(messages.begin());
    CHECK_EQUAL(1, messages.front().get<int>("/i"));
    CHECK_EQUAL(99, messages.back().get<int>("/i"));
    std::map<std::string, obe::client> clients;
    clients.emplace("one", obe::client());
    CHECK_EQUAL(100, obe_test_live());
}

// Each is OBE_E_HANDLE, and no crash.
template <class Object, class Call> static void nothing_in_it(const char *name, Object &object, Call call)
{
    try {
        call(object);
    } catch (const obe::error &e) {
        if (e.status() != OBE_E_HANDLE || std::string(e.what()).find("freed, or never was") == std::string::npos)
            failed(__FILE__, __LINE__, std::string(name) + " threw " + std::to_string(e.status()) + ": " + e.what());
        return;
    }
    failed(__FILE__, __LINE__, std::string(name) + " threw nothing");
}

#define NOTHING_IN(object, call) \
    nothing_in_it(#object "." #call, object, [&](decltype(object) &o) { (void)sizeof(o); (void)o.call; })

static void moved_from()
{
    obe::client client, client_there(std::move(client));
    NOTHING_IN(client, send("1"));
    NOTHING_IN(client, send(obe::message("1")));
    NOTHING_IN(client, receive());
    NOTHING_IN(client, receive_message());
    NOTHING_IN(client, close());
    NOTHING_IN(client, cancel());
    NOTHING_IN(client, set_timeout(obe::forever));
    NOTHING_IN(client, set_option("persistent", true));
    NOTHING_IN(client, get_option("persistent"));
    NOTHING_IN(client, stats("messages_sent"));
    NOTHING_IN(client, tcmd("1"));
    NOTHING_IN(client, tcmd(obe::message("1")));
    NOTHING_IN(client, wait_ready());
    NOTHING_IN(client, ready());
    NOTHING_IN(client, newrun());
    NOTHING_IN(client, newrun(obe::message("{}")));
    NOTHING_IN(client_there, newrun(obe::message()));
    NOTHING_IN(client_there, tcmd(obe::message()));
    NOTHING_IN(client_there, send(obe::message()));
    NOTHING_IN(client, optset());
    NOTHING_IN(client, goodset(4));
    NOTHING_IN(client, newdat(1, 1, 1));
    NOTHING_IN(client, getmean());
    NOTHING_IN(client, getstd());
    NOTHING_IN(client, getcov());
    NOTHING_IN(client, getpar());
    NOTHING_IN(client, getset());
    NOTHING_IN(client, getwgt());
    NOTHING_IN(client, getcon());
    NOTHING_IN(client, done());
    obe::message reply;
    NOTHING_IN(client, try_receive(reply));

    obe::server server("", 0), server_there(std::move(server));
    obe::request request;
    NOTHING_IN(server, receive());
    NOTHING_IN(server, send("1"));
    NOTHING_IN(server, port());
    NOTHING_IN(server, receive_request());
    NOTHING_IN(server, try_receive(request));
    NOTHING_IN(server, serve([](const obe::request &) {}));

    obe::message message("{}"), message_there(std::move(message));
    NOTHING_IN(message, set("x", 1));
    NOTHING_IN(message, set("x", {1.0}));
    NOTHING_IN(message, set("x", obe::message("1")));
    NOTHING_IN(message_there, set("x", obe::message()));
    NOTHING_IN(message, get<int>("/x"));
    NOTHING_IN(message, get<std::string>("/x"));
    NOTHING_IN(message, get<std::vector<double>>("/x"));
    NOTHING_IN(message, get<obe::matrix>("/x"));
    NOTHING_IN(message, get<obe::message>("/x"));
    NOTHING_IN(message, get("/x", 1.0));
    NOTHING_IN(message, contains("/x"));
    NOTHING_IN(message, type());
    NOTHING_IN(message, count());
    NOTHING_IN(message, key("", 0));
    NOTHING_IN(message, json());

    NOTHING_IN(request, reply("1"));
    NOTHING_IN(request, reply(obe::message("1")));
    CHECK_EQUAL(std::string("{}"), message_there.json()); // what was moved is well
    CHECK(server_there.port() > 0);
}

int main()
{
    RUN(moving);
    CHECK_EQUAL(0, obe_test_live());
    RUN(in_containers);
    CHECK_EQUAL(0, obe_test_live());
    RUN(moved_from);
    CHECK_EQUAL(0, obe_test_live());
}
