// Messages: values of every type are set and read, invalid ones are refused, and the types of newer standards work.
#include "check.hpp"

#include <deque>
#include <limits>
#include <list>
#include <map>
#include <set>
#include <unordered_map>

#if __cplusplus >= 201703L
#include <optional>
#include <string_view>
#endif
#if __cplusplus >= 202002L
#include <span>
#endif

static void everything_set()
{
    const std::string string = "a \"text\"";
    const std::vector<double> vector = {1, 2.5};
    const std::array<double, 2> array = {{3, 4}};
    const double numbers[] = {5, 6};
    const float single = 0.5F;
    const unsigned char octet = 200;
    char writable[] = "chars";
    obe::message m("{\"kept\": 0}");

    m.set("true", true).set("false", false);
    m.set("int", -7).set("long", 1LL << 53).set("size", std::size_t(8)).set("short", short(9)).set("byte", octet);
    m.set("least", (std::numeric_limits<std::int64_t>::min)()).set("most", (std::numeric_limits<std::int64_t>::max)());
    m.set("double", 25.0).set("float", single).set("nan", std::nan(""));
    m.set("infinity", -std::numeric_limits<double>::infinity()).set("long double", 1.5L);
    m.set("literal", "Grüße").set("string", string).set("chars", writable).set("pointer", string.c_str());
    m.set("null", nullptr);
    m.set("braces", {7.0, 8.5}).set("one", {0}).set("vector", vector).set("array", array).set("numbers", numbers);
    m.set("part", obe::double_span(vector.data() + 1, 1)).set("none", std::vector<double>());
    m.set("matrix", obe::matrix(2, 2, vector.size() == 2 ? std::vector<double>{1, 2, 3, 4} : vector));
    m.set("view", obe::matrix_view(numbers, 1, 2)).set("empty", obe::matrix());
    m.set("json", obe::json_text("[1 ,2]")).set("message", obe::message("{\"in\": [1]}"));
    m.set(std::string("kept"), "again");
    CHECK_EQUAL(std::string("{\"kept\": \"again\", \"true\": true, \"false\": false, "
                            "\"int\": -7, \"long\": 9007199254740992, \"size\": 8, \"short\": 9, \"byte\": 200, "
                            "\"least\": -9223372036854775808, \"most\": 9223372036854775807, "
                            "\"double\": 25.0, \"float\": 0.5, \"nan\": NaN, \"infinity\": -Infinity, "
                            "\"long double\": 1.5, \"literal\": \"Grüße\", \"string\": \"a \\\"text\\\"\", "
                            "\"chars\": \"chars\", \"pointer\": \"a \\\"text\\\"\", \"null\": null, "
                            "\"braces\": [7.0, 8.5], \"one\": [0], \"vector\": [1.0, 2.5], \"array\": [3.0, 4.0], "
                            "\"numbers\": [5.0, 6.0], \"part\": [2.5], \"none\": [], "
                            "\"matrix\": [[1.0, 2.0], [3.0, 4.0]], \"view\": [[5.0, 6.0]], \"empty\": [], "
                            "\"json\": [1 ,2], \"message\": {\"in\": [1]}}"),
                m.json());
}

