/* obe.hpp - the OBE socket protocol for C++11 and later
 *
 * The functions of obe.h as classes. An object frees its handle when it is destroyed, a failure is an exception with
 * the library's error message, a timeout is a std::chrono duration, and texts and arrays are types of the standard
 * library, among them std::string_view, std::optional and std::span where the language standard has them. It is
 * header-only: include this file and link with libobe.
 *
 *   #include <obe.hpp>
 *
 *   obe::client client;                                        // of the server on this machine
 *   client.set_timeout(std::chrono::seconds(5));               // for every call without a timeout argument
 *   client.wait_ready();                                       // the server may be starting
 *   client.newrun();
 *   for (int i = 0; i < 200; i++) {
 *       std::vector<double> setting = client.goodset(4);
 *       client.newdat(setting, measure(setting[0]), 0.005);    // the setting, the value, and its standard deviation
 *   }
 *   std::vector<double> mean = client.getmean();
 *
 * Commands other than the protocol's are messages:
 *
 *   obe::message reply = client.tcmd(obe::command("scan").set("frequencies", frequencies));
 *   auto intensity = reply.get<std::vector<double>>("/spectrum/intensity");
 *
 * A server replies with values:
 *
 *   volatile std::sig_atomic_t stop = 0;                       // ends serve; set by a signal handler, for example
 *   obe::server server;
 *   server.serve([](const obe::request &request) { request.reply({2.5, 1.0}); }, stop);
 *
 * Conventions:
 *
 * Values.    In set, in replies and in to_json the type of a value determines its JSON; see message::set. A text is a
 *            JSON string: reply("OK") sends "OK" with its quotes. JSON text has a type of its own, json_text: receive,
 *            json and to_json return it, and obe::json_text("[1, 2]") makes one of another text. It derives from
 *            std::string. Copied to a std::string, it is an ordinary text again.
 * Commands.  What a client sends is a command. There a text is the name of one: tcmd("optset") sends
 *            {"command": "optset"}. Otherwise it is a message, a json_text, or a map with texts as keys.
 * Failures.  Everything except destructors throws obe::error on failure. Its status() is a code of obe.h, and its
 *            what() is the error message: the operation, the peer and the cause. Nothing is printed.
 * Objects.   Clients, servers, messages and requests can be moved but not copied. A moved-from or default-constructed
 *            object owns no handle. It may be assigned to or destroyed, and its last_error is empty. Any other use
 *            throws OBE_E_HANDLE.
 * Threads.   Any member may be called from any thread, also on one object from several threads at once. Only moving,
 *            assigning to and destroying an object need exclusive access. cancel() and close() wake blocked calls. If
 *            calls on one object, or calls that create objects, fail on several threads at the same moment, what() may
 *            be the message of another of these failures. status() is always right.
 * Processes. In a child of fork that does not exec, every function throws OBE_E_FORKED, and destructors do nothing.
 * Exceptions are required, and a build without them stops with an error. Run-time type information is not required.
 *
 * obe.h describes the rest: the JSON that is accepted, the options, the counters, and the constants OBE_...
 */
#ifndef OBE_HPP
#define OBE_HPP

#include "obe.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <limits>
#include <ostream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#if !defined(__cpp_exceptions) && !defined(__EXCEPTIONS) && !defined(_CPPUNWIND)
#error "obe.hpp reports failures by exceptions, which this build disables; obe.h works without them"
#endif

#if defined(_MSVC_LANG)
#define OBE_HPP_STANDARD _MSVC_LANG /* there __cplusplus is 199711 without /Zc:__cplusplus */
#else
#define OBE_HPP_STANDARD __cplusplus
#endif

#if OBE_HPP_STANDARD >= 201703L
#include <optional>
#include <string_view>
#endif
#if OBE_HPP_STANDARD >= 202002L && defined(__has_include)
#if __has_include(<span>)
#include <span>
#endif
#endif

#ifndef _WIN32
#include <unistd.h>
#endif

/* An overload that is called with braces that mean nothing, and only says so. */
#define OBE_HPP_REFUSE_BRACES(Never) \
    static_assert(!std::is_void<Never>::value, \
                  "obe: these braces are not a list of values of one type; for an object use " \
                  "obe::message(\"{}\").set(key, value), for rows an obe::matrix")
#define OBE_HPP_REFUSE_COMMAND(Never) \
    static_assert(!std::is_void<Never>::value, \
                  "obe: braces are not a command; use its name, or obe::command(name).set(key, value)")

/* No name in this file may be a macro of a common header, whichever is included first. So some names are not the
 * obvious ones: Qt has the macro forever, curses timeout and move, X11 None and Status, windows.h min and max. */
namespace obe {

/* ---- Failures ---- */

namespace detail {

/* std::move. */
template <class T> constexpr typename std::remove_reference<T>::type &&rvalue(T &&value) noexcept
{
    return static_cast<typename std::remove_reference<T>::type &&>(value);
}

#ifdef _WIN32
inline bool forked() noexcept { return false; }
#else
/* The process that loaded the library. A template, so that all translation units share one variable. */
template <class = void> struct process {
    static const pid_t loaded;
};
template <class T> const pid_t process<T>::loaded = ::getpid();

/* Whether this is a forked child. It must not enter the library at all: the library's threads stayed in the parent. */
inline bool forked() noexcept
{
    const pid_t loaded = process<>::loaded; // still 0 in a constructor that runs before its initialization
    return loaded != 0 && ::getpid() != loaded;
}
#endif

class category : public std::error_category {
public:
    const char *name() const noexcept override { return "obe"; }

    std::string message(int status) const override
    {
        return forked() ? "Status " + std::to_string(status) + " of libobe." : std::string(obe_strerror(status));
    }

    std::error_condition default_error_condition(int status) const noexcept override
    {
        switch (status) {
        case OBE_E_ARGUMENT: return std::errc::invalid_argument;
        case OBE_E_TIMEOUT: return std::errc::timed_out;
        case OBE_E_CANCELLED: return std::errc::operation_canceled;
        case OBE_E_RESET: return std::errc::connection_reset;
        case OBE_E_REFUSED: return std::errc::connection_refused;
        case OBE_E_UNREACHABLE: return std::errc::host_unreachable;
        case OBE_E_IN_USE: return std::errc::address_in_use;
        case OBE_E_PERMISSION: return std::errc::permission_denied;
        case OBE_E_TOO_LARGE: return std::errc::message_size;
        case OBE_E_UNSUPPORTED: return std::errc::not_supported;
        case OBE_E_IO: return std::errc::io_error;
        case OBE_E_MEMORY: return std::errc::not_enough_memory;
        }
        return std::error_condition(status, *this);
    }
};

} // namespace detail

/// The error category of this library. Its values are the codes of obe.h, and its texts those of obe_strerror.
inline const std::error_category &category() noexcept
{
    static const detail::category instance;
    return instance;
}

/// A failure.
///
/// code() also compares with the standard's conditions: `e.code() == std::errc::timed_out`.
class error : public std::system_error {
public:
    /// message is what what() returns; an empty one stands for the general text of the status.
    explicit error(obe_status status, const std::string &message = std::string())
        : std::system_error(status, category()), message_(message.empty() ? code().message() : message)
    {}

    /// One of the codes of obe.h, such as OBE_E_TIMEOUT.
    obe_status status() const noexcept { return code().value(); }

    /// The error message: the operation, the peer and the cause.
    const char *what() const noexcept override { return message_.what(); }

private:
    std::runtime_error message_; // a string whose copy constructor does not throw
};

/// Writes the error message.
inline std::ostream &operator<<(std::ostream &stream, const error &failure) { return stream << failure.what(); }

namespace detail {

inline void refuse_forked()
{
    if (forked())
        throw error(OBE_E_FORKED, "libobe was loaded before this process was forked and cannot be used in the child; "
                                  "start a new process instead");
}

/* Reads the text that call(buffer, capacity, &length) writes. Its length may change from one call to the next. */
template <class Call> obe_status read_text(std::string &result, Call call)
{
    char first[512]; // most texts are shorter
    std::int64_t length = 0;
    obe_status status = call(first, static_cast<std::int64_t>(sizeof first), &length);
    if (status == OBE_OK)
        result.assign(first, static_cast<std::size_t>(length));
    while (status == OBE_E_BUFFER) {
        result.resize(static_cast<std::size_t>(length));
        status = call(&result[0], static_cast<std::int64_t>(result.size()), &length);
        if (status == OBE_OK)
            result.resize(static_cast<std::size_t>(length));
    }
    return status;
}

/* The error message of the last failure on a handle; for an invalid handle, of the last failure without one. */
inline std::string last_error_text(const void *handle)
{
    std::string result;
    const auto read = [&handle](char *buffer, std::int64_t capacity, std::int64_t *length) {
        return obe_last_error(handle, buffer, capacity, length);
    };
    if (read_text(result, read) == OBE_E_HANDLE) {
        handle = nullptr;
        read_text(result, read);
    }
    return result;
}

inline void expect(obe_status status, const void *handle)
{
    if (status != OBE_OK)
        throw error(status, last_error_text(handle));
}

/* Returns the handle that a function of obe.h creates. */
template <class Handle, class Function, class... Arguments> Handle create(Function function, Arguments... arguments)
{
    Handle handle = nullptr;
    refuse_forked();
    expect(function(arguments..., &handle), nullptr);
    return handle;
}

inline obe_status free_handle(obe_socket handle) noexcept { return obe_free(handle); }
inline obe_status free_handle(obe_message handle) noexcept { return obe_message_free(handle); }

} // namespace detail

/// The version of the library, such as "0.1.0". OBE_VERSION is the version of the headers.
inline std::string version()
{
    detail::refuse_forked();
    return obe_version();
}

/* ---- Arguments ----
 *
 * Parameter types, which convert from every type that a constructor names. A cstring_ref, double_span or matrix_view
 * does not own what it refers to: it is for the duration of a call and not to be stored.
 */

/// The time limit of a whole call.
///
/// It converts from any std::chrono duration. Fractions of a millisecond are rounded up, and a negative duration is
/// no_wait. A default-constructed time_limit is the default of the client or server, which set_timeout sets.
class time_limit {
public:
    constexpr time_limit() noexcept : ms_(OBE_DEFAULT_TIMEOUT) {}

