// Objects and their handles: moves, moved-from objects, released and adopted handles, and no handle is left over.
#include "peer.hpp"

#include "../c/commands.h"

#include <map>

template <class Object> static void moves(Object first, Object second)
{
    const auto one = first.native_handle(), two = second.native_handle();
    const std::int64_t live = obe_test_live();
    CHECK(one != nullptr && two != nullptr && first);

    Object moved(std::move(first));
    CHECK(moved.native_handle() == one && !first && first.native_handle() == nullptr);
    second = std::move(moved); // the handle of second is freed
    CHECK(second.native_handle() == one && !moved);
    CHECK_EQUAL(live - 1, obe_test_live());
    Object &itself = second;
    second = std::move(itself);
    CHECK_EQUAL(one, second.native_handle());
    Object empty(std::move(first));
    CHECK(!empty);
    empty = std::move(moved); // empty to empty
    CHECK(!empty);
    std::swap(second, empty);
    CHECK(!second && empty.native_handle() == one);
    CHECK_EQUAL(live - 1, obe_test_live());

    const auto released = empty.release();
    CHECK(released == one && !empty && empty.release() == nullptr);
    {
        Object taken(obe::adopt, released);
        CHECK_EQUAL(one, taken.native_handle());
    }
    CHECK_EQUAL(live - 2, obe_test_live());
    CHECK_EQUAL(OBE_E_HANDLE, obe::detail::free_handle(released));
    Object stale(obe::adopt, released); // its destructor frees it again, and ignores the failure
    CHECK(stale && stale.last_error().find("was freed, or is not a handle") != std::string::npos);
}

static void moving()
{
    moves(obe::client(), obe::client());
    moves(obe::server("", 0), obe::server("", 0));
    moves(obe::message("1"), obe::message("2"));
    obe::server server("", 0);
    obe::client client = client_of(server), other = client_of(server);
    client.send(json_text("1"));
    other.send(json_text("2"));
    obe::request one = server.receive_request(test_timeout), two = server.receive_request(test_timeout);
    moves(std::move(one), std::move(two));
    obe::message received = obe::request(); // a request is a message
    CHECK(!received);
    obe::message stale(obe::adopt, reinterpret_cast<obe_message>(client.native_handle()));
    CHECK_THROWS(OBE_E_HANDLE, "this is a client, not a message", stale.json());
    stale.release();
    stale = obe::message(obe::adopt, obe::message("1").native_handle()); // already freed
    CHECK_THROWS(OBE_E_HANDLE, "was freed, or is not a handle", stale.json());
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
static_assert(!std::is_convertible<const char *, obe::message>::value, "a text is not implicitly a message");
static_assert(!std::is_convertible<int, obe::time_limit>::value, "a timeout has a unit");

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

// Every use of an object without a handle throws OBE_E_HANDLE.
template <class Object, class Call> static void throws_without_handle(const char *name, Object &object, Call call)
{
    try {
        call(object);
    } catch (const obe::error &e) {
        if (e.status() != OBE_E_HANDLE || std::string(e.what()).find("the handle is NULL") == std::string::npos)
            fail_at(__FILE__, __LINE__, std::string(name) + " threw " + std::to_string(e.status()) + ": " + e.what());
        return;
    }
    fail_at(__FILE__, __LINE__, std::string(name) + " threw nothing");
}

#define WITHOUT_HANDLE(object, call) \
    throws_without_handle(#object "." #call, object, [&](decltype(object) &o) { \
        (void)sizeof(o); \
        (void)o.call; \
    })

static void moved_from()
{
    obe::client client, client_there(std::move(client));
    WITHOUT_HANDLE(client, send(json_text("1")));
    WITHOUT_HANDLE(client, send(obe::message("1")));
    WITHOUT_HANDLE(client, receive());
    WITHOUT_HANDLE(client, receive_message());
    WITHOUT_HANDLE(client, close());
    WITHOUT_HANDLE(client, cancel());
    WITHOUT_HANDLE(client, set_timeout(obe::no_limit));
    WITHOUT_HANDLE(client, set_option(OBE_OPT_PERSISTENT, true));
    WITHOUT_HANDLE(client, get_option(OBE_OPT_PERSISTENT));
    WITHOUT_HANDLE(client, get_stat(OBE_STAT_MESSAGES_SENT));
    WITHOUT_HANDLE(client, tcmd(json_text("1")));
    WITHOUT_HANDLE(client, tcmd("name"));
    WITHOUT_HANDLE(client, tcmd(obe::message("1")));
    WITHOUT_HANDLE(client, wait_ready());
#define OK_CALL(X, name) WITHOUT_HANDLE(client, name());
#define ARRAY_CALL(X, name, array) WITHOUT_HANDLE(client, name());
    EACH_OK_COMMAND(OK_CALL, )
    EACH_NUMBERS_COMMAND(ARRAY_CALL, )
    EACH_ROWS_COMMAND(ARRAY_CALL, )
    WITHOUT_HANDLE(client, newrun());
    WITHOUT_HANDLE(client, newrun(obe::message("{}")));
    WITHOUT_HANDLE(client_there, newrun(obe::message()));
    WITHOUT_HANDLE(client_there, tcmd(obe::message()));
    WITHOUT_HANDLE(client_there, send(obe::message()));
    WITHOUT_HANDLE(client, goodset(4));
    WITHOUT_HANDLE(client, newdat(1, 1, 1));
    obe::message reply;
    WITHOUT_HANDLE(client, try_receive(reply));

    obe::server server("", 0), server_there(std::move(server));
    obe::request request;
    WITHOUT_HANDLE(server, receive());
    WITHOUT_HANDLE(server, send("1"));
    WITHOUT_HANDLE(server, send(json_text("1")));
    WITHOUT_HANDLE(server, port());
    WITHOUT_HANDLE(server, receive_request());
    WITHOUT_HANDLE(server, try_receive(request));
    WITHOUT_HANDLE(server, serve([](const obe::request &) {}));

    obe::message message("{}"), message_there(std::move(message));
    WITHOUT_HANDLE(message, set("x", 1));
    WITHOUT_HANDLE(message, set("x", {1.0}));
    WITHOUT_HANDLE(message, set("x", obe::message("1")));
    WITHOUT_HANDLE(message_there, set("x", obe::message()));
    WITHOUT_HANDLE(message, get<int>("/x"));
    WITHOUT_HANDLE(message, get<std::string>("/x"));
    WITHOUT_HANDLE(message, get<std::vector<double>>("/x"));
    WITHOUT_HANDLE(message, get<std::vector<int>>("/x"));
    WITHOUT_HANDLE(message, set("x", std::vector<int>{1}));
    std::ostringstream stream;
    CHECK_THROWS(OBE_E_HANDLE, "the handle is NULL", stream << message);
    WITHOUT_HANDLE(message, get<obe::matrix>("/x"));
    WITHOUT_HANDLE(message, get<obe::message>("/x"));
    WITHOUT_HANDLE(message, get("/x", 1.0));
    WITHOUT_HANDLE(message, contains("/x"));
    WITHOUT_HANDLE(message, type());
    WITHOUT_HANDLE(message, count());
    WITHOUT_HANDLE(message, key("", 0));
    WITHOUT_HANDLE(message, json());

    WITHOUT_HANDLE(request, peer());
    WITHOUT_HANDLE(request, reply("1"));
    WITHOUT_HANDLE(request, reply(json_text("1")));
    WITHOUT_HANDLE(request, reply(obe::message("1")));
    CHECK_EQUAL(std::string("{}"), message_there.json()); // the moved objects work
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