// Lists and maps of any depth, in set, to_json and get.
static void lists_and_maps()
{
    typedef std::map<std::string, std::vector<int>> table;
    const std::vector<bool> bits = {true, false};
    obe::message m("{}");
    m.set("ints", std::vector<int>{1, -2}).set("braces", {1, 2}).set("mixed", {1, 2.5}).set("texts", {"a", "\"b\""});
    m.set("strings", std::list<std::string>{"x", "ü"}).set("bools", bits).set("bit", bits[0]);
    m.set("floats", std::deque<float>{0.5F, 25}).set("set", std::set<unsigned char>{200, 7}).set("nulls", {nullptr});
    m.set("rows", std::vector<std::vector<double>>{{1, 2.5}, {}, {std::nan("")}});
    m.set("deep", std::vector<table>{{}, {{"a\"/~", {1, 2}}, {"b", {}}}}).set("array", std::array<int, 2>{{3, 4}});
    const int plain[] = {5, 6};
    m.set("plain", plain).set("none", std::vector<std::string>()).set("object", std::map<std::string, double>());
    m.set("json", std::vector<obe::json_text>{obe::json_text("[1 ,2]"), obe::json_text("null")});
    const double square[2][2] = {{1, 2}, {3, 4}};
    const int grid[1][2] = {{5, 6}};
    const char names[2][4] = {"a", "bc"};
    m.set("square", square).set("grid", grid).set("names", names);
    CHECK_EQUAL(std::string("{\"ints\": [1, -2], \"braces\": [1, 2], \"mixed\": [1.0, 2.5], "
                            "\"texts\": [\"a\", \"\\\"b\\\"\"], \"strings\": [\"x\", \"ü\"], "
                            "\"bools\": [true, false], \"bit\": true, \"floats\": [0.5, 25.0], \"set\": [7, 200], "
                            "\"nulls\": [null], \"rows\": [[1.0, 2.5], [], [NaN]], "
                            "\"deep\": [{}, {\"a\\\"/~\": [1, 2], \"b\": []}], \"array\": [3, 4], \"plain\": [5, 6], "
                            "\"none\": [], \"object\": {}, \"json\": [[1 ,2], null], "
                            "\"square\": [[1.0, 2.0], [3.0, 4.0]], \"grid\": [[5, 6]], \"names\": [\"a\", \"bc\"]}"),
                m.json());

    CHECK(m.get<std::vector<int>>("/ints") == (std::vector<int>{1, -2}));
    CHECK(m.get<std::list<std::string>>("/strings") == (std::list<std::string>{"x", "ü"}));
    CHECK(m.get<std::vector<bool>>("/bools") == bits);
    CHECK(m.get<std::deque<float>>("/floats") == (std::deque<float>{0.5F, 25}));
    CHECK(m.get<std::vector<long double>>("/mixed") == (std::vector<long double>{1, 2.5}));
    CHECK(m.get<std::vector<table>>("/deep") == (std::vector<table>{{}, {{"a\"/~", {1, 2}}, {"b", {}}}}));
    CHECK((m.get<std::array<short, 2>>("/array") == std::array<short, 2>{{3, 4}}));
    CHECK((m.get<std::array<double, 2>>("/array") == std::array<double, 2>{{3, 4}}));
    const auto rows = m.get<std::vector<std::vector<float>>>("/rows");
    CHECK(rows.size() == 3 && rows[0][1] == 2.5F && rows[1].empty() && std::isnan(rows[2][0]));
    CHECK(m.get<std::vector<obe::json_text>>("/json")[0] == "[1 ,2]");
    CHECK_EQUAL(2U, m.get<std::vector<obe::message>>("/json")[0].count());
    CHECK((m.get<std::unordered_map<std::string, int>>("/object").empty()));
    CHECK_EQUAL(0.5F, m.get<float>("/floats/0"));
    CHECK_EQUAL(1.0, m.get<std::vector<double>>("/ints")[0]);

    // A failure names the value, and a list is left as it was.
    std::vector<int> kept = {7};
    CHECK_THROWS(OBE_E_TYPE, "\"/mixed/0\"", m.read("/mixed", kept));
    CHECK(kept == std::vector<int>{7});
    CHECK_THROWS(OBE_E_RANGE, "\"/ints/1\" is -2", m.get<std::vector<unsigned>>("/ints"));
    CHECK_THROWS(OBE_E_TYPE, "\"/bit\" is not an array", m.get<std::vector<int>>("/bit"));
    CHECK_THROWS(OBE_E_TYPE, "\"/ints\" is not an object", m.get<table>("/ints"));
    CHECK_THROWS(OBE_E_TYPE, "\"/ints\" is an array of 2 elements, not of 3", m.get<std::array<int, 3>>("/ints"));
    typedef std::map<std::string, std::vector<bool>> other_table;
    CHECK_THROWS(OBE_E_TYPE, "/deep/1/a\\\"~1~0/0", m.get<std::vector<other_table>>("/deep"));
    CHECK_THROWS(OBE_E_NOT_FOUND, "", m.get<std::vector<int>>("/absent"));
    CHECK_EQUAL(3U, m.get("/absent", std::vector<int>(3)).size());
    CHECK_THROWS(OBE_E_RANGE, "18446744073709551615",
                 m.set("x", std::vector<std::uint64_t>{(std::numeric_limits<std::uint64_t>::max)()}));
    CHECK_THROWS(OBE_E_JSON, "", m.set("x", {"good", "\xff"}));
    CHECK_THROWS(OBE_E_JSON, "", m.set("x", std::vector<obe::json_text>{obe::json_text("1, 2")}));
    CHECK_THROWS(OBE_E_JSON, "", m.set("x", std::vector<obe::json_text>{obe::json_text("1]")}));
    CHECK_THROWS(OBE_E_HANDLE, "", obe::to_json(std::vector<obe::message>(1)));
    CHECK(!m.contains("/x"));

    const obe::message big("{\"big\": 1e39, \"small\": 1e-50, \"least\": -1e300, \"inf\": Infinity, "
                           "\"in\": [1, 1e39]}");
    CHECK_THROWS(OBE_E_RANGE, "\"/big\" is 1e+39", big.get<float>("/big"));
    CHECK_THROWS(OBE_E_RANGE, "\"/least\"", big.get<float>("/least"));
    CHECK_THROWS(OBE_E_RANGE, "\"/in/1\"", big.get<std::vector<float>>("/in"));
    CHECK_EQUAL(0.0F, big.get<float>("/small"));
    CHECK_EQUAL(std::numeric_limits<float>::infinity(), big.get<float>("/inf"));
#if __cplusplus >= 201703L
    const std::optional<int> none;
    m.set("none", none).set("some", std::optional<double>(2.5)).set("several", std::vector<std::optional<int>>{1, {}});
    CHECK_EQUAL(std::string("null"), m.json("/none"));
    CHECK_EQUAL(std::string("[1, null]"), m.json("/several"));
    CHECK(m.get<std::optional<double>>("/some") == 2.5 && !m.get<std::optional<int>>("/none"));
    CHECK(!m.get<std::optional<int>>("/absent"));
    CHECK(m.get<std::vector<std::optional<int>>>("/several") == (std::vector<std::optional<int>>{1, {}}));
    CHECK_THROWS(OBE_E_TYPE, "", m.get<std::optional<int>>("/strings"));
    CHECK((m.get<std::map<std::string, double, std::less<>>>("/object").empty()));
#endif
}