    template <class Rep, class Period>
    time_limit(const std::chrono::duration<Rep, Period> &limit) noexcept
        : ms_(round_up(std::chrono::duration<double, std::milli>(limit).count()))
    {}

    /// From the milliseconds of obe.h, including OBE_FOREVER, OBE_NO_WAIT and OBE_DEFAULT_TIMEOUT.
    explicit constexpr time_limit(std::int64_t ms) noexcept : ms_(ms) {}

    /// The time limit in the milliseconds of obe.h.
    constexpr std::int64_t milliseconds() const noexcept { return ms_; }

private:
    static std::int64_t round_up(double ms) noexcept
    {
        return ms >= 9e18 ? OBE_FOREVER : ms > 0 ? static_cast<std::int64_t>(std::ceil(ms)) : OBE_NO_WAIT;
    }

    std::int64_t ms_;
};

constexpr time_limit no_limit(OBE_FOREVER); ///< Block until the call succeeds or fails.
constexpr time_limit no_wait(OBE_NO_WAIT);  ///< Do not block.

namespace detail {

/* A reference to a UTF-8 text: a string literal, a std::string or a std::string_view. The constructors are templates
 * where braces could otherwise select a constructor of std::string: {"a", "b"} would be a pair of iterators. */
class string_ref {
public:
    string_ref(const char *nul_terminated) noexcept : data_(nul_terminated), length_(-1) {}
    template <class Allocator>
    string_ref(const std::basic_string<char, std::char_traits<char>, Allocator> &string) noexcept
        : data_(string.data()), length_(static_cast<std::int64_t>(string.size()))
    {}
#if OBE_HPP_STANDARD >= 201703L
    template <class View, class = typename std::enable_if<std::is_same<View, std::string_view>::value>::type>
    string_ref(const View &view) noexcept
        : data_(view.data() ? view.data() : ""), length_(static_cast<std::int64_t>(view.size()))
    {}
#endif

    const char *data() const noexcept { return data_; }
    std::int64_t length() const noexcept { return length_; } // in bytes; -1 if the text is NUL-terminated

    std::string copy() const
    {
        if (data_ == nullptr)
            throw error(OBE_E_ARGUMENT, "a text is NULL");
        return length_ < 0 ? std::string(data_) : std::string(data_, static_cast<std::size_t>(length_));
    }

private:
    const char *data_;
    std::int64_t length_;
};

template <class Value> struct is_text : std::is_convertible<const Value &, string_ref> {};
template <> struct is_text<std::nullptr_t> : std::false_type {};

} // namespace detail

/// A JSON text. Where values become JSON, this one is written unchanged, and any other text as a JSON string.
///
/// It is a std::string of a different type, and converts to one.
class json_text : public std::string {
public:
    json_text() = default;

    /// From a string literal, a std::string or a std::string_view. It is checked when it is used.
    template <class Text, class = typename std::enable_if<detail::is_text<Text>::value>::type>
    explicit json_text(const Text &json) : std::string(detail::string_ref(json).copy())
    {}
    template <class Text, class = typename std::enable_if<std::is_same<Text, std::string>::value>::type>
    explicit json_text(Text &&json) noexcept : std::string(detail::rvalue(json))
    {}
};

/// A reference to a text without NUL characters: an address, a key, a JSON pointer, or the name of an option.
class cstring_ref {
public:
    cstring_ref(const char *nul_terminated) noexcept : chars_(nul_terminated) {}
    template <class Allocator>
    cstring_ref(const std::basic_string<char, std::char_traits<char>, Allocator> &string) : chars_(string.c_str())
    {
        refuse_nul(chars_, string.size());
    }
#if OBE_HPP_STANDARD >= 201703L
    template <class View, class = typename std::enable_if<std::is_same<View, std::string_view>::value>::type>
    cstring_ref(const View &view) : copy_(view), chars_(copy_.c_str())
    {
        refuse_nul(chars_, copy_.size());
    }
#endif
    cstring_ref(int) = delete; // rejects a literal 0, which may be meant as a port
    cstring_ref(const cstring_ref &) = delete;
    cstring_ref &operator=(const cstring_ref &) = delete;

    const char *c_str() const noexcept { return chars_; }

private:
    static void refuse_nul(const char *chars, std::size_t size)
    {
        if (std::char_traits<char>::find(chars, size, '\0') != nullptr)
            throw error(OBE_E_ARGUMENT, "a name, key or address contains a NUL character: " + std::string(chars, size));
    }

    std::string copy_; // of a view; also in C++11, so that the layout is the same in every standard
    const char *chars_;
};

/// A reference to a list of numbers: one number, {1.0, 2.0}, an array, a std::vector, std::array or std::span of
/// double, or a pointer and a count.
class double_span {
public:
    double_span(const double &one) noexcept : data_(&one), size_(1) {}
    double_span(const double *values, std::size_t count) noexcept : data_(values), size_(count) {}
    double_span(const std::initializer_list<double> &list) noexcept : double_span(list.begin(), list.size()) {}
    template <class Allocator>
    double_span(const std::vector<double, Allocator> &vector) noexcept : double_span(vector.data(), vector.size())
    {}
    template <std::size_t N> double_span(const std::array<double, N> &array) noexcept : double_span(array.data(), N) {}
    template <std::size_t N> double_span(const double (&array)[N]) noexcept : double_span(array, N) {}
#ifdef __cpp_lib_span
    template <class Double, std::size_t N,
              class = typename std::enable_if<std::is_same<const Double, const double>::value>::type>
    double_span(std::span<Double, N> span) noexcept : double_span(span.data(), span.size())
    {}
#endif

    const double *data() const noexcept { return data_; }
    std::size_t size() const noexcept { return size_; }

private:
    const double *data_;
    std::size_t size_;
};

/// A reference to a matrix that is stored row by row.
class matrix_view {
public:
    /// values points to rows times cols numbers.
    matrix_view(const double *values, std::size_t rows, std::size_t cols) noexcept
        : data_(values), rows_(rows), cols_(cols)
    {}

    const double *data() const noexcept { return data_; }
    std::size_t rows() const noexcept { return rows_; }
    std::size_t cols() const noexcept { return cols_; }

private:
    const double *data_;
    std::size_t rows_, cols_;
};

class message;
class matrix;
template <class Handle> class handle_base;

namespace detail {
struct reader;
} // namespace detail

/// A matrix: `m(row, col)`, with indices from 0, is one of its numbers. They are stored row by row.
class matrix {
public:
    matrix() noexcept : rows_(0), cols_(0) {}

    /// A matrix of rows times cols numbers that are all value.
    matrix(std::size_t rows, std::size_t cols, double value = 0.0)
        : values_(rows * cols, value), rows_(rows), cols_(cols)
    {}

    /// A matrix of the numbers in values, row by row. Throws OBE_E_ARGUMENT unless there are rows times cols of them.
    matrix(std::size_t rows, std::size_t cols, std::vector<double> values)
        : values_(detail::rvalue(values)), rows_(rows), cols_(cols)
    {
        if (values_.size() != rows * cols)
            throw error(OBE_E_ARGUMENT, "a matrix of " + std::to_string(rows) + " rows and " + std::to_string(cols) +
                                            " columns cannot hold " + std::to_string(values_.size()) + " numbers");
    }

    matrix(const matrix &) = default;
    matrix &operator=(const matrix &) = default;

    /// The moved-from matrix is empty.
    matrix(matrix &&other) noexcept : matrix() { swap(other); }
    matrix &operator=(matrix &&other) noexcept
    {
        matrix moved(detail::rvalue(other));
        swap(moved);
        return *this;
    }

    std::size_t rows() const noexcept { return rows_; }
    std::size_t cols() const noexcept { return cols_; }
    double &operator()(std::size_t row, std::size_t col) { return values_[row * cols_ + col]; }
    double operator()(std::size_t row, std::size_t col) const { return values_[row * cols_ + col]; }

    /// All numbers, row by row.
    const std::vector<double> &values() const noexcept { return values_; }

    operator matrix_view() const noexcept { return matrix_view(values_.data(), rows_, cols_); }

private:
    friend struct detail::reader;

    void swap(matrix &other) noexcept
    {
        values_.swap(other.values_);
        std::swap(rows_, other.rows_);
        std::swap(cols_, other.cols_);
    }

