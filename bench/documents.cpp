// JSON in messages, compared with std::to_chars in a loop and simdjson on-demand (with HAVE_SIMDJSON). The array is a
// million doubles, uniform in [0, 1). The commands:
//
//     write obe | to_chars          converts the array to JSON
//     read obe | fresh | simdjson   converts it back: from an existing message, or (fresh) including its validation
//     check COUNT                   the rate of the validation of this array as a message
//     member                        reads one member of a reply of 200 bytes
//     text FILE                     writes the array's JSON to a file, for Python's json
//     serve                         starts a thread that sends the array for each command, and answers with its port
//     peak PORT                     receives it there, reads the array, and reports the growth of the process
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include <sys/socket.h>
#include <unistd.h>

#include "common.h"
#include "library.h"

#ifdef HAVE_SIMDJSON
#include <simdjson.h>
#endif

namespace {

constexpr size_t COUNT = 1000000;
std::vector<double> values;
std::string text; // {"command": "data", "x": [...]}

obe_message array_message()
{
    obe_message message;
    check_ok(obe_command_new("data", &message), "obe_command_new");
    check_ok(obe_set_doubles(message, "x", values.data(), static_cast<int64_t>(values.size())), "obe_set_doubles");
    return message;
}

int64_t text_length(obe_message message)
{
    int64_t length = 0;
    if (obe_get_json(message, "", nullptr, 0, &length) != OBE_E_BUFFER)
        check_ok(OBE_E_INTERNAL, "obe_get_json");
    return length;
}

void prepare()
{
    if (!values.empty())
        return;
    std::mt19937_64 random(1);
    std::uniform_real_distribution<double> uniform;
    for (size_t i = 0; i < COUNT; i++)
        values.push_back(uniform(random));
    obe_message message = array_message();
    int64_t length = text_length(message);
    text.resize(static_cast<size_t>(length));
    check_ok(obe_get_json(message, "", &text[0], length, &length), "obe_get_json");
    check_ok(obe_message_free(message), "obe_message_free");
}

void answer(uint64_t began, const char *more = "")
{
    std::printf("{\"ms\": %.4f%s}\n", static_cast<double>(now_ns() - began) / 1e6, more);
}

void write_obe()
{
    int64_t length;
    uint64_t began = now_ns();
    obe_message message = array_message();
    length = text_length(message); // the text is written at the latest here
    answer(began);
    require(length == static_cast<int64_t>(text.size()), "unexpected text");
    check_ok(obe_message_free(message), "obe_message_free");
}

void write_to_chars()
{
    static std::vector<char> buffer(text.size() + COUNT * 2); // with all pages resident, in favour of this side
    uint64_t began = now_ns();
    char *at = buffer.data(), *end = at + buffer.size();
    *at++ = '[';
    for (double value : values) {
        at = std::to_chars(at, end, value).ptr;
        *at++ = ',';
        *at++ = ' ';
    }
    at[-2] = ']';
    answer(began);
}

std::vector<double> &cleared_array()
{
    static std::vector<double> numbers(COUNT);
    std::fill(numbers.begin(), numbers.end(), 0.0);
    return numbers;
}

void read_obe(bool fresh) // fresh: includes the validation and the copy of the text
{
    std::vector<double> &numbers = cleared_array();
    obe_message message = nullptr;
    int64_t count;
    uint64_t began = now_ns();
    check_ok(obe_message_new(text.data(), static_cast<int64_t>(text.size()), &message), "obe_message_new");
    if (!fresh)
        began = now_ns();
    check_ok(obe_get_doubles(message, "/x", numbers.data(), static_cast<int64_t>(COUNT), &count), "obe_get_doubles");
    answer(began);
    require(numbers == values, "other numbers");
    check_ok(obe_message_free(message), "obe_message_free");
}

#ifdef HAVE_SIMDJSON
void read_simdjson()
{
    static simdjson::ondemand::parser parser;
    static const simdjson::padded_string padded(text); // padded before the clock starts, in favour of this side
    std::vector<double> &numbers = cleared_array();
    size_t i = 0;
    uint64_t began = now_ns();
    simdjson::ondemand::document parsed = parser.iterate(padded);
    for (auto element : parsed["x"].get_array())
        numbers[i++] = element.get_double();
    answer(began);
    require(numbers == values, "other numbers");
}
#endif

void check(int count) // see check in transfer.c
{
    obe_socket client = client_of(OBE_DEFAULT_PORT);
    int64_t length = static_cast<int64_t>(text.size()) - 1;
    uint64_t began = now_ns();
    for (int i = 0; i < count; i++)
        require(obe_send(client, text.data(), length, 0) == OBE_E_JSON, "the message is valid");
    double ns = static_cast<double>(now_ns() - began);
    std::printf("{\"rate\": %.4f}\n", static_cast<double>(length) * count / ns);
    check_ok(obe_free(client), "obe_free");
}

void member() // reads each message once, so that no call can use a cache of an earlier one
{
    static const char reply[] = "{\"status\": \"OK\", \"run\": 17, \"settings\": [2.8714285714285714, 0.25, 1e-05], "
                                "\"mean\": [2840.25, 0.1, 3.0000000000000004], \"std\": [0.0123, 0.0045, 0.0456], "
                                "\"picks\": 4, \"note\": \"dip at centre\"}";
    constexpr size_t MESSAGES = 2000;
    std::vector<obe_message> messages(MESSAGES);
    double value = 0;
    for (obe_message &message : messages)
        check_ok(obe_message_new(reply, sizeof reply - 1, &message), "obe_message_new");
    uint64_t began = now_ns();
    for (obe_message message : messages)
        check_ok(obe_get_double(message, "/mean/1", &value), "obe_get_double");
    double ns = static_cast<double>(now_ns() - began) / MESSAGES;
    require(value == 0.1, "unexpected value");
    for (obe_message message : messages)
        check_ok(obe_message_free(message), "obe_message_free");
    std::printf("{\"ns\": %.1f, \"bytes\": %zu}\n", ns, sizeof reply - 1);
}

void *serve(void *argument)
{
    int listener = static_cast<int>(reinterpret_cast<intptr_t>(argument));
    auto *reader = static_cast<struct reader *>(allocate(sizeof(struct reader)));
    char command[256];
    for (;;) {
        reader->fd = accept(listener, nullptr, nullptr);
        require(reader->fd >= 0, "accept");
        reader->start = reader->end = 0;
        while (baseline_read(reader, command, sizeof command) >= 0 &&
               baseline_write(reader->fd, text.data(), text.size()))
            ;
        close(reader->fd);
    }
    return nullptr;
}

void peak(int port)
{
    obe_socket client = client_of(port);
    obe_message message;
    int64_t count;
    long before = resident_kb("VmHWM");
    check_ok(obe_send(client, COMMAND, sizeof COMMAND - 1, 5000), "obe_send");
    check_ok(obe_receive_message(client, &message, TIMEOUT_S * 1000), "obe_receive_message");
    std::vector<double> numbers(COUNT);
    check_ok(obe_get_doubles(message, "/x", numbers.data(), static_cast<int64_t>(COUNT), &count), "obe_get_doubles");
    long grown = resident_kb("VmHWM") - before;
    int64_t length = text_length(message);
    std::printf("{\"grown\": %ld, \"message\": %ld, \"array\": %zu}\n", grown * 1024, static_cast<long>(length),
                COUNT * sizeof(double));
    check_ok(obe_message_free(message), "obe_message_free");
    check_ok(obe_free(client), "obe_free");
}

void to_file(const char *path)
{
    FILE *file = std::fopen(path, "w");
    require(file != nullptr, path);
    require(std::fwrite(text.data(), 1, text.size(), file) == text.size() && std::fclose(file) == 0, path);
    std::printf("{\"bytes\": %zu}\n", text.size());
}

} // namespace

int main()
{
    char *words[WORDS];
    while (next_command(words)) {
        const std::string what = words[0], how = words[1] ? words[1] : "";
        if (what != "peak")
            prepare(); // not for peak, whose high-water mark it would raise
        if (what == "write" && how == "obe") {
            write_obe();
        } else if (what == "write") {
            write_to_chars();
#ifdef HAVE_SIMDJSON
        } else if (what == "read" && how == "simdjson") {
            read_simdjson();
#endif
        } else if (what == "read") {
            read_obe(how == "fresh");
        } else if (what == "check") {
            check(std::atoi(words[1]));
        } else if (what == "member") {
            member();
        } else if (what == "text") {
            to_file(words[1]);
        } else if (what == "serve") {
            int port, listener = baseline_listen(&port);
            start_thread(serve, reinterpret_cast<void *>(static_cast<intptr_t>(listener)));
            std::printf("{\"port\": %d}\n", port);
        } else if (what == "peak") {
            peak(std::atoi(words[1]));
        }
    }
    return 0;
}