// Messages and errors are written to streams; a JSON text is a text and stays one.
static void texts_and_streams()
{
    std::ostringstream stream;
    stream << obe::message("{\"x\" :1}") << ' ' << obe::request(obe::adopt, obe::message("[]").release()) << ' '
           << obe::error(OBE_E_REFUSED, "no server is listening");
    CHECK_EQUAL(std::string("{\"x\" :1} [] no server is listening"), stream.str());
    const obe::json_text text("[1]");
    const std::string copy = text;
    CHECK_EQUAL(std::string("[1] \"[1]\" [1]"),
                obe::to_json(text) + ' ' + obe::to_json(copy) + ' ' + obe::to_json(obe::json_text(copy)));
    CHECK_EQUAL(copy, obe::message(text).json());
    CHECK_EQUAL(std::string("[1]"), obe::message("{}").set("x", obe::message(copy).json()).json("/x"));
    CHECK_THROWS(OBE_E_ARGUMENT, "", obe::json_text(static_cast<const char *>(nullptr)));
    CHECK_THROWS(OBE_E_JSON, "", obe::to_json(obe::json_text("[1,")));
    for (const char *wrong : {"{\"command\": \"x\"}", " [1]", "\n\"x\""})
        CHECK_THROWS(OBE_E_ARGUMENT, "obe::json_text", obe::command(wrong));
    CHECK_EQUAL(std::string("{\"command\": \"\"}"), obe::command("").json());
}