    std::vector<double> values_;
    std::size_t rows_, cols_;
};

/* ---- Handles ---- */

/// A tag for constructors that take ownership of a handle of obe.h: `obe::message reply(obe::adopt, handle);`.
struct adopt_t {};
constexpr adopt_t adopt{};

/// The base class of clients, servers, messages and requests, which owns their handle.
template <class Handle> class handle_base {
public:
    handle_base(const handle_base &) = delete;
    handle_base &operator=(const handle_base &) = delete;

    /// Whether this object owns a handle.
    explicit operator bool() const noexcept { return handle_ != nullptr; }

    /// The handle, for functions of obe.h. This object still owns it.
    Handle native_handle() const noexcept { return handle_; }

    /// Returns the handle, which the caller then owns and frees. This object is empty afterwards.
    Handle release() noexcept
    {
        const Handle handle = handle_;
        handle_ = nullptr;
        return handle;
    }

    /// The error message of the last failure on this object; empty if there was none.
    std::string last_error() const { return *this ? detail::last_error_text(checked_handle()) : std::string(); }

protected:
    explicit handle_base(Handle handle = nullptr) noexcept : handle_(handle) {}
    handle_base(handle_base &&other) noexcept : handle_(other.release()) {}
    handle_base &operator=(handle_base &&other) noexcept
    {
        if (this != &other) {
            destroy();
            handle_ = other.release();
        }
        return *this;
    }
    ~handle_base() { destroy(); }

    /* The handle, for a call into the library; throws in a forked child. */
    Handle checked_handle() const
    {
        detail::refuse_forked();
        return handle_;
    }

    void expect(obe_status status) const { detail::expect(status, handle_); }

private:
    void destroy() noexcept
    {
        if (handle_ != nullptr && !detail::forked())
            detail::free_handle(handle_); // a destructor cannot report a failure
    }

    Handle handle_;
};

/* ---- Values ----
 *
 * kind<T> is the JSON that a T is written as, and read_kind<T> the JSON that a T is read from. Lists, maps and
 * std::optional are of the kind of what they contain; leaf is the type at the end of that chain.
 */

namespace detail {

struct boolean {};
struct integer {};
struct real {};
struct null {};
struct text {};
struct json {};       // json_text
struct handle {};     // a message
struct numbers {};    // what double_span refers to
struct rows {};       // a matrix
struct maybe {};      // std::optional
struct object {};     // a map whose keys are texts
struct list {};       // anything else with begin and end
struct fixed_list {}; // std::array
struct unknown {};

template <bool condition, class Kind> struct when {};
template <class... Cases> struct first_of {
    typedef unknown type;
};
template <class Kind, class... Others> struct first_of<when<true, Kind>, Others...> {
    typedef Kind type;
};
template <class Kind, class... Others> struct first_of<when<false, Kind>, Others...> : first_of<Others...> {};

template <bool condition> using only_if = typename std::enable_if<condition, int>::type;

template <class T> struct is_character : std::false_type {};
template <> struct is_character<char> : std::true_type {};
template <class T> struct is_character<volatile T> : is_character<T> {};
template <> struct is_character<wchar_t> : std::true_type {};
template <> struct is_character<char16_t> : std::true_type {};
template <> struct is_character<char32_t> : std::true_type {};
#ifdef __cpp_char8_t
template <> struct is_character<char8_t> : std::true_type {};
#endif

template <class T> struct is_bool : std::is_same<T, bool> {};
template <class T> struct is_bool<volatile T> : is_bool<T> {};
template <> struct is_bool<std::vector<bool>::reference> : std::true_type {};
template <> struct is_bool<std::vector<bool>::const_reference> : std::true_type {}; // a class in libc++

template <class T, bool = std::is_integral<T>::value && !is_bool<T>::value && !is_character<T>::value>
struct is_integer : std::false_type {};
template <class T> struct is_integer<T, true> : std::integral_constant<bool, sizeof(T) <= sizeof(std::int64_t)> {};

template <class T> struct is_optional : std::false_type {};
#if OBE_HPP_STANDARD >= 201703L
template <class T> struct is_optional<std::optional<T>> : std::true_type {};
#endif

/* The type of the elements of a range; void for what is not a range, or is a range of itself, as a path is. A function
 * cannot return an array, which is an element of a matrix of C, so find returns a pointer to an element. */
template <class T> struct element {
    template <class Range> static auto begin_of(const Range &range) -> decltype(std::end(range), std::begin(range));
    template <class Range, class Iterator = decltype(begin_of(std::declval<const Range &>()))>
    static typename std::iterator_traits<Iterator>::value_type *find(int);
    template <class Range> static void *find(...);

    typedef typename std::remove_pointer<decltype(find<T>(0))>::type found;
    typedef typename std::conditional<std::is_same<found, T>::value, void, found>::type type;
};

/* The type of the values of a map whose keys are texts; void for other types. */
template <class T> struct mapped {
    template <class Map, only_if<is_text<typename Map::key_type>::value> = 0>
    static typename Map::mapped_type find(int);
    template <class Map> static void find(...);

    typedef decltype(find<T>(0)) type;
};

template <class T> struct is_range : std::integral_constant<bool, !std::is_void<typename element<T>::type>::value> {};
template <class T> struct is_map : std::integral_constant<bool, !std::is_void<typename mapped<T>::type>::value> {};

template <class T>
struct kind
    : first_of<when<is_bool<T>::value, boolean>, when<is_integer<T>::value, integer>,
               when<std::is_floating_point<T>::value, real>, when<std::is_same<T, std::nullptr_t>::value, null>,
               when<std::is_base_of<json_text, T>::value, json>,
               when<std::is_base_of<handle_base<obe_message>, T>::value, handle>, when<is_text<T>::value, text>,
               when<std::is_convertible<const T &, matrix_view>::value, rows>, when<is_optional<T>::value, maybe>,
               when<std::is_convertible<const T &, double_span>::value && !std::is_enum<T>::value, numbers>,
               when<is_map<T>::value, object>, when<is_range<T>::value, list>> {};

/* Kinds that the library has no function for. */
template <class Kind> struct is_composed : std::false_type {};
template <> struct is_composed<maybe> : std::true_type {};
template <> struct is_composed<object> : std::true_type {};
template <> struct is_composed<list> : std::true_type {};
template <> struct is_composed<unknown> : std::true_type {};

/* Kinds that are JSON already. */
template <class Kind> struct is_sent_as_it_is : std::false_type {};
template <> struct is_sent_as_it_is<json> : std::true_type {};
template <> struct is_sent_as_it_is<handle> : std::true_type {};

/* Whether elements can be appended to a T. */
template <class T> struct can_grow {
    template <class Sequence>
    static auto find(int)
        -> decltype(std::declval<Sequence &>().push_back(std::declval<typename Sequence::value_type>()),
                    std::true_type());
    template <class Sequence> static std::false_type find(...);

    typedef decltype(find<T>(0)) type;
};

/* Whether a T is a map that owns its keys, and has each of them once. */
template <class T> struct can_insert {
    template <class Map, only_if<std::is_same<typename Map::key_type, std::string>::value> = 0>
    static auto find(int)
        -> decltype(std::declval<Map &>()[std::declval<std::string>()] = std::declval<typename Map::mapped_type>(),
                    std::true_type());
    template <class Map> static std::false_type find(...);

    typedef decltype(find<T>(0)) type;
};

template <class T> struct is_array : std::false_type {};
template <class T, std::size_t N> struct is_array<std::array<T, N>> : std::true_type {};

template <class T>
struct read_kind
    : first_of<when<std::is_same<T, bool>::value, boolean>, when<is_integer<T>::value, integer>,
               when<std::is_floating_point<T>::value, real>, when<std::is_same<T, std::string>::value, text>,
               when<std::is_same<T, json_text>::value, json>, when<std::is_same<T, message>::value, handle>,
               when<std::is_same<T, std::vector<double>>::value, numbers>, when<std::is_same<T, matrix>::value, rows>,
               when<is_optional<T>::value, maybe>, when<is_array<T>::value, fixed_list>,
               when<can_insert<T>::type::value, object>, when<can_grow<T>::type::value, list>> {};

template <template <class> class KindOf, class T, class Kind = typename KindOf<T>::type> struct leaf {
    typedef T type;
};
template <template <class> class KindOf, class T>
struct leaf<KindOf, T, list> : leaf<KindOf, typename element<T>::type> {};
template <template <class> class KindOf, class T>
struct leaf<KindOf, T, fixed_list> : leaf<KindOf, typename T::value_type> {};
template <template <class> class KindOf, class T>
struct leaf<KindOf, T, object> : leaf<KindOf, typename mapped<T>::type> {};
template <template <class> class KindOf, class T>
struct leaf<KindOf, T, maybe> : leaf<KindOf, typename T::value_type> {};

/* Whether values of a type can be written. If not, the compiler says in one line what to do: the assertions are in a
 * function, since one that fails in a class makes the class incomplete, which is another error. */
template <class T> struct is_writable {
    typedef typename leaf<kind, T>::type item;
    static constexpr bool value = !std::is_same<typename kind<item>::type, unknown>::value;
};
template <class T> constexpr bool writable()
{
    typedef typename is_writable<T>::item item;
    static_assert(!is_character<item>::value,
                  "obe: a character is not a value; use a std::string for a text in UTF-8, or int for a number");
    static_assert(!std::is_enum<item>::value, "obe: an enumerator is not a value; use static_cast<int>");
    static_assert(is_writable<T>::value || !std::is_pointer<item>::value,
                  "obe: a pointer is not a value; use obe::double_span(pointer, count), or what it points to");
    static_assert(is_writable<T>::value || is_character<item>::value || std::is_enum<item>::value ||
                      std::is_pointer<item>::value,
                  "obe: a value is a bool, a number, a text, nullptr, an obe::message, obe::json_text or obe::matrix, "
                  "or a std::optional, a list or a map of them");
    return is_writable<T>::value;
}

/* The same for a type that is read. */
template <class T> struct is_readable {
    typedef typename leaf<read_kind, T>::type item;
    static constexpr bool value = !std::is_same<typename read_kind<item>::type, unknown>::value;
    static constexpr bool borrows = !value && is_text<item>::value;
};
template <class T> constexpr bool readable()
{
    typedef typename is_readable<T>::item item;
    static_assert(!is_character<item>::value,
                  "obe: a character is not a value; get std::string for a text in UTF-8, or int for a number");
    static_assert(!is_readable<T>::borrows, "obe: the result has to own its characters; get std::string");
    static_assert(is_readable<T>::value || is_readable<T>::borrows || is_character<item>::value,
                  "obe: get returns a bool, an integer or floating-point type, std::string, obe::message, "
                  "obe::json_text or obe::matrix, or a std::optional, vector, array or map of them; "
                  "a map has std::string as keys");
    return is_readable<T>::value;
}

/* Anything in braces, for overloads that only report that these braces mean nothing. */
struct anything {
    template <class T> anything(const T &) {}
    anything(std::initializer_list<anything>) {}
};

/* The integer as std::int64_t. */
template <class Integer> std::int64_t int64_of(Integer value)
{
    const std::int64_t number = static_cast<std::int64_t>(value);
    if (std::is_unsigned<Integer>::value && number < 0)
        throw error(OBE_E_RANGE, "set: " + std::to_string(value) + " does not fit in a std::int64_t");
    return number;
}

/* The number as a double, which may be less precise, but must not become infinite. */
template <class Real> double double_of(Real value)
{
    const double number = static_cast<double>(value), infinity = std::numeric_limits<double>::infinity();
    if ((number == infinity || number == -infinity) && static_cast<Real>(number) != value)
        throw error(OBE_E_RANGE, "set: a long double does not fit in a double");
    return number;
}

template <class Range> std::vector<double> doubles_of(const Range &range)
{
    std::vector<double> result;
    for (const auto &number : range)
        result.push_back(double_of(number));
    return result;
}

/* Builds the JSON text of a value. A message of the library writes numbers and strings, so that they look the same
 * everywhere. */
class json_writer {
public:
    json_writer() { refuse_forked(); }
    json_writer(const json_writer &) = delete;
    json_writer &operator=(const json_writer &) = delete;
    ~json_writer()
    {
        if (scratch_ != nullptr)
            obe_message_free(scratch_);
    }

    template <class Value> void add(const Value &value) { add(value, typename kind<Value>::type()); }

    json_text result() { return json_text(rvalue(out_)); }

private:
    void add(bool value, boolean) { out_ += value ? "true" : "false"; }
    template <class Value> void add(Value value, integer) { out_ += std::to_string(int64_of(value)); }
    template <class Value> void add(Value value, real) { take(obe_set_double(scratch(), "value", double_of(value))); }
    void add(std::nullptr_t, null) { out_ += "null"; }
    void add(const string_ref &value, text) { take(obe_set_string(scratch(), "value", value.data(), value.length())); }
    void add(const json_text &value, json)
    {
        take(obe_set_json(scratch(), "value", value.data(), static_cast<std::int64_t>(value.size())));
    }
    void add(const handle_base<obe_message> &value, handle) { add_part(value.native_handle(), ""); }
    void add(const double_span &value, numbers)
    {
        take(obe_set_doubles(scratch(), "value", value.data(), static_cast<std::int64_t>(value.size())));
    }
    void add(const matrix_view &value, rows)
    {
        take(obe_set_matrix(scratch(), "value", value.data(), static_cast<std::int64_t>(value.rows()),
                            static_cast<std::int64_t>(value.cols())));
    }
    template <class Value> void add(const Value &value, maybe)
    {
        if (value)
            add(*value);
        else
            add(nullptr);
    }
    template <class Value> void add(const Value &value, object)
    {
        const char *separator = "{";
        for (const auto &member : value) {
            out_ += separator;
            add(member.first);
            out_ += ": ";
            add(member.second);
            separator = ", ";
        }
        out_ += *separator == '{' ? "{}" : "}";
    }
    template <class Value> void add(const Value &value, list)
    {
        typedef typename element<Value>::type item;
        add_list(value, std::is_floating_point<item>());
    }
    template <class Value> void add_list(const Value &value, std::true_type /* of numbers */)
    {
        add(doubles_of(value));
    }
    template <class Value> void add_list(const Value &value, std::false_type)
    {
        const char *separator = "[";
        for (const typename element<Value>::type &item : value) {
            out_ += separator;
            add(item);
            separator = ", ";
        }
        out_ += *separator == '[' ? "[]" : "]";
    }
    template <class Value> void add(const Value &, unknown) {}

    obe_message scratch()
    {
        if (scratch_ == nullptr)
            expect(obe_message_new("{}", -1, &scratch_), nullptr);
        return scratch_;
    }

    /* Appends what a function has set in the scratch message. */
    void take(obe_status status)
    {
        expect(status, scratch_);
        add_part(scratch_, "/value");
    }

    void add_part(obe_message from, const char *pointer)
    {
        std::string part;
        std::string &read = out_.empty() ? out_ : part; // the usual case needs no copy
        expect(read_text(read,
                         [=](char *buffer, std::int64_t capacity, std::int64_t *length) {
                             return obe_get_json(from, pointer, buffer, capacity, length);
                         }),
               from);
        out_ += part;
    }

    std::string out_;
    obe_message scratch_ = nullptr;
};

} // namespace detail

/// The JSON text of a value; message::set lists the types.
template <class Value> json_text to_json(const Value &value)
{
    detail::json_writer writer;
    if (detail::writable<Value>())
        writer.add(value);
    return writer.result();
}
template <class Value> json_text to_json(std::initializer_list<Value> values)
{
    return to_json<std::initializer_list<Value>>(values);
}
inline json_text to_json(std::initializer_list<double> values) { return to_json(double_span(values)); }
template <class Never = void> json_text to_json(std::initializer_list<detail::anything>)
{
    OBE_HPP_REFUSE_BRACES(Never);
    return json_text();
}

namespace detail {

inline void refuse_value(obe_status status, const char *pointer, const std::string &why)
{
    throw error(status, "get: the value at \"" + std::string(pointer) + "\" " + why);
}

/* Reads the value at a JSON pointer of a message. The functions return the status of the library, and throw only where
 * the library has accepted a value that the C++ type cannot hold. */
struct reader {
    obe_message message_;

    template <class Value> obe_status get(const char *pointer, Value &value) const
    {
        return get(pointer, value, typename read_kind<Value>::type());
    }

    obe_status get_json(const char *pointer, std::string &result) const
    {
        return read_text(result, [&](char *buffer, std::int64_t capacity, std::int64_t *length) {
            return obe_get_json(message_, pointer, buffer, capacity, length);
        });
    }

private:
    enum { initial_capacity = 8 }; // numbers of a first attempt to read: most lists are settings and parameters

    obe_status get(const char *pointer, bool &value, boolean) const
    {
        std::int32_t flag = 0;
        const obe_status status = obe_get_bool(message_, pointer, &flag);
        value = flag != 0;
        return status;
    }

    template <class Value> obe_status get(const char *pointer, Value &value, integer) const
    {
        std::int64_t number = 0;
        const obe_status status = obe_get_int(message_, pointer, &number);
        value = static_cast<Value>(number);
        if (static_cast<std::int64_t>(value) != number || (std::is_unsigned<Value>::value && number < 0))
            refuse_value(OBE_E_RANGE, pointer,
                         "is " + std::to_string(number) + ", which does not fit in the requested integer type");
        return status;
    }

    template <class Value> obe_status get(const char *pointer, Value &value, real) const
    {
        double number = 0;
        const obe_status status = obe_get_double(message_, pointer, &number);
        value = narrowed<Value>(pointer, number);
        return status;
    }

    obe_status get(const char *pointer, std::string &value, text) const
    {
        return read_text(value, [&](char *buffer, std::int64_t capacity, std::int64_t *length) {
            return obe_get_string(message_, pointer, buffer, capacity, length);
        });
    }

    obe_status get(const char *pointer, json_text &value, json) const { return get_json(pointer, value); }

    template <class Message> obe_status get(const char *pointer, Message &value, handle) const
    {
        json_text part;
        const obe_status status = get_json(pointer, part);
        if (status == OBE_OK)
            value = Message(part);
        return status;
    }

    obe_status get(const char *pointer, std::vector<double> &value, numbers) const
    {
        std::int64_t size = initial_capacity;
        obe_status status;
        do {
            value.resize((std::max)(value.size(), static_cast<std::size_t>(size)));
            status = obe_get_doubles(message_, pointer, value.data(), static_cast<std::int64_t>(value.size()), &size);
        } while (status == OBE_E_BUFFER);
        if (status == OBE_OK)
            value.resize(static_cast<std::size_t>(size));
        return status;
    }

    obe_status get(const char *pointer, matrix &value, rows) const
    {
        std::int64_t row_count = initial_capacity, col_count = 1;
        obe_status status;
        do {
            value.values_.resize((std::max)(value.values_.size(), static_cast<std::size_t>(row_count * col_count)));
            status = obe_get_matrix(message_, pointer, value.values_.data(),
                                    static_cast<std::int64_t>(value.values_.size()), &row_count, &col_count);
        } while (status == OBE_E_BUFFER);
        if (status == OBE_OK) {
            value.rows_ = static_cast<std::size_t>(row_count);
            value.cols_ = static_cast<std::size_t>(col_count);
            value.values_.resize(value.rows_ * value.cols_);
        }
        return status;
    }

    template <class Value> obe_status get(const char *pointer, Value &value, maybe) const
    {
        std::int32_t type = OBE_NULL;
        obe_status status = obe_get_type(message_, pointer, &type);
        if (status == OBE_E_NOT_FOUND || type == OBE_NULL) {
            value = Value();
            return status == OBE_E_NOT_FOUND ? OBE_OK : status;
        }
        typename Value::value_type content = typename Value::value_type();
        status = get(pointer, content);
        if (status == OBE_OK)
            value = rvalue(content);
        return status;
    }