static void set_in_a_chain()
{
    const obe::message kept = obe::command("scan").set("from", 1.5).set("to", {3.5}).set("n", 3); // owns its handle
    CHECK_EQUAL(std::string("{\"command\": \"scan\", \"from\": 1.5, \"to\": [3.5], \"n\": 3}"), kept.json());
    CHECK_EQUAL(std::string("{\"a\": {\"b\": 1}}"), obe::message("{}").set("a", obe::message("{}").set("b", 1)).json());
    obe::message self("{\"x\": 1}");
    self.set("me", self);
    CHECK_EQUAL(std::string("{\"x\": 1, \"me\": {\"x\": 1}}"), self.json());
}

// A key that begins with "/" is a JSON pointer, for every kind of value.
static void set_by_pointer()
{
    obe::message m("{}");
    m.set("/scan/from", 1.5).set("/scan/name", "x").set("a/b", nullptr).set("/~1x", obe::matrix());
    m.set("/list", {1}).set("/list/-", 2).set("/list/0", std::vector<int>{3});
    m.set("/list/2", std::map<std::string, int>{{"a", 1}}).set("/list/2/b", true);
    CHECK_EQUAL(std::string("{\"scan\": {\"from\": 1.5, \"name\": \"x\"}, \"a/b\": null, \"/x\": [], "
                            "\"list\": [[3], 2, {\"a\": 1, \"b\": true}]}"),
                m.json());
    CHECK_THROWS(OBE_E_NOT_FOUND, "", m.set("/list/7", 1));
    CHECK_THROWS(OBE_E_TYPE, "", m.set("/scan/from/x", std::vector<int>{1}));
}

static void everything_read()
{
    const obe::message m("{\"i\": 300, \"d\": 2.5, \"b\": true, \"s\": \"a\\u0000b\", \"v\": [1, 2.5, NaN], "
                         "\"m\": [[1, 2, 3], [4, 5, 6]], \"o\": {\"x~y/z\": [10]}, \"null\": null, \"e\": []}");

    CHECK_EQUAL(300, m.get<int>("/i"));
    CHECK_EQUAL(std::uint16_t(300), m.get<std::uint16_t>("/i"));
    CHECK_EQUAL(300ULL, m.get<unsigned long long>("/i"));
    CHECK_EQUAL(300.0, m.get<double>("/i"));
    CHECK_EQUAL(2.5, m.get<double>("/d"));
    CHECK(m.get<bool>("/b"));
    CHECK_EQUAL(std::string("a\0b", 3), m.get<std::string>("/s"));
    const std::vector<double> v = m.get<std::vector<double>>("/v");
    CHECK(v.size() == 3 && v[0] == 1 && v[1] == 2.5 && std::isnan(v[2]));
    CHECK(m.get<std::vector<double>>("/e").empty());
    const obe::matrix table = m.get<obe::matrix>("/m");
    CHECK(table.rows() == 2 && table.cols() == 3 && table(0, 2) == 3 && table(1, 0) == 4);
    CHECK(table.values() == (std::vector<double>{1, 2, 3, 4, 5, 6}));
    CHECK(m.get<obe::matrix>("/e").rows() == 0 && m.get<obe::matrix>("/e").values().empty());
    CHECK_EQUAL(std::string("{\"x~y/z\": [10]}"), m.get<obe::message>("/o").json());
    CHECK_EQUAL(10, m.get<int>("/o/x~0y~1z/0"));
    CHECK_EQUAL(std::string("[10]"), m.json("/o/x~0y~1z"));
    CHECK_EQUAL(std::string("x~y/z"), m.key("/o", 0));
    CHECK_EQUAL(std::string("d"), m.key("", 1));
    CHECK_EQUAL(9U, m.count());
    CHECK_EQUAL(3U, m.count("/v"));
    CHECK(m.type() == OBE_OBJECT && m.type("/v") == OBE_ARRAY && m.type("/s") == OBE_STRING);
    CHECK(m.type("/i") == OBE_INTEGER && m.type("/d") == OBE_REAL && m.type("/b") == OBE_BOOL);
    CHECK_EQUAL(OBE_NULL, m.type("/null"));
    CHECK(m.contains("/o") && m.contains("/null") && !m.contains("/p") && !m.contains("/v/3"));
    CHECK_EQUAL(std::string("\"text\""), obe::message("\"text\"").json());
}