    template <class Value> obe_status get(const char *pointer, Value &value, list) const
    {
        Value result;
        const obe_status status = for_each<typename Value::value_type>(
            pointer, [&](typename Value::value_type &item) { result.push_back(rvalue(item)); });
        if (status == OBE_OK)
            value = rvalue(result);
        return status;
    }

    template <class Value> obe_status get(const char *pointer, Value &value, fixed_list) const
    {
        std::int64_t size = 0;
        obe_status status = count(pointer, OBE_ARRAY, size);
        if (status == OBE_OK && static_cast<std::size_t>(size) != value.size())
            refuse_value(OBE_E_TYPE, pointer,
                         "is an array of " + std::to_string(size) + " elements, not of " +
                             std::to_string(value.size()));
        std::size_t index = 0;
        if (status == OBE_OK)
            status = for_each<typename Value::value_type>(
                pointer, [&](typename Value::value_type &item) { value[index++] = rvalue(item); });
        return status;
    }

    template <class Value> obe_status get(const char *pointer, Value &value, object) const
    {
        std::int64_t size = 0;
        obe_status status = count(pointer, OBE_OBJECT, size);
        Value result;
        for (std::int64_t i = 0; i < size && status == OBE_OK; i++) {
            std::string key;
            status = read_text(key, [&](char *buffer, std::int64_t capacity, std::int64_t *length) {
                return obe_get_key(message_, pointer, i, buffer, capacity, length);
            });
            typename Value::mapped_type item = typename Value::mapped_type();
            if (status == OBE_OK)
                status = get(child(pointer, escaped(key)).c_str(), item);
            if (status == OBE_OK)
                result[rvalue(key)] = rvalue(item);
        }
        if (status == OBE_OK)
            value = rvalue(result);
        return status;
    }

    template <class Value> obe_status get(const char *, Value &, unknown) const { return OBE_OK; }

    /* Calls use with each element of a list. Numbers are read at once. */
    template <class Item, class Use, only_if<std::is_floating_point<Item>::value> = 0>
    obe_status for_each(const char *pointer, Use use) const
    {
        std::vector<double> items;
        const obe_status status = get(pointer, items);
        for (std::size_t i = 0; i < items.size() && status == OBE_OK; i++) {
            Item item = narrowed<Item>(child(pointer, std::to_string(i)).c_str(), items[i]);
            use(item);
        }
        return status;
    }
    template <class Item, class Use, only_if<!std::is_floating_point<Item>::value> = 0>
    obe_status for_each(const char *pointer, Use use) const
    {
        std::int64_t size = 0;
        obe_status status = count(pointer, OBE_ARRAY, size);
        for (std::int64_t i = 0; i < size && status == OBE_OK; i++) {
            Item item = Item();
            status = get(child(pointer, std::to_string(i)).c_str(), item);
            if (status == OBE_OK)
                use(item);
        }
        return status;
    }

    /* The number of elements or members of a value that has to be of this type. */
    obe_status count(const char *pointer, std::int32_t wanted, std::int64_t &size) const
    {
        std::int32_t type = 0;
        const obe_status status = obe_get_type(message_, pointer, &type);
        if (status != OBE_OK)
            return status;
        if (type != wanted)
            refuse_value(OBE_E_TYPE, pointer, wanted == OBE_ARRAY ? "is not an array" : "is not an object");
        return obe_get_count(message_, pointer, &size);
    }

    /* Infinities and NaN fit in every type; other numbers must not become infinite. */
    template <class Value> static Value narrowed(const char *pointer, double number)
    {
        const double infinity = std::numeric_limits<double>::infinity();
        const Value result = static_cast<Value>(number);
        const bool infinite = static_cast<double>(result) == infinity || static_cast<double>(result) == -infinity;
        if (infinite && number != infinity && number != -infinity)
            refuse_value(OBE_E_RANGE, pointer, "is " + to_json(number) + ", which does not fit in the requested type");
        return result;
    }

    static std::string child(const char *pointer, const std::string &token)
    {
        return std::string(pointer) + '/' + token;
    }

    /* A key as a part of a JSON pointer. */
    static std::string escaped(const std::string &key)
    {
        std::string result;
        for (char c : key) {
            if (c == '~')
                result += "~0";
            else if (c == '/')
                result += "~1";
            else
                result += c;
        }
        return result;
    }
};

} // namespace detail

/* ---- Messages ---- */

/// One JSON value, to be sent or received.
///
/// Values are set as members of the outermost object and read by JSON pointers (RFC 6901): "/x/0" is the first element
/// of the member x, and "" is the whole message. In a pointer, "~1" stands for "/" and "~0" for "~".
class message : public handle_base<obe_message> {
public:
    /// Owns no handle, and is not even an empty object, which is message("{}").
    message() noexcept {}

    /// A message of a JSON text, which need not be a json_text. Throws OBE_E_JSON, with the byte offset of the error,
    /// if the text is not valid.
    template <class Text, detail::only_if<detail::is_text<Text>::value> = 0>
    explicit message(const Text &json) : message(detail::string_ref(json), 0)
    {}

    /// Takes ownership of a handle.
    message(adopt_t, obe_message handle) noexcept : handle_base(handle) {}

    message(message &&) noexcept = default;
    message &operator=(message &&) noexcept = default;
    ~message() = default;

    /// Sets the member key and returns this message, so that calls can be chained. An existing member keeps its place,
    /// and a new one becomes the last. A key that begins with "/" is a JSON pointer: set("/scan/from", 1.5) sets the
    /// member from of the member scan. Missing objects are created. In a list, an element is replaced, and the index
    /// that is the count of elements, or "-", appends one. (The member whose name is "/x" has the key "/~1x".)
    /// The type of value determines the JSON:
    ///
    ///     bool                            true or false
    ///     an integer                      a number without a decimal point
    ///     double, float                   a number with a decimal point or an exponent
    ///     a text                          a string
    ///     nullptr, an empty std::optional null
    ///     message, json_text              its JSON, unchanged
    ///     matrix, matrix_view             a list of rows
    ///     double_span                     a list of numbers
    ///     std::optional                   the JSON of what it contains
    ///     a map with texts as keys        an object of its values, which have any of these types
    ///     anything else with begin and end, {1, 2}
    ///                                     a list of its elements, which have any of these types
    ///
    /// A value of another type does not compile. Throws OBE_E_TYPE if this message is not an object, or a pointer leads
    /// into a value that is not an object or a list; OBE_E_NOT_FOUND for an element that a list does not have;
    /// OBE_E_JSON for a text that is not UTF-8 or not JSON; OBE_E_RANGE for an integer that std::int64_t cannot hold,
    /// or a long double that double cannot hold.
    template <class Value> message &set(const cstring_ref &key, const Value &value) &
    {
        if (detail::writable<Value>())
            write(key.c_str(), value, typename detail::kind<Value>::type());
        return *this;
    }
    template <class Value> message &set(const cstring_ref &key, std::initializer_list<Value> values) &
    {
        return set<std::initializer_list<Value>>(key, values);
    }
    message &set(const cstring_ref &key, std::initializer_list<double> values) &
    {
        return set(key, double_span(values));
    }
    template <class Never = void> message &set(const cstring_ref &, std::initializer_list<detail::anything>) &
    {
        OBE_HPP_REFUSE_BRACES(Never);
        return *this;
    }
    template <class Value> message set(const cstring_ref &key, const Value &value) &&
    {
        return detail::rvalue(set(key, value));
    }
    template <class Value> message set(const cstring_ref &key, std::initializer_list<Value> values) &&
    {
        return detail::rvalue(set(key, values));
    }
    message set(const cstring_ref &key, std::initializer_list<double> values) &&
    {
        return detail::rvalue(set(key, values));
    }
    template <class Never = void> message set(const cstring_ref &, std::initializer_list<detail::anything>) &&
    {
        OBE_HPP_REFUSE_BRACES(Never);
        return message();
    }

    /// Returns the value at pointer. Value is one of these types:
    ///
    ///     bool                            true or false
    ///     an integer type                 a number without a decimal point and exponent
    ///     double, float                   any number
    ///     std::string                     a string, without quotes and escapes
    ///     json_text                       the JSON of any value, unchanged
    ///     message                         a copy of any value
    ///     matrix                          a list of rows of the same length
    ///     std::vector, std::list ...      a list, whose elements have any of these types
    ///     std::array                      a list of that length
    ///     std::map ...                    an object, with std::string as keys; its values have any of these types
    ///     std::optional                   the value; empty if there is no value at pointer, or null
    ///
    /// Another type does not compile. Throws OBE_E_NOT_FOUND if there is no value at pointer, OBE_E_TYPE if it has a
    /// different type, OBE_E_RANGE if Value cannot hold it, and OBE_E_ARGUMENT if pointer is not a JSON pointer.
    template <class Value> Value get(const cstring_ref &pointer) const
    {
        Value value = Value();
        expect(fetch(pointer.c_str(), value));
        return value;
    }

    /// The same, but returns default_value if there is no value at pointer.
    template <class Value> Value get(const cstring_ref &pointer, Value default_value) const
    {
        Value value = Value();
        return exists(fetch(pointer.c_str(), value)) ? detail::rvalue(value) : detail::rvalue(default_value);
    }
    std::string get(const cstring_ref &pointer, const char *default_value) const
    {
        return get<std::string>(pointer, detail::string_ref(default_value).copy());
    }

#if OBE_HPP_STANDARD >= 201703L
    /// The same, but returns std::nullopt if there is no value at pointer.
    template <class Value> std::optional<Value> find(const cstring_ref &pointer) const
    {
        Value value = Value();
        return exists(fetch(pointer.c_str(), value)) ? std::optional<Value>(detail::rvalue(value)) : std::nullopt;
    }
#endif

    /// Reads the value at pointer into value, and reuses the memory of a vector or matrix. After a failure the content
    /// of value is unspecified.
    template <class Value> void read(const cstring_ref &pointer, Value &value) const
    {
        expect(fetch(pointer.c_str(), value));
    }

    /// Reads a list of numbers into values, which has room for capacity of them, and returns their count.
    ///
    /// Throws OBE_E_BUFFER and writes nothing if there are more.
    std::size_t read(const cstring_ref &pointer, double *values, std::size_t capacity) const
    {
        std::int64_t size = 0;
        expect(obe_get_doubles(checked_handle(), pointer.c_str(), values, static_cast<std::int64_t>(capacity), &size));
        return static_cast<std::size_t>(size);
    }

#ifdef __cpp_lib_span
    /// Reads a list of numbers into values, and returns the part of it that they fill; see above.
    std::span<double> read(const cstring_ref &pointer, std::span<double> values) const
    {
        return values.first(read(pointer, values.data(), values.size()));
    }
#endif

    /// Whether there is a value at pointer.
    bool contains(const cstring_ref &pointer) const
    {
        std::int32_t unused = 0;
        return exists(obe_get_type(checked_handle(), pointer.c_str(), &unused));
    }

    /// The type of the value at pointer: OBE_OBJECT, OBE_ARRAY, OBE_STRING, OBE_INTEGER, OBE_REAL, OBE_BOOL or
    /// OBE_NULL.
    std::int32_t type(const cstring_ref &pointer = "") const
    {
        std::int32_t result = 0;
        expect(obe_get_type(checked_handle(), pointer.c_str(), &result));
        return result;
    }

    /// The number of members of the object, or of elements of the array, at pointer.
    std::size_t count(const cstring_ref &pointer = "") const
    {
        std::int64_t result = 0;
        expect(obe_get_count(checked_handle(), pointer.c_str(), &result));
        return static_cast<std::size_t>(result);
    }

    /// The key of a member of the object at pointer; index counts from 0.
    std::string key(const cstring_ref &pointer, std::size_t index) const
    {
        std::string result;
        const auto handle = checked_handle();
        expect(detail::read_text(result, [&](char *buffer, std::int64_t capacity, std::int64_t *length) {
            return obe_get_key(handle, pointer.c_str(), static_cast<std::int64_t>(index), buffer, capacity, length);
        }));
        return result;
    }

    /// The JSON text of the value at pointer, byte for byte as received or set; by default that of the whole message.
    json_text json(const cstring_ref &pointer = "") const { return get<json_text>(pointer); }

private:
    friend class client; // reads replies

    message(const detail::string_ref &json, int)
        : handle_base(detail::create<obe_message>(obe_message_new, json.data(), json.length()))
    {}

    /* Whether a function found a value; throws its other failures. */
    bool exists(obe_status status) const
    {
        if (status != OBE_E_NOT_FOUND)
            expect(status);
        return status == OBE_OK;
    }

    void write(const char *key, bool value, detail::boolean)
    {
        expect(obe_set_bool(checked_handle(), key, value ? 1 : 0));
    }
    template <class Value> void write(const char *key, Value value, detail::integer)
    {
        expect(obe_set_int(checked_handle(), key, detail::int64_of(value)));
    }
    template <class Value> void write(const char *key, Value value, detail::real)
    {
        expect(obe_set_double(checked_handle(), key, detail::double_of(value)));
    }
    void write(const char *key, std::nullptr_t, detail::null) { expect(obe_set_null(checked_handle(), key)); }
    void write(const char *key, const detail::string_ref &value, detail::text)
    {
        expect(obe_set_string(checked_handle(), key, value.data(), value.length()));
    }
    void write(const char *key, const json_text &value, detail::json)
    {
        expect(obe_set_json(checked_handle(), key, value.data(), static_cast<std::int64_t>(value.size())));
    }
    void write(const char *key, const message &value, detail::handle) { write(key, value.json(), detail::json()); }
    void write(const char *key, const double_span &values, detail::numbers)
    {
        expect(obe_set_doubles(checked_handle(), key, values.data(), static_cast<std::int64_t>(values.size())));
    }
    void write(const char *key, const matrix_view &values, detail::rows)
    {
        expect(obe_set_matrix(checked_handle(), key, values.data(), static_cast<std::int64_t>(values.rows()),
                              static_cast<std::int64_t>(values.cols())));
    }
    template <class Value, class Kind, detail::only_if<detail::is_composed<Kind>::value> = 0>
    void write(const char *key, const Value &value, Kind)
    {
        write(key, to_json(value), detail::json());
    }

    template <class Value> obe_status fetch(const char *pointer, Value &value) const
    {
        if (!detail::readable<Value>())
            return OBE_OK;
        return detail::reader{checked_handle()}.get(pointer, value);
    }
};

/// Writes the JSON text.
inline std::ostream &operator<<(std::ostream &stream, const message &value) { return stream << value.json(); }

/// The message {"command": command_name}; set adds members: `obe::command("scan").set("from", 1.5).set("to", 3.5)`.
///
/// Throws OBE_E_ARGUMENT for a JSON text, which begins with {, [ or ".
inline message command(const cstring_ref &command_name)
{
    const char *first = command_name.c_str();
    while (first != nullptr && (*first == ' ' || *first == '\n' || *first == '\t' || *first == '\r'))
        first++;
    if (first != nullptr && (*first == '{' || *first == '[' || *first == '"'))
        throw error(OBE_E_ARGUMENT, "command: the name of a command begins with " + std::string(1, *first) +
                                        "; a JSON text is passed as obe::json_text(text)");
    return message(adopt_t(), detail::create<obe_message>(obe_command_new, command_name.c_str()));
}

/// A message that a server received, and has to reply to.
///
/// A request that is destroyed without a reply is dropped: its connection is closed when a message of another client is
/// received, so that its client does not wait for a reply that will not come. The option one_way prevents that.
class request : public message {
public:
    /// Owns no handle; to be assigned to.
    request() noexcept {}

    request(request &&) noexcept = default;
    request &operator=(request &&) noexcept = default;
    ~request() = default;

    /// Takes ownership of a handle.
    request(adopt_t, obe_message handle) noexcept : message(adopt_t(), handle) {}

    /// The address of the client that sent this request, such as "127.0.0.1:50312", also after it has disconnected.
    std::string peer() const
    {
        std::string result;
        const auto handle = checked_handle();
        expect(detail::read_text(result, [=](char *buffer, std::int64_t capacity, std::int64_t *length) {
            return obe_message_peer(handle, buffer, capacity, length);
        }));
        return result;
    }

    /// Sends a value as the reply, at any time and from any thread, also while other requests are unanswered. A request
    /// has one reply. message::set lists the types of values: reply("OK") sends a string, reply({2.5, 1}) a list,
    /// reply(obe::json_text(text)) the JSON in text, and reply(message) its JSON.
    ///
    /// Returns whether the reply was sent. It returns false, and throws nothing, if the client has disconnected or does
    /// not read its reply in time, or if this side closed the connection or cancelled the call; last_error has the
    /// details. Throws OBE_E_STATE if the request already has a reply, OBE_E_JSON and OBE_E_TOO_LARGE.
    template <class Value> bool reply(const Value &value, time_limit limit = time_limit()) const
    {
        return detail::writable<Value>() &&
               delivered(reply_with(value, limit.milliseconds(), typename detail::kind<Value>::type()));
    }
    template <class Value> bool reply(std::initializer_list<Value> values, time_limit limit = time_limit()) const
    {
        return reply<std::initializer_list<Value>>(values, limit);
    }
    bool reply(std::initializer_list<double> values, time_limit limit = time_limit()) const
    {
        return reply(double_span(values), limit);
    }
    template <class Never = void> bool reply(std::initializer_list<detail::anything>, time_limit = time_limit()) const
    {
        OBE_HPP_REFUSE_BRACES(Never);
        return false;
    }

private:
    obe_status reply_with(const json_text &value, std::int64_t limit_ms, detail::json) const
    {
        return obe_reply(checked_handle(), value.data(), static_cast<std::int64_t>(value.size()), limit_ms);
    }
    obe_status reply_with(const message &value, std::int64_t limit_ms, detail::handle) const
    {
        return obe_reply_message(checked_handle(), value.native_handle(), limit_ms);
    }
    template <class Value, class Kind, detail::only_if<!detail::is_sent_as_it_is<Kind>::value> = 0>
    obe_status reply_with(const Value &value, std::int64_t limit_ms, Kind) const
    {
        return reply_with(to_json(value), limit_ms, detail::json());
    }

    bool delivered(obe_status status) const
    {
        switch (status) {
        case OBE_E_PEER_CLOSED:
        case OBE_E_RESET:
        case OBE_E_CLOSED:
        case OBE_E_TIMEOUT:
        case OBE_E_CANCELLED: return false;
        }
        expect(status);
        return true;
    }
};

/* ---- Sockets ---- */

/// The base class of clients and servers.
class socket : public handle_base<obe_socket> {
public:
    /// Waits for the next message and returns its JSON text. A client receives the reply on the connection of its last
    /// send. A server receives the next message of any client, and send on this thread replies to it.
    ///
    /// Throws OBE_E_TIMEOUT or OBE_E_CANCELLED, after which no message is lost. A client also throws OBE_E_STATE if no
    /// connection is open, and OBE_E_PEER_CLOSED, OBE_E_RESET, OBE_E_FRAME, OBE_E_TOO_LARGE or OBE_E_JSON.
    json_text receive(time_limit limit = time_limit())
    {
        json_text result;
        const auto handle = checked_handle();
        // The library keeps a message that did not fit, so the second call returns it at once, unless another thread
        // was faster.
        expect(detail::read_text(result, [&](char *buffer, std::int64_t capacity, std::int64_t *length) {
            return obe_receive(handle, buffer, capacity, length, limit.milliseconds());
        }));
        return result;
    }