static void absent_values()
{
    const obe::message m("{\"x\": 1.5, \"s\": \"here\", \"v\": [1]}");

    CHECK_EQUAL(1.5, m.get("/x", 4.0));
    CHECK_EQUAL(4.0, m.get("/y", 4.0));
    CHECK_EQUAL(4, m.get("/y", 4));
    CHECK(m.get("/y", true));
    CHECK_EQUAL(std::string("here"), m.get("/s", "none"));
    CHECK_EQUAL(std::string("none"), m.get("/y", "none"));
    CHECK_EQUAL(std::string("none"), m.get("/y", std::string("none")));
    CHECK_THROWS(OBE_E_ARGUMENT, "NULL", m.get("/y", static_cast<const char *>(nullptr)));
    CHECK(m.get("/v", std::vector<double>{2}) == std::vector<double>{1});
    CHECK(m.get("/y", std::vector<double>{2}) == std::vector<double>{2});
    CHECK_EQUAL(std::string("[]"), m.get("/y", obe::message("[]")).json());
    CHECK_THROWS(OBE_E_NOT_FOUND, "y", m.get<double>("/y"));
    CHECK_THROWS(OBE_E_NOT_FOUND, "y", m.get<obe::message>("/y"));
    CHECK_THROWS(OBE_E_NOT_FOUND, "y", m.type("/y"));
    CHECK_THROWS(OBE_E_NOT_FOUND, "", m.key("", 3));
    CHECK_THROWS(OBE_E_TYPE, "", m.get("/s", 4.0)); // a value of another type is not absent
    CHECK_THROWS(OBE_E_ARGUMENT, "", m.get("x", 4.0));
    CHECK_THROWS(OBE_E_ARGUMENT, "", m.contains("x"));
#if __cplusplus >= 201703L
    CHECK_EQUAL(1.5, m.find<double>("/x").value_or(9));
    CHECK(m.find<double>("/y") == std::nullopt);
    CHECK_EQUAL(std::string("here"), *m.find<std::string>("/s"));
    CHECK(!m.find<obe::message>("/y"));
    CHECK_THROWS(OBE_E_TYPE, "", m.find<double>("/s"));
#endif
}

enum { not_a_number_of_anything = 7 };

static void values_that_do_not_fit()
{
    obe::message m("{\"x\": 300, \"n\": -1, \"d\": 25.0, \"s\": \"\", \"big\": 9223372036854775808, "
                   "\"m\": [[1], [2, 3]]}");

    CHECK_THROWS(OBE_E_RANGE, "\"/x\" is 300", m.get<unsigned char>("/x"));
    CHECK_THROWS(OBE_E_RANGE, "300", m.get<signed char>("/x"));
    CHECK_THROWS(OBE_E_RANGE, "-1", m.get<unsigned>("/n"));
    CHECK_THROWS(OBE_E_RANGE, "-1", m.get<std::uint64_t>("/n"));
    CHECK_THROWS(OBE_E_RANGE, "", m.get("/n", std::uint64_t(1)));
    CHECK_THROWS(OBE_E_RANGE, "", m.get<std::int64_t>("/big"));
    CHECK_THROWS(OBE_E_TYPE, "", m.get<int>("/d"));
    CHECK_THROWS(OBE_E_TYPE, "", m.get<double>("/s"));
    CHECK_THROWS(OBE_E_TYPE, "", m.get<bool>("/x"));
    CHECK_THROWS(OBE_E_TYPE, "", m.get<std::vector<double>>("/x"));
    CHECK_THROWS(OBE_E_TYPE, "row 1", m.get<obe::matrix>("/m"));
    CHECK_EQUAL(-1, m.get<int>("/n")); // a failure leaves the message as it was

    CHECK_THROWS(OBE_E_RANGE, "18446744073709551615", m.set("x", (std::numeric_limits<std::uint64_t>::max)()));
    if (std::numeric_limits<long double>::max_exponent > std::numeric_limits<double>::max_exponent) {
        const long double largest = (std::numeric_limits<long double>::max)();
        CHECK_THROWS(OBE_E_RANGE, "long double", m.set("x", largest));
        CHECK_THROWS(OBE_E_RANGE, "long double", obe::to_json(-largest));
        CHECK_THROWS(OBE_E_RANGE, "long double", obe::to_json(std::vector<long double>{1, largest}));
    }
    CHECK_EQUAL(std::string("-Infinity"), obe::to_json(-std::numeric_limits<long double>::infinity()));
    CHECK_THROWS(OBE_E_JSON, "", m.set("x", "\xff"));
    CHECK_THROWS(OBE_E_JSON, "", m.set("x", obe::json_text("[1,]")));
    CHECK_THROWS(OBE_E_ARGUMENT, "", m.set("x", static_cast<const char *>(nullptr)));
    CHECK_THROWS(OBE_E_TYPE, "", obe::message("[1]").set("x", 1));
    CHECK_THROWS(OBE_E_ARGUMENT, "NUL", m.set(std::string("x\0y", 3), 1));
    CHECK_THROWS(OBE_E_ARGUMENT, "NUL", m.get<int>(std::string("/x\0y", 4)));
    CHECK_EQUAL(300, m.get<int>("/x"));
    volatile bool flag = true; // as a signal handler or an interrupt sets it
    CHECK_EQUAL(std::string("true"), obe::to_json(flag));
    m.set("enumerator", static_cast<int>(not_a_number_of_anything));
    CHECK_EQUAL(7, m.get<int>("/enumerator"));

    CHECK_THROWS(OBE_E_JSON, "byte 1", obe::message("[}"));
    CHECK_THROWS(OBE_E_JSON, "", obe::message(std::string("1\0", 2)));
    CHECK_THROWS(OBE_E_JSON, "", obe::message(""));
    CHECK_THROWS(OBE_E_ARGUMENT, "", obe::message(static_cast<const char *>(nullptr)));
    CHECK_THROWS(OBE_E_JSON, "", obe::command("\xff"));
    CHECK_THROWS(OBE_E_ARGUMENT, "5 numbers", obe::matrix(2, 3, std::vector<double>(5)));
}

// Texts and lists of about the sizes at which a larger buffer is needed.
static void sizes()
{
    for (std::size_t n : {0U, 1U, 7U, 8U, 9U, 511U, 512U, 513U, 5000U}) {
        std::vector<double> list;
        for (std::size_t i = 0; i < n; i++)
            list.push_back(static_cast<double>(i) + 0.5);
        const std::string string(n, 's');
        const obe::message m = obe::message("{}").set("s", string).set("v", list).set("m", obe::matrix(n, 1, list));
        const obe::message keyed = obe::message("{}").set(string, 1);

        CHECK_EQUAL(string, m.get<std::string>("/s"));
        CHECK_EQUAL('"' + string + '"', m.json("/s"));
        CHECK_EQUAL(string, keyed.key("", 0));
        CHECK(m.get<std::vector<double>>("/v") == list);
        const obe::matrix read = m.get<obe::matrix>("/m");
        CHECK(read.values() == list && read.rows() == n && (n == 0 || read.cols() == 1));
    }
}