    /// Closes the client's connection, or the connection of the server's last message. A server keeps listening.
    /// Blocked calls throw OBE_E_CLOSED.
    void close()
    {
        closes_++;
        expect(obe_close(checked_handle()));
    }

    /// Wakes the calls in flight, which throw OBE_E_CANCELLED; serve returns. Later calls are not affected.
    void cancel()
    {
        cancels_++;
        expect(obe_cancel(checked_handle()));
    }

    /// Sets the timeout of calls without a timeout argument. By default it is 60 s for a client, and a server waits
    /// forever.
    void set_timeout(time_limit limit) { set_option(OBE_OPT_TIMEOUT_MS, limit.milliseconds()); }

    /// Sets an option, one of the OBE_OPT_ names of obe.h, for calls and connections that begin later.
    ///
    /// Throws OBE_E_ARGUMENT for an unknown option or an invalid value.
    void set_option(const cstring_ref &option, const cstring_ref &value)
    {
        expect(obe_set_option(checked_handle(), option.c_str(), value.c_str()));
    }

    /// The same for an integer, or true for on and false for off.
    template <class Integer, class = typename std::enable_if<std::is_integral<Integer>::value>::type>
    void set_option(const cstring_ref &option, Integer value)
    {
        set_option(option, std::to_string(value));
    }

    /// The value of an option, or of a read-only property such as OBE_OPT_LOCAL.
    std::string get_option(const cstring_ref &option) const
    {
        std::string result;
        const auto handle = checked_handle();
        expect(detail::read_text(result, [&](char *buffer, std::int64_t capacity, std::int64_t *length) {
            return obe_get_option(handle, option.c_str(), buffer, capacity, length);
        }));
        return result;
    }

    /// The value of a counter, one of the OBE_STAT_ names of obe.h.
    std::int64_t get_stat(const cstring_ref &counter) const
    {
        std::int64_t value = 0;
        expect(obe_get_stat(checked_handle(), counter.c_str(), &value));
        return value;
    }

protected:
    explicit socket(obe_socket handle) noexcept : handle_base(handle) {}
    socket(socket &&other) noexcept : handle_base(detail::rvalue(other)) {}
    socket &operator=(socket &&other) noexcept
    {
        handle_base::operator=(detail::rvalue(other));
        return *this;
    }
    ~socket() = default;

    void send_with(const json_text &value, time_limit limit, detail::json)
    {
        expect(obe_send(checked_handle(), value.data(), static_cast<std::int64_t>(value.size()), limit.milliseconds()));
    }
    void send_with(const message &value, time_limit limit, detail::handle)
    {
        expect(obe_send_message(checked_handle(), value.native_handle(), limit.milliseconds()));
    }
    template <class Value, class Kind, detail::only_if<!detail::is_sent_as_it_is<Kind>::value> = 0>
    void send_with(const Value &value, time_limit limit, Kind)
    {
        send_with(to_json(value), limit, detail::json());
    }

    template <class Message> Message receive_as(time_limit limit)
    {
        obe_message received = nullptr;
        expect(obe_receive_message(checked_handle(), &received, limit.milliseconds()));
        return Message(adopt_t(), received);
    }

    template <class Message> bool try_receive_as(Message &next, time_limit limit)
    {
        obe_message received = nullptr;
        const obe_status status = obe_receive_message(checked_handle(), &received, limit.milliseconds());
        if (status == OBE_E_TIMEOUT)
            return false;
        expect(status);
        next = Message(adopt_t(), received);
        return true;
    }

    std::atomic<unsigned> cancels_{0}, closes_{0}; // how often cancel and close were called, for serve
};

namespace detail {

/* The kind of a command; unknown for a type that cannot be one. */
template <class T> struct command_kind {
    typedef typename kind<T>::type whole;
    static constexpr bool valid = std::is_same<whole, handle>::value || std::is_same<whole, json>::value ||
                                  std::is_same<whole, text>::value || std::is_same<whole, object>::value;
    typedef typename std::conditional<valid, whole, unknown>::type type;
};
template <class T> constexpr bool is_command()
{
    static_assert(command_kind<T>::valid, "obe: a command is its name, an obe::command(name).set(key, value), another "
                                          "obe::message, an obe::json_text, or a map with texts as keys");
    return command_kind<T>::valid;
}

} // namespace detail

/// The instrument's side: sends commands to a server and receives its replies.
class client : public socket {
public:
    /// A client of the server at address and port. It connects when it first sends.
    ///
    /// address is an IPv4 or IPv6 literal or a host name; "" is this machine. Throws OBE_E_ARGUMENT for an invalid
    /// address or port.
    explicit client(const cstring_ref &address = "", int port = OBE_DEFAULT_PORT)
        : socket(detail::create<obe_socket>(obe_client_new, address.c_str(), port))
    {}

    /// Takes ownership of a handle.
    client(adopt_t, obe_socket handle) noexcept : socket(handle) {}

    client(client &&) noexcept = default;
    client &operator=(client &&) noexcept = default;
    ~client() = default;

    /// Sends a command: the name of one, such as "optset", a message such as obe::command("scan").set("from", 1.5), a
    /// json_text, or a map with texts as keys. It opens a new connection, unless the option persistent is set.
    ///
    /// Throws OBE_E_JSON before it connects; OBE_E_REFUSED, OBE_E_UNREACHABLE, OBE_E_TIMEOUT, OBE_E_RESET or
    /// OBE_E_PEER_CLOSED if the server cannot be reached or has disconnected; OBE_E_TOO_LARGE.
    template <class Command> void send(const Command &cmd, time_limit limit = time_limit())
    {
        if (detail::is_command<Command>())
            send_command(cmd, limit, typename detail::command_kind<Command>::type());
    }
    template <class Never = void> void send(std::initializer_list<detail::anything>, time_limit = time_limit())
    {
        OBE_HPP_REFUSE_COMMAND(Never);
    }

    /// Sends a command, as send does, and returns its reply, within one timeout.
    ///
    /// Several threads may call this on one client, and each receives the reply to its own command. Throws what send
    /// and receive throw. After OBE_E_TIMEOUT it is unknown whether the server executes the command.
    template <class Command> message tcmd(const Command &cmd, time_limit limit = time_limit())
    {
        return detail::is_command<Command>() ? exchange(cmd, limit, typename detail::command_kind<Command>::type())
                                             : message();
    }
    template <class Never = void> message tcmd(std::initializer_list<detail::anything>, time_limit = time_limit())
    {
        OBE_HPP_REFUSE_COMMAND(Never);
        return message();
    }

    /// Receives the reply on the connection of the last send as a message; see receive.
    message receive_message(time_limit limit = time_limit()) { return receive_as<message>(limit); }

    /// Receives a message into next if one arrives within the limit, and returns whether it did. With the default limit
    /// it polls for a reply, without blocking.
    bool try_receive(message &next, time_limit limit = no_wait) { return try_receive_as(next, limit); }

    /// Waits until the server replies, for a server that may be starting. Throws OBE_E_TIMEOUT, whose message includes
    /// the failure of the last attempt.
    void wait_ready(time_limit limit = time_limit()) { expect(obe_wait_ready(checked_handle(), limit.milliseconds())); }

    /* The protocol's commands. Each throws what tcmd throws. If the reply is not valid for the command, it throws
     * OBE_E_REPLY, whose message includes the reply. */

    /// Begins a new run.
    void newrun(time_limit limit = time_limit())
    {
        expect(obe_newrun(checked_handle(), nullptr, limit.milliseconds()));
    }

    /// Begins a new run and sends the members of fields along. Which ones it needs depends on the server, for example
    /// `obe::message("{}").set("lolim", 1.5).set("hilim", 3.5)`.
    void newrun(const message &fields, time_limit limit = time_limit())
    {
        if (!fields)
            throw error(OBE_E_HANDLE, "newrun: fields: invalid handle: the handle is NULL");
        expect(obe_newrun(checked_handle(), fields.native_handle(), limit.milliseconds()));
    }

    /// A good setting, drawn at random; a larger pickiness makes settings close to the best one more probable. With a
    /// negative pickiness the server uses its default.
    std::vector<double> goodset(double pickiness = -1, time_limit limit = time_limit())
    {
        message fields;
        if (pickiness >= 0)
            fields = message("{}").set("pickiness", pickiness);
        return query<numbers>("goodset", limit, fields);
    }

    /// Asks for a good setting and returns as soon as the question is sent, so that the server chooses the next setting
    /// while the instrument measures. Other commands may be sent in between; see obe_goodset_ask.
    void goodset_ask(double pickiness = -1, time_limit limit = time_limit())
    {
        expect(obe_goodset_ask(checked_handle(), pickiness, limit.milliseconds()));
    }

    /// The setting that goodset_ask asked for. After a timeout or a cancel, the next call continues.
    std::vector<double> goodset_fetch(time_limit limit = time_limit())
    {
        std::vector<double> setting(8);
        std::int64_t count = 0;
        obe_status status = OBE_OK;
        while ((status = obe_goodset_fetch(checked_handle(), setting.data(), static_cast<std::int64_t>(setting.size()),
                                           &count, limit.milliseconds())) == OBE_E_BUFFER)
            setting.resize(static_cast<std::size_t>(count));
        expect(status);
        setting.resize(static_cast<std::size_t>(count));
        return setting;
    }