static void memory_is_reused()
{
    const obe::message large = obe::message("{}").set("v", std::vector<double>(1000, 1.5));
    const obe::message little = obe::message("{}").set("v", {2.5});
    std::vector<double> values;

    large.read("/v", values);
    CHECK(values == std::vector<double>(1000, 1.5));
    const double *memory = values.data();
    little.read("/v", values);
    CHECK(values == std::vector<double>{2.5});
    CHECK_EQUAL(memory, values.data());

    double room[4] = {7, 7, 7, 7};
    CHECK_EQUAL(1U, little.read("/v", room, 4));
    CHECK(room[0] == 2.5 && room[1] == 7);
    CHECK_THROWS(OBE_E_BUFFER, "1000", large.read("/v", room, 4));
    CHECK(room[0] == 2.5 && room[1] == 7);
#if __cplusplus >= 202002L
    CHECK_EQUAL(1U, little.read("/v", std::span<double>(room)).size());
    std::array<double, 3> array = {};
    CHECK_EQUAL(array.data(), little.read("/v", std::span(array)).data());
    CHECK_EQUAL(2.5, array[0]);
    CHECK_THROWS(OBE_E_BUFFER, "1000", large.read("/v", std::span<double>(room)));
#endif
}

static void views()
{
#if __cplusplus >= 201703L
    const std::string_view text = std::string_view("command and more").substr(0, 7), nothing;
    obe::message m("{}");
    m.set(text, text).set("nothing", nothing);
    CHECK_EQUAL(std::string("{\"command\": \"command\", \"nothing\": \"\"}"), m.json());
    CHECK_EQUAL(std::string("command"), m.get<std::string>(std::string_view("/command...").substr(0, 8)));
    CHECK_THROWS(OBE_E_ARGUMENT, "NUL", m.set(std::string_view("a\0b", 3), 1));
    CHECK_EQUAL(std::string("[1]"), obe::message(std::string_view("[1]]").substr(0, 3)).json());
    CHECK_THROWS(OBE_E_JSON, "", obe::message{nothing});
#endif
#if __cplusplus >= 202002L
    double values[] = {1, 2, 3};
    const std::span<double> open(values);
    const std::span<const double, 3> fixed(values);
    CHECK_EQUAL(std::string("[1.0, 2.0, 3.0]"), obe::to_json(open));
    CHECK_EQUAL(std::string("[1.0, 2.0, 3.0]"), obe::to_json(fixed));
    CHECK_EQUAL(std::string("[2.0]"), obe::to_json(open.subspan(1, 1)));
#endif
    CHECK_EQUAL(std::string("\"OK\""), obe::to_json("OK"));
    CHECK_EQUAL(std::string("[2.5, 1.0]"), obe::to_json({2.5, 1}));
    CHECK_EQUAL(std::string("[[1.0], [1.0]]"), obe::to_json(obe::matrix(2, 1, 1)));
    CHECK_EQUAL(std::string("3"), obe::to_json(3));
    CHECK_EQUAL(std::string("null"), obe::to_json(nullptr));
    CHECK_EQUAL(std::string("{\"command\": \"x\"}"), obe::to_json(obe::command("x")));
}

static void matrices()
{
    obe::matrix m(2, 3);
    m(1, 2) = 5;
    const obe::matrix copy = m;
    m(1, 2) = 6;
    CHECK(copy(1, 2) == 5 && m(1, 2) == 6 && copy(0, 0) == 0);
    obe::matrix reused(10, 10, 3);
    obe::message("[[1, 2]]").read("", reused);
    CHECK(reused.rows() == 1 && reused.cols() == 2 && reused.values() == (std::vector<double>{1, 2}));

    obe::matrix moved(std::move(m));
    CHECK(moved(1, 2) == 6 && m.rows() == 0 && m.cols() == 0 && m.values().empty());
    m = std::move(moved);
    CHECK(m(1, 2) == 6 && moved.rows() == 0 && moved.cols() == 0);
    obe::matrix &same = m;
    m = std::move(same);
    CHECK(m.rows() == 2 && m(1, 2) == 6);
    obe::message nothing("{}");
    nothing.set("m", moved);
    CHECK_EQUAL(std::string("{\"m\": []}"), nothing.json());
}