    /// Reports a measurement: the setting x, the values y measured there, and their standard deviations s. Each is one
    /// number or a list of numbers.
    void newdat(const double_span &x, const double_span &y, const double_span &s, time_limit limit = time_limit())
    {
        expect(obe_newdat(checked_handle(), x.data(), static_cast<std::int64_t>(x.size()), y.data(),
                          static_cast<std::int64_t>(y.size()), s.data(), static_cast<std::int64_t>(s.size()),
                          limit.milliseconds()));
    }

    /* -- generated from internal/command by "make generate" -- */
    // clang-format off

    /// Asks once whether the server is ready; wait_ready waits until it is.
    void ready(time_limit limit = time_limit()) { expect(obe_ready(checked_handle(), limit.milliseconds())); }

    /// The best setting for the next measurement, one number for each knob.
    std::vector<double> optset(time_limit limit = time_limit()) { return query<numbers>("optset", limit); }

    /// The mean of each parameter.
    std::vector<double> getmean(time_limit limit = time_limit()) { return query<numbers>("getmean", limit); }

    /// The standard deviation of each parameter.
    std::vector<double> getstd(time_limit limit = time_limit()) { return query<numbers>("getstd", limit); }

    /// The covariance matrix of the parameters: one row and one column for each parameter.
    matrix getcov(time_limit limit = time_limit()) { return query<matrix>("getcov", limit); }

    /// The samples of the parameters' distribution: one row for each parameter and one column for each sample.
    matrix getpar(time_limit limit = time_limit()) { return query<matrix>("getpar", limit); }

    /// The weight of each sample of getpar.
    std::vector<double> getwgt(time_limit limit = time_limit()) { return query<numbers>("getwgt", limit); }

    /// All possible settings: one row for each knob and one column for each setting.
    matrix getset(time_limit limit = time_limit()) { return query<matrix>("getset", limit); }

    /// The constants of the model.
    std::vector<double> getcon(time_limit limit = time_limit()) { return query<numbers>("getcon", limit); }

    /// Asks the server to exit.
    void done(time_limit limit = time_limit()) { expect(obe_done(checked_handle(), limit.milliseconds())); }

    // clang-format on
    /* -- end of the generated part -- */

private:
    typedef std::vector<double> numbers;

    void send_command(const message &cmd, time_limit limit, detail::handle h) { send_with(cmd, limit, h); }
    void send_command(const json_text &cmd, time_limit limit, detail::json j) { send_with(cmd, limit, j); }
    void send_command(const cstring_ref &name, time_limit limit, detail::text)
    {
        send_with(command(name.c_str()), limit, detail::handle());
    }
    template <class Command> void send_command(const Command &cmd, time_limit limit, detail::object)
    {
        send_with(to_json(cmd), limit, detail::json());
    }
    template <class Command> void send_command(const Command &, time_limit, detail::unknown) {}

    message exchange(const message &cmd, time_limit limit, detail::handle)
    {
        obe_message reply = nullptr;
        expect(obe_tcmd_message(checked_handle(), cmd.native_handle(), &reply, limit.milliseconds()));
        return message(adopt_t(), reply);
    }
    message exchange(const json_text &cmd, time_limit limit, detail::json)
    {
        return exchange(message(cmd), limit, detail::handle());
    }
    message exchange(const cstring_ref &name, time_limit limit, detail::text)
    {
        return exchange(command(name.c_str()), limit, detail::handle());
    }
    template <class Command> message exchange(const Command &cmd, time_limit limit, detail::object)
    {
        return exchange(to_json(cmd), limit, detail::json());
    }
    template <class Command> message exchange(const Command &, time_limit, detail::unknown) { return message(); }

    template <class Value> Value query(const char *command_name, time_limit limit, const message &fields = message())
    {
        obe_message received = nullptr;
        expect(obe_query(checked_handle(), command_name, fields.native_handle(), &received, limit.milliseconds()));
        const message reply(adopt_t(), received);
        Value value = Value();
        const obe_status status = reply.fetch("", value);
        if (status == OBE_E_TYPE || status == OBE_E_RANGE) // an array, but not of numbers
            reply.expect(obe_check_reply(received, command_name));
        reply.expect(status);
        return value;
    }
};

namespace detail {

/* Whether a request can be passed to a handler. */
template <class Handler> struct accepts_requests {
    template <class H>
    static auto find(int) -> decltype(std::declval<H &>()(std::declval<const request &>()), std::true_type());
    template <class H> static std::false_type find(...);
    static constexpr bool value = decltype(find<Handler>(0))::value;
};

} // namespace detail

/// The experiment designer's side: receives the commands of any number of clients and replies to them.
class server : public socket {
public:
    /// A server that listens on address and port.
    ///
    /// address "" accepts connections from this machine only, and "0.0.0.0" or "::" from any machine that can reach
    /// this one. With port 0 the system chooses one, which port() returns. Throws OBE_E_IN_USE, OBE_E_PERMISSION,
    /// OBE_E_UNREACHABLE if the address is not one of this machine, and OBE_E_ARGUMENT.
    explicit server(const cstring_ref &address = "", int port = OBE_DEFAULT_PORT)
        : socket(detail::create<obe_socket>(obe_server_new, address.c_str(), port))
    {}

    /// Takes ownership of a handle.
    server(adopt_t, obe_socket handle) noexcept : socket(handle) {}

    server(server &&) noexcept = default;
    server &operator=(server &&) noexcept = default;
    ~server() = default;

    /// The port that the server listens on.
    int port() const
    {
        std::int32_t result = 0;
        expect(obe_port(checked_handle(), &result));
        return result;
    }

    /// Waits for the next message of any client. Its reply may be sent later, and from another thread.
    request receive_request(time_limit limit = time_limit()) { return receive_as<request>(limit); }

    /// Receives a message into next if one arrives within the limit, and returns whether it did.
    bool try_receive(request &next, time_limit limit = no_wait) { return try_receive_as(next, limit); }

    /// Sends a value to the client whose message this thread received last with receive, or, if this thread has none to
    /// reply to, to the only unanswered one; see obe_send. message::set lists the types of values. Several loops that
    /// change threads use receive_request or serve.
    ///
    /// Throws OBE_E_STATE if there is no message to reply to, or it is ambiguous which one; OBE_E_JSON;
    /// OBE_E_TOO_LARGE; OBE_E_PEER_CLOSED, OBE_E_RESET or OBE_E_TIMEOUT if the client has disconnected or does not
    /// read.
    template <class Value> void send(const Value &value, time_limit limit = time_limit())
    {
        if (detail::writable<Value>())
            send_with(value, limit, typename detail::kind<Value>::type());
    }
    template <class Value> void send(std::initializer_list<Value> values, time_limit limit = time_limit())
    {
        send<std::initializer_list<Value>>(values, limit);
    }
    void send(std::initializer_list<double> values, time_limit limit = time_limit())
    {
        send(double_span(values), limit);
    }
    template <class Never = void> void send(std::initializer_list<detail::anything>, time_limit = time_limit())
    {
        OBE_HPP_REFUSE_BRACES(Never);
    }

    /// Calls handler with each message, as a `const obe::request &`, on this thread, until cancel() is called, by the
    /// handler or by another thread. What handler returns is ignored. handler calls reply on the request, and a request
    /// without a reply is dropped. The request is valid only during the call. To reply later, use receive_request
    /// instead. Several threads may serve one server. obe_cancel does the same as cancel(), but has no effect while
    /// handler runs.
    ///
    /// Throws OBE_E_CLOSED after close(). An exception that handler throws also ends serve on this thread. So a handler
    /// catches what get throws for an unexpected message, or a client could stop the server.
    template <class Handler> void serve(Handler &&handler) { serve_until(handler, nullptr); }

    /// The same, but also returns when stop is not 0: at once if handler has set it, otherwise within 100 ms. A signal
    /// handler may set it too; sigaction has to install that one with SA_ONSTACK, see "Signals" in obe.h.
    template <class Handler> void serve(Handler &&handler, const volatile std::sig_atomic_t &stop)
    {
        serve_until(handler, &stop);
    }

private:
    template <class Handler> static void handle(Handler &handler, const request &next, std::true_type)
    {
        (void)handler(next);
    }
    template <class Handler> static void handle(Handler &, const request &, std::false_type) {}

    /* obe_serve would not let an exception through, nor end for one on this thread only. So this is the same loop: it
     * looks every 100 ms for what may have happened while no call was in flight. */
    template <class Handler> void serve_until(Handler &handler, const volatile std::sig_atomic_t *stop)
    {
        static_assert(detail::accepts_requests<Handler>::value, "obe: a handler is called with a const obe::request &");
        const unsigned cancels = cancels_, closes = closes_;
        port(); // refuses a client's handle
        while (stop == nullptr || *stop == 0) {
            obe_message received = nullptr;
            const obe_status status = obe_receive_message(checked_handle(), &received, 100);
            if (status == OBE_E_CANCELLED)
                return;
            if (status != OBE_E_TIMEOUT) {
                expect(status);
                const request next(adopt_t(), received);
                handle(handler, next, std::integral_constant<bool, detail::accepts_requests<Handler>::value>());
            }
            if (closes != closes_)
                throw error(OBE_E_CLOSED, "serve: closed by this side");
            if (cancels != cancels_)
                return;
        }
    }
};

} // namespace obe

#undef OBE_HPP_REFUSE_BRACES
#undef OBE_HPP_REFUSE_COMMAND
#undef OBE_HPP_STANDARD

#endif /* OBE_HPP */