static void errors()
{
    obe::error general(OBE_E_TIMEOUT), special(OBE_E_REFUSED, "no server is listening");
    CHECK_EQUAL(std::string(obe_strerror(OBE_E_TIMEOUT)), general.what());
    CHECK_EQUAL(std::string("no server is listening"), special.what());
    CHECK_EQUAL(std::string(obe_strerror(OBE_E_REFUSED)), special.code().message());
    CHECK_EQUAL(std::string("obe"), special.code().category().name());
    CHECK(special.code().category() == obe::category() && special.code().value() == OBE_E_REFUSED);
    const obe::error copy = special;
    CHECK_EQUAL(std::string("no server is listening"), copy.what());

    const struct {
        obe_status status;
        std::errc same;
    } conditions[] = {
        {OBE_E_ARGUMENT, std::errc::invalid_argument},
        {OBE_E_TIMEOUT, std::errc::timed_out},
        {OBE_E_CANCELLED, std::errc::operation_canceled},
        {OBE_E_RESET, std::errc::connection_reset},
        {OBE_E_REFUSED, std::errc::connection_refused},
        {OBE_E_UNREACHABLE, std::errc::host_unreachable},
        {OBE_E_IN_USE, std::errc::address_in_use},
        {OBE_E_PERMISSION, std::errc::permission_denied},
        {OBE_E_TOO_LARGE, std::errc::message_size},
        {OBE_E_UNSUPPORTED, std::errc::not_supported},
        {OBE_E_IO, std::errc::io_error},
        {OBE_E_MEMORY, std::errc::not_enough_memory},
    };
    for (const auto &c : conditions) {
        CHECK(obe::error(c.status).code() == c.same);
        CHECK(obe::error(OBE_E_JSON).code() != c.same);
    }
    const std::exception &base = special;
    CHECK_EQUAL(std::string("no server is listening"), base.what());
    CHECK_EQUAL(std::string(OBE_VERSION), obe::version());
}

static void timeouts()
{
    using namespace std::chrono;
    CHECK_EQUAL(OBE_DEFAULT_TIMEOUT, obe::time_limit().milliseconds());
    CHECK_EQUAL(OBE_FOREVER, obe::no_limit.milliseconds());
    CHECK_EQUAL(OBE_NO_WAIT, obe::no_wait.milliseconds());
    CHECK_EQUAL(2000, obe::time_limit(seconds(2)).milliseconds());
    CHECK_EQUAL(1, obe::time_limit(nanoseconds(1)).milliseconds());
    CHECK_EQUAL(1, obe::time_limit(milliseconds(1)).milliseconds());
    CHECK_EQUAL(2, obe::time_limit(microseconds(1001)).milliseconds());
    CHECK_EQUAL(30, obe::time_limit(nanoseconds(30000000)).milliseconds());
    CHECK_EQUAL(501, obe::time_limit(duration<double>(0.5001)).milliseconds());
    CHECK_EQUAL(0, obe::time_limit(seconds(0)).milliseconds());
    CHECK_EQUAL(0, obe::time_limit(milliseconds(-1)).milliseconds()); // expired, not forever
    CHECK_EQUAL(0, obe::time_limit((hours::min)()).milliseconds());
    CHECK_EQUAL(OBE_FOREVER, obe::time_limit((hours::max)()).milliseconds());
    CHECK_EQUAL(9223372036855, obe::time_limit((nanoseconds::max)()).milliseconds());
    CHECK_EQUAL(OBE_FOREVER, obe::time_limit(duration<double>(std::numeric_limits<double>::infinity())).milliseconds());
}

int main()
{
    RUN(everything_set);
    RUN(lists_and_maps);
    RUN(texts_and_streams);
    RUN(set_in_a_chain);
    RUN(set_by_pointer);
    RUN(everything_read);
    RUN(absent_values);
    RUN(values_that_do_not_fit);
    RUN(sizes);
    RUN(memory_is_reused);
    RUN(views);
    RUN(matrices);
    RUN(errors);
    RUN(timeouts);
    CHECK_EQUAL(0, obe_test_live());
}
