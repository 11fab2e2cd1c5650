/* obe.hpp - the OBE socket protocol for C++11 and later
 *
 * The functions of obe.h as classes: a handle is freed when its object ends, a failure is an exception with the
 * library's sentence in it, a timeout is a std::chrono duration, and texts and arrays are those of the standard
 * library: std::string_view, std::optional and std::span too, where the standard has them. There is nothing to compile:
 * include this file and link with the library.
 *
 *   #include <obe.hpp>
 *
 *   obe::client client;                                        // of the server on this machine
 *   client.set_timeout(std::chrono::seconds(5));               // for every call that has no timeout of its own
 *   client.wait_ready();                                       // the server may be starting
 *   client.newrun();
 *   for (int i = 0; i < 200; i++) {
 *       std::vector<double> setting = client.goodset(4);
 *       client.newdat(setting, measure(setting[0]), 0.005);    // where, what, and its standard deviation
 *   }
 *   std::vector<double> mean = client.getmean();
 *
 * Commands of one's own are documents:
 *
 *   obe::message reply = client.tcmd(obe::command("scan").set("frequencies", frequencies));
 *   auto intensity = reply.get<std::vector<double>>("/spectrum/intensity");
 *
 * What every caller must know:
 *
 * Failures.  A failure is thrown as obe::error, by all but destructors. Its status() is a code of obe.h, its what()
 *            says which operation failed, with whom, and why. Nothing is printed.
 * Objects.   Clients, servers, messages and requests can be moved and not copied. One that was moved from, or was made
 *            without anything in it, is good for assignment, and has no last_error; any other use throws OBE_E_HANDLE.
 * Threads.   Any member may be called from any thread, also on one object from several at once; only moving, assigning
 *            to and destroying an object need it for themselves. cancel() and close() wake the calls that are blocked.
 *            If calls on one object, or that make objects, fail in several threads in the same moment, what() may have
 *            the sentence of another one of them; status() never has.
 * Processes. In a child of fork that does not exec, every function throws OBE_E_FORKED; destructors do nothing there.
 * Exceptions are needed: a compiler that has them turned off says so. Run-time type information is not.
 *
 * obe.h has the rest: what JSON is here, the options, the counters, and the constants that begin with OBE_.
 */
#ifndef OBE_HPP
#define OBE_HPP

#include "obe.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#if !defined(__cpp_exceptions) && !defined(__EXCEPTIONS) && !defined(_CPPUNWIND)
#error "obe.hpp reports failures by exceptions, which this compilation has turned off; obe.h works without them"
#endif

#if defined(_MSVC_LANG)
#define OBE_HPP_STANDARD _MSVC_LANG /* __cplusplus is 199711 there, unless asked otherwise */
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

namespace obe {

/* ---- Failures ---- */

namespace detail {

#ifdef _WIN32
inline bool forked() noexcept { return false; }
#else
/* The process that the library was loaded into. A template, so that all of a program's files share the one variable. */
template <class = void> struct process {
    static const pid_t loaded;
};
template <class T> const pid_t process<T>::loaded = ::getpid();

/* Whether this is a forked child, in which the library must not even be entered: its threads stayed in the parent. */
inline bool forked() noexcept
{
    return process<>::loaded != 0 /* as before main */ && ::getpid() != process<>::loaded;
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

/// The category of the error codes of this library, whose values are those of obe.h and whose texts are obe_strerror's.
inline const std::error_category &category() noexcept
{
    static const detail::category instance;
    return instance;
}

/// A failure.
///
/// code() compares with the standard's conditions too: `e.code() == std::errc::timed_out`.
class error : public std::system_error {
public:
    /// sentence is what what() says; without one it is the general text of the status.
    explicit error(obe_status status, const std::string &sentence = std::string())
        : std::system_error(status, category()), sentence_(sentence.empty() ? code().message() : sentence)
    {
    }

    /// One of the codes of obe.h, such as OBE_E_TIMEOUT.
    obe_status status() const noexcept { return code().value(); }

    /// The operation, the peer and the cause, in a sentence.
    const char *what() const noexcept override { return sentence_.what(); }

private:
    std::runtime_error sentence_; // a text whose copies do not throw
};

namespace detail {

inline void refuse_forked()
{
    if (forked())
        throw error(OBE_E_FORKED, "libobe was loaded before this process was forked, and does not work in the child; "
                                  "let the child execute a program of its own");
}

/* Reads what call(buffer, capacity, &length) writes, whatever its size is, which may change from call to call. */
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

/* The sentence of the last failure on a handle; of what is no handle any more, it is that of handle 0. */
inline std::string sentence(std::uintptr_t handle)
{
    std::string result;
    const auto read = [&handle](char *buffer, std::int64_t capacity, std::int64_t *length) {
        return obe_last_error(handle, buffer, capacity, length);
    };
    if (read_text(result, read) == OBE_E_HANDLE) {
        handle = 0;
        read_text(result, read);
    }
    return result;
}

inline void check(obe_status status, std::uintptr_t handle)
{
    if (status != OBE_OK)
        throw error(status, sentence(handle));
}

/* The handle that a function of obe.h makes. */
template <class Function, class... Arguments> std::uintptr_t make(Function function, Arguments... arguments)
{
    std::uintptr_t made = 0;
    refuse_forked();
    check(function(arguments..., &made), 0);
    return made;
}

} // namespace detail

/// The version of the library, such as "0.1.0". OBE_VERSION is that of the headers.
inline std::string version()
{
    detail::refuse_forked();
    return obe_version();
}

/* ---- Arguments ----
 *
 * What functions take: any of the types that the constructors name. None of these owns anything, so they are for the
 * time of the call, and not for keeping.
 */

/// How long a call may take, from its begin to its end.
///
/// Any std::chrono duration; a part of a millisecond is rounded up, and a negative one has run out, as no_wait. Without
/// anything it is the default of the client or server that is called, which set_timeout sets.
class timeout {
public:
    constexpr timeout() noexcept : ms_(OBE_DEFAULT_TIMEOUT) {}

    template <class Rep, class Period>
    timeout(const std::chrono::duration<Rep, Period> &limit) noexcept
        : ms_(round_up(std::chrono::duration<double, std::milli>(limit).count()))
    {
    }

    /// From milliseconds as obe.h has them: OBE_FOREVER, OBE_NO_WAIT and OBE_DEFAULT_TIMEOUT are among them.
    explicit constexpr timeout(std::int64_t ms) noexcept : ms_(ms) {}

    /// The timeout as obe.h has it.
    constexpr std::int64_t milliseconds() const noexcept { return ms_; }

private:
    static std::int64_t round_up(double ms) noexcept
    {
        return ms >= 9e18 ? OBE_FOREVER : ms > 0 ? static_cast<std::int64_t>(std::ceil(ms)) : OBE_NO_WAIT;
    }

    std::int64_t ms_;
};

constexpr timeout forever(OBE_FOREVER); ///< No limit.
constexpr timeout no_wait(OBE_NO_WAIT); ///< Take what is there.

/// A text in UTF-8: a string literal, a std::string, a std::string_view.
class text {
public:
    text(const char *nul_terminated) noexcept : data_(nul_terminated), length_(-1) {}
    text(const std::string &string) noexcept
        : data_(string.data()), length_(static_cast<std::int64_t>(string.size()))
    {
    }
#if OBE_HPP_STANDARD >= 201703L
    text(std::string_view view) noexcept
        : data_(view.data() ? view.data() : ""), length_(static_cast<std::int64_t>(view.size()))
    {
    }
#endif

    const char *data() const noexcept { return data_; }
    std::int64_t length() const noexcept { return length_; } ///< In bytes; -1: up to a NUL.

private:
    const char *data_;
    std::int64_t length_;
};

/// A JSON text that is to be written as it is, where a text would become a JSON string.
struct json_text : text {
    explicit json_text(const text &json) noexcept : text(json) {}
};

/// An address, a key, a JSON pointer, the name of an option: as text, and without a NUL in it.
class name {
public:
    name(const char *nul_terminated) noexcept : chars_(nul_terminated) {}
    name(const std::string &string) : chars_(string.c_str()) { refuse_nul(string); }
#if OBE_HPP_STANDARD >= 201703L
    name(std::string_view view) : copy_(view), chars_(copy_.c_str()) { refuse_nul(copy_); }
#endif
    name(int) = delete; // a literal 0 is no name, and may be meant as a port
    name(const name &) = delete;
    name &operator=(const name &) = delete;

    const char *c_str() const noexcept { return chars_; }

private:
    static void refuse_nul(const std::string &string)
    {
        if (string.find('\0') != std::string::npos)
            throw error(OBE_E_ARGUMENT, "a name, key or address has a NUL character in it: " + string);
    }

    std::string copy_; // of a view; in C++11 too, so that files of two standards have one class
    const char *chars_;
};

/// A list of numbers: one number, {1.0, 2.0}, an array, a std::vector, std::array or std::span of double, or a pointer
/// and a count.
class doubles {
public:
    doubles(const double &one) noexcept : data_(&one), size_(1) {}
    doubles(const double *values, std::size_t count) noexcept : data_(values), size_(count) {}
    doubles(const std::initializer_list<double> &list) noexcept : doubles(list.begin(), list.size()) {}
    template <class Allocator>
    doubles(const std::vector<double, Allocator> &vector) noexcept : doubles(vector.data(), vector.size())
    {
    }
    template <std::size_t N> doubles(const std::array<double, N> &array) noexcept : doubles(array.data(), N) {}
    template <std::size_t N> doubles(const double (&array)[N]) noexcept : doubles(array, N) {}
#ifdef __cpp_lib_span
    template <class Double, std::size_t N,
              class = typename std::enable_if<std::is_same<const Double, const double>::value>::type>
    doubles(std::span<Double, N> span) noexcept : doubles(span.data(), span.size())
    {
    }
#endif

    const double *data() const noexcept { return data_; }
    std::size_t size() const noexcept { return size_; }

private:
    const double *data_;
    std::size_t size_;
};

/// A matrix that lies somewhere else, row by row.
class matrix_view {
public:
    /// values are rows times cols numbers.
    matrix_view(const double *values, std::size_t rows, std::size_t cols) noexcept
        : data_(values), rows_(rows), cols_(cols)
    {
    }

    const double *data() const noexcept { return data_; }
    std::size_t rows() const noexcept { return rows_; }
    std::size_t cols() const noexcept { return cols_; }

private:
    const double *data_;
    std::size_t rows_, cols_;
};

/// A matrix of its own: `m(row, col)` from 0, kept row by row. It can be copied.
class matrix {
public:
    matrix() noexcept : rows_(0), cols_(0) {}

    /// rows times cols numbers, all of them value.
    matrix(std::size_t rows, std::size_t cols, double value = 0.0)
        : values_(rows * cols, value), rows_(rows), cols_(cols)
    {
    }

    /// The numbers row by row; throws OBE_E_ARGUMENT if they are not rows times cols.
    matrix(std::size_t rows, std::size_t cols, std::vector<double> values)
        : values_(std::move(values)), rows_(rows), cols_(cols)
    {
        if (values_.size() != rows * cols)
            throw error(OBE_E_ARGUMENT, "a matrix of " + std::to_string(rows) + " rows and " + std::to_string(cols) +
                                            " columns cannot have " + std::to_string(values_.size()) + " numbers");
    }

    matrix(const matrix &) = default;
    matrix &operator=(const matrix &) = default;

    /// One that was moved from is an empty one.
    matrix(matrix &&other) noexcept : matrix() { swap(other); }
    matrix &operator=(matrix &&other) noexcept
    {
        matrix taken(std::move(other));
        swap(taken);
        return *this;
    }

    std::size_t rows() const noexcept { return rows_; }
    std::size_t cols() const noexcept { return cols_; }
    double &operator()(std::size_t row, std::size_t col) { return values_[row * cols_ + col]; }
    double operator()(std::size_t row, std::size_t col) const { return values_[row * cols_ + col]; }

    /// The numbers of all rows, one row after the other.
    const std::vector<double> &values() const noexcept { return values_; }

    operator matrix_view() const noexcept { return matrix_view(values_.data(), rows_, cols_); }

private:
    friend class message;

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

/// Says that an object takes a handle of obe.h over: `obe::message reply(obe::adopt, handle);`.
struct adopt_t {};
constexpr adopt_t adopt{};

/// Owns a handle of obe.h: what clients, servers, messages and requests have in common.
class owner {
public:
    owner(const owner &) = delete;
    owner &operator=(const owner &) = delete;

    /// Whether there is anything in it.
    explicit operator bool() const noexcept { return handle_ != 0; }

    /// The handle, for functions of obe.h; it stays this object's.
    std::uintptr_t native_handle() const noexcept { return handle_; }

    /// Gives the handle up, which is the caller's to free; this object is empty then.
    std::uintptr_t release() noexcept
    {
        const std::uintptr_t handle = handle_;
        handle_ = 0;
        return handle;
    }

    /// The sentence of the last failure on this object, empty if there was none.
    std::string last_error() const { return *this ? detail::sentence(enter()) : std::string(); }

protected:
    explicit owner(std::uintptr_t handle = 0) noexcept : handle_(handle) {}
    owner(owner &&other) noexcept : handle_(other.release()) {}
    owner &operator=(owner &&other) noexcept
    {
        if (this != &other) {
            free();
            handle_ = other.release();
        }
        return *this;
    }
    ~owner() { free(); }

    /* The handle, for a call into the library. */
    std::uintptr_t enter() const
    {
        detail::refuse_forked();
        return handle_;
    }

    void check(obe_status status) const { detail::check(status, handle_); }

private:
    void free() noexcept
    {
        if (handle_ != 0 && !detail::forked())
            obe_free(handle_);
    }

    std::uintptr_t handle_;
};

/* ---- Documents ---- */

/// One JSON value: a message to send, or one that was received.
///
/// Values are set as members of the outermost object, and read by JSON pointers (RFC 6901): "/x/0" is the first element
/// of the member x, and "" the whole document; "~1" in a pointer stands for "/" and "~0" for "~".
class message : public owner {
public:
    /// Nothing: not even an empty object, which is message("{}").
    message() noexcept {}

    /// The document of a JSON text; throws OBE_E_JSON, with the place of the error, if it is none.
    explicit message(const text &json) : owner(detail::make(obe_message_new, json.data(), json.length())) {}

    /// Takes a handle over, and frees it in the end.
    message(adopt_t, obe_message handle) noexcept : owner(handle) {}

    message(message &&) noexcept = default;
    message &operator=(message &&) noexcept = default;
    ~message() = default;

    /// Sets the member key, in its place if it exists and else behind the others, and gives the document back, so that
    /// calls can be chained. What it becomes follows from the type of value:
    ///
    ///     bool, an integer, double or float    true or false, a number without and with a point
    ///     a text, nullptr                      a string, null
    ///     whatever doubles is made of          a list of numbers
    ///     matrix, matrix_view                  a list of rows
    ///     message, json_text                   the JSON that it holds
    ///
    /// Throws OBE_E_TYPE if the document is not an object, OBE_E_JSON for a text that is not UTF-8 or JSON, and
    /// OBE_E_RANGE for an integer beyond std::int64_t.
    template <class Value> message &set(const name &key, const Value &value) &
    {
        write(key.c_str(), value);
        return *this;
    }
    template <class Value> message set(const name &key, const Value &value) && { return std::move(set(key, value)); }
    message &set(const name &key, std::initializer_list<double> values) &
    {
        write(key.c_str(), doubles(values));
        return *this;
    }
    message set(const name &key, std::initializer_list<double> values) && { return std::move(set(key, values)); }

    /// The value at pointer, as
    ///
    ///     bool, an integer type, double        an integer is read as double too, but no other way round
    ///     std::string                          without quotes and escapes; json gives it with them
    ///     std::vector<double>, matrix          a list of numbers; a list of rows that are equally long
    ///     message                              a document of its own
    ///
    /// Throws OBE_E_NOT_FOUND if there is nothing at pointer, OBE_E_TYPE if it is of another type, OBE_E_RANGE if it
    /// does not fit the type, and OBE_E_ARGUMENT for a pointer that is none.
    template <class Value> Value get(const name &pointer) const
    {
        Value value = Value();
        read(pointer, value);
        return value;
    }

    /// The same, or otherwise if there is nothing at pointer.
    template <class Value> Value get(const name &pointer, Value otherwise) const
    {
        Value value = Value();
        return found(fetch(pointer.c_str(), value)) ? std::move(value) : std::move(otherwise);
    }
    std::string get(const name &pointer, const char *otherwise) const
    {
        return get<std::string>(pointer, std::string(otherwise));
    }

#if OBE_HPP_STANDARD >= 201703L
    /// The same, or nothing if there is nothing at pointer.
    template <class Value> std::optional<Value> find(const name &pointer) const
    {
        Value value = Value();
        return found(fetch(pointer.c_str(), value)) ? std::optional<Value>(std::move(value)) : std::nullopt;
    }
#endif

    /// The same, into a value that is there: a std::vector keeps its memory. After a failure it may hold anything.
    template <class Value> void read(const name &pointer, Value &value) const { check(fetch(pointer.c_str(), value)); }

    /// Reads a list of numbers to where there is room for capacity of them, and gives their count.
    ///
    /// Throws OBE_E_BUFFER, and writes nothing, if there are more.
    std::size_t read(const name &pointer, double *values, std::size_t capacity) const
    {
        std::int64_t size = 0;
        check(obe_get_doubles(enter(), pointer.c_str(), values, static_cast<std::int64_t>(capacity), &size));
        return static_cast<std::size_t>(size);
    }

#ifdef __cpp_lib_span
    /// Reads a list of numbers into room, and gives the part of it that they fill; see above.
    std::span<double> read(const name &pointer, std::span<double> room) const
    {
        return room.first(read(pointer, room.data(), room.size()));
    }
#endif

    /// Whether there is anything at pointer.
    bool contains(const name &pointer) const
    {
        std::int32_t any = 0;
        return found(obe_get_type(enter(), pointer.c_str(), &any));
    }

    /// The type of the value at pointer: OBE_OBJECT, OBE_ARRAY, OBE_STRING, OBE_INTEGER, OBE_REAL, OBE_BOOL or
    /// OBE_NULL.
    std::int32_t type(const name &pointer = "") const
    {
        std::int32_t result = 0;
        check(obe_get_type(enter(), pointer.c_str(), &result));
        return result;
    }

    /// The number of members of the object, or of elements of the array, at pointer.
    std::size_t count(const name &pointer = "") const
    {
        std::int64_t result = 0;
        check(obe_get_count(enter(), pointer.c_str(), &result));
        return static_cast<std::size_t>(result);
    }

    /// The key of the member number index, from 0, of the object at pointer.
    std::string key(const name &pointer, std::size_t index) const
    {
        std::string result;
        const std::uintptr_t handle = enter();
        check(detail::read_text(result, [&](char *buffer, std::int64_t capacity, std::int64_t *length) {
            return obe_get_key(handle, pointer.c_str(), static_cast<std::int64_t>(index), buffer, capacity, length);
        }));
        return result;
    }

    /// The JSON text at pointer as it came; without a pointer that is the whole document, byte for byte.
    std::string json(const name &pointer = "") const
    {
        std::string result;
        check(fetch_json(pointer.c_str(), result));
        return result;
    }

private:
    template <class Value> struct is_bool : std::is_same<Value, bool> {};
    template <class Value>
    struct is_integer : std::integral_constant<bool, std::is_integral<Value>::value && !is_bool<Value>::value> {};
    template <bool condition> using only_if = typename std::enable_if<condition, int>::type;

    enum { few = 8 }; // numbers to make room for at first: most lists are settings and parameters

    /* Whether there was a value; another failure than that is thrown. */
    bool found(obe_status status) const
    {
        if (status != OBE_E_NOT_FOUND)
            check(status);
        return status == OBE_OK;
    }

    template <class Value, only_if<is_bool<Value>::value> = 0> void write(const char *key, Value value)
    {
        check(obe_set_bool(enter(), key, value ? 1 : 0));
    }
    template <class Value, only_if<is_integer<Value>::value> = 0> void write(const char *key, Value value)
    {
        const std::int64_t number = static_cast<std::int64_t>(value);
        if (std::is_unsigned<Value>::value && number < 0)
            throw error(OBE_E_RANGE, "set: " + std::to_string(value) + " is more than std::int64_t can hold");
        check(obe_set_int(enter(), key, number));
    }
    template <class Value, only_if<std::is_floating_point<Value>::value> = 0> void write(const char *key, Value value)
    {
        check(obe_set_double(enter(), key, static_cast<double>(value)));
    }
    /* An enumerator would become a list of one number; convert it to what it is to be. */
    template <class Value, only_if<std::is_enum<Value>::value> = 0> void write(const char *key, Value value) = delete;
    void write(const char *key, std::nullptr_t) { check(obe_set_null(enter(), key)); }
    void write(const char *key, const text &value)
    {
        check(obe_set_string(enter(), key, value.data(), value.length()));
    }
    void write(const char *key, const json_text &value)
    {
        check(obe_set_json(enter(), key, value.data(), value.length()));
    }
    void write(const char *key, const message &document) { write(key, json_text(document.json())); }
    void write(const char *key, const doubles &values)
    {
        check(obe_set_doubles(enter(), key, values.data(), static_cast<std::int64_t>(values.size())));
    }
    void write(const char *key, const matrix_view &values)
    {
        check(obe_set_matrix(enter(), key, values.data(), static_cast<std::int64_t>(values.rows()),
                             static_cast<std::int64_t>(values.cols())));
    }

    obe_status fetch(const char *pointer, double &value) const { return obe_get_double(enter(), pointer, &value); }
    template <class Value, only_if<is_bool<Value>::value> = 0> obe_status fetch(const char *pointer, Value &value) const
    {
        std::int32_t flag = 0;
        const obe_status status = obe_get_bool(enter(), pointer, &flag);
        value = flag != 0;
        return status;
    }
    template <class Value, only_if<is_integer<Value>::value> = 0>
    obe_status fetch(const char *pointer, Value &value) const
    {
        std::int64_t number = 0;
        const obe_status status = obe_get_int(enter(), pointer, &number);
        value = static_cast<Value>(number);
        if (static_cast<std::int64_t>(value) != number || (std::is_unsigned<Value>::value && number < 0))
            throw error(OBE_E_RANGE, "get \"" + std::string(pointer) + "\": " + std::to_string(number) +
                                         " does not fit the integer type that was asked for");
        return status;
    }
    obe_status fetch(const char *pointer, std::string &value) const
    {
        const std::uintptr_t handle = enter();
        return detail::read_text(value, [=](char *buffer, std::int64_t capacity, std::int64_t *length) {
            return obe_get_string(handle, pointer, buffer, capacity, length);
        });
    }
    obe_status fetch(const char *pointer, message &value) const
    {
        std::string part;
        const obe_status status = fetch_json(pointer, part);
        if (status == OBE_OK)
            value = message(part);
        return status;
    }
    obe_status fetch_json(const char *pointer, std::string &result) const
    {
        const std::uintptr_t handle = enter();
        return detail::read_text(result, [=](char *buffer, std::int64_t capacity, std::int64_t *length) {
            return obe_get_json(handle, pointer, buffer, capacity, length);
        });
    }
    obe_status fetch(const char *pointer, std::vector<double> &value) const
    {
        const std::uintptr_t handle = enter();
        std::int64_t size = few;
        obe_status status;
        do {
            value.resize((std::max)(value.size(), static_cast<std::size_t>(size)));
            status = obe_get_doubles(handle, pointer, value.data(), static_cast<std::int64_t>(value.size()), &size);
        } while (status == OBE_E_BUFFER);
        if (status == OBE_OK)
            value.resize(static_cast<std::size_t>(size));
        return status;
    }
    obe_status fetch(const char *pointer, matrix &value) const
    {
        const std::uintptr_t handle = enter();
        std::int64_t rows = few, cols = 1;
        obe_status status;
        do {
            value.values_.resize((std::max)(value.values_.size(), static_cast<std::size_t>(rows * cols)));
            status = obe_get_matrix(handle, pointer, value.values_.data(),
                                    static_cast<std::int64_t>(value.values_.size()), &rows, &cols);
        } while (status == OBE_E_BUFFER);
        if (status == OBE_OK) {
            value.rows_ = static_cast<std::size_t>(rows);
            value.cols_ = static_cast<std::size_t>(cols);
            value.values_.resize(value.rows_ * value.cols_);
        }
        return status;
    }
};

/// The document {"command": command_name}, for more members: `obe::command("scan").set("from", 1.5).set("to", 3.5)`.
inline message command(const name &command_name)
{
    return message(adopt_t(), detail::make(obe_command_new, command_name.c_str()));
}

/// The JSON text of a value that is not a member of anything, such as the answer [2.5] of a server; value is anything
/// that message::set takes.
template <class Value> std::string to_json(const Value &value)
{
    return message("{}").set("value", value).json("/value");
}
inline std::string to_json(std::initializer_list<double> values) { return to_json(doubles(values)); }

/// A message that a server received, and the claim of its client to an answer.
///
/// If it ends without an answer, its client's connection is closed when a message of another one is received (option
/// one_way), so that no client waits for an answer that will not come.
class request : public message {
public:
    /// Nothing, to be assigned to.
    request() noexcept {}

    request(request &&) noexcept = default;
    request &operator=(request &&) noexcept = default;
    ~request() = default;

    /// Takes a handle over, and frees it in the end.
    request(adopt_t, obe_message handle) noexcept : message(adopt_t(), handle) {}

    /// Answers the client with a JSON text, at any time and from any thread, also while other requests are outstanding.
    /// A request is answered once.
    ///
    /// Gives whether the reply is on its way. false is not the server's fault, and no failure: the client has left, or
    /// was closed, or does not read what it is sent, or a cancel came between; last_error has the details. Throws
    /// OBE_E_STATE if the request was answered, OBE_E_JSON and OBE_E_TOO_LARGE.
    bool reply(const text &json, timeout limit = timeout()) const
    {
        return sent(obe_reply(enter(), json.data(), json.length(), limit.milliseconds()));
    }

    /// Answers the client with a document, which stays the caller's; see above.
    bool reply(const message &document, timeout limit = timeout()) const
    {
        return sent(obe_reply_message(enter(), document.native_handle(), limit.milliseconds()));
    }

private:
    bool sent(obe_status status) const
    {
        switch (status) {
        case OBE_E_PEER_CLOSED:
        case OBE_E_RESET:
        case OBE_E_CLOSED:
        case OBE_E_TIMEOUT:
        case OBE_E_CANCELLED: return false;
        }
        check(status);
        return true;
    }
};

/* ---- Sockets ---- */

/// What clients and servers have in common.
class socket : public owner {
public:
    /// Sends a JSON text: a client on a new connection, unless the option persistent is set. A server answers the
    /// message that this thread received last, or, if this thread has none to answer, the only one that is unanswered;
    /// see obe_send. Several loops that change threads use receive_request or serve.
    ///
    /// Throws OBE_E_JSON before anything is connected; OBE_E_REFUSED, OBE_E_UNREACHABLE, OBE_E_TIMEOUT, OBE_E_RESET or
    /// OBE_E_PEER_CLOSED if the peer is not there; OBE_E_STATE if a server has no message to answer, or it is not clear
    /// which; OBE_E_TOO_LARGE.
    void send(const text &json, timeout limit = timeout())
    {
        check(obe_send(enter(), json.data(), json.length(), limit.milliseconds()));
    }

    /// Sends a document, which stays the caller's; see above.
    void send(const message &document, timeout limit = timeout())
    {
        check(obe_send_message(enter(), document.native_handle(), limit.milliseconds()));
    }

    /// Waits for the next message and gives its JSON text: a client's reply on the connection of its last send, or a
    /// server's next message of any client, which send on this thread answers.
    ///
    /// Throws OBE_E_TIMEOUT or OBE_E_CANCELLED, by which no message is lost; a client also OBE_E_STATE if no connection
    /// is open, and OBE_E_PEER_CLOSED, OBE_E_RESET, OBE_E_FRAME, OBE_E_TOO_LARGE or OBE_E_JSON.
    std::string receive(timeout limit = timeout())
    {
        std::string result;
        const std::uintptr_t handle = enter();
        // A message that did not fit is there at once, unless another thread takes it in between.
        check(detail::read_text(result, [&](char *buffer, std::int64_t capacity, std::int64_t *length) {
            return obe_receive(handle, buffer, capacity, length, limit.milliseconds());
        }));
        return result;
    }

    /// Closes the connection: a client's, or that of a server's last message. A server keeps listening. Calls that are
    /// blocked throw OBE_E_CLOSED.
    void close() { check(obe_close(enter())); }

    /// Wakes the calls that are in flight, which throw OBE_E_CANCELLED; later ones are not affected. From any thread.
    void cancel() { check(obe_cancel(enter())); }

    /// Sets the timeout of the calls that have none of their own; it is 60 s for a client and forever for a server.
    void set_timeout(timeout limit) { set_option("timeout_ms", limit.milliseconds()); }

    /// Sets an option of the list in obe.h. It holds for calls and connections that begin later.
    ///
    /// Throws OBE_E_ARGUMENT for an unknown option or a value that it cannot have.
    void set_option(const name &option, const name &value)
    {
        check(obe_set_option(enter(), option.c_str(), value.c_str()));
    }

    /// The same with a number, or true or false for on and off.
    template <class Integer, class = typename std::enable_if<std::is_integral<Integer>::value>::type>
    void set_option(const name &option, Integer value)
    {
        set_option(option, std::to_string(value));
    }

    /// The value of an option, or a fact such as local and peer, of the list in obe.h.
    std::string get_option(const name &option) const
    {
        std::string result;
        const std::uintptr_t handle = enter();
        check(detail::read_text(result, [&](char *buffer, std::int64_t capacity, std::int64_t *length) {
            return obe_get_option(handle, option.c_str(), buffer, capacity, length);
        }));
        return result;
    }

    /// One of the counters of the list in obe.h, such as messages_sent.
    std::int64_t stats(const name &counter) const
    {
        std::int64_t value = 0;
        check(obe_get_stat(enter(), counter.c_str(), &value));
        return value;
    }

protected:
    explicit socket(obe_socket handle) noexcept : owner(handle) {}
    socket(socket &&) noexcept = default;
    socket &operator=(socket &&) noexcept = default;
    ~socket() = default;

    template <class Document> Document take(timeout limit)
    {
        obe_message taken = 0;
        check(obe_receive_message(enter(), &taken, limit.milliseconds()));
        return Document(adopt_t(), taken);
    }

    template <class Document> bool try_take(Document &next, timeout limit)
    {
        obe_message taken = 0;
        const obe_status status = obe_receive_message(enter(), &taken, limit.milliseconds());
        if (status == OBE_E_TIMEOUT)
            return false;
        check(status);
        next = Document(adopt_t(), taken);
        return true;
    }
};

/// The instrument's side: asks a server, and reports to it.
class client : public socket {
public:
    /// A client of the server at address and port. Nothing is connected until something is sent.
    ///
    /// address is an IPv4 or IPv6 literal or a host name; "" is this machine. Throws OBE_E_ARGUMENT for an address or
    /// port that cannot be one.
    explicit client(const name &address = "", int port = OBE_DEFAULT_PORT)
        : socket(detail::make(obe_client_new, address.c_str(), port))
    {
    }

    /// Takes a handle over, and frees it in the end.
    client(adopt_t, obe_socket handle) noexcept : socket(handle) {}

    client(client &&) noexcept = default;
    client &operator=(client &&) noexcept = default;
    ~client() = default;

    /// Sends a command and receives its reply, under one timeout: texts of JSON, or documents.
    ///
    /// Several threads may do so, and each gets its own reply. Throws what send and receive throw; OBE_E_TIMEOUT leaves
    /// open whether the server carries the command out.
    std::string tcmd(const text &json, timeout limit = timeout()) { return tcmd(message(json), limit).json(); }
    message tcmd(const message &order, timeout limit = timeout())
    {
        obe_message reply = 0;
        check(obe_tcmd_message(enter(), order.native_handle(), &reply, limit.milliseconds()));
        return message(adopt_t(), reply);
    }

    /// Receives a message as a document; see receive.
    message receive_message(timeout limit = timeout()) { return take<message>(limit); }

    /// Receives a message into next if one comes within the limit, and gives whether one did: to look for a reply now
    /// and then while there is other work.
    bool try_receive(message &next, timeout limit = timeout(OBE_NO_WAIT)) { return try_take(next, limit); }

    /// Waits until the server answers, for a server that may be starting. Throws OBE_E_TIMEOUT, with the last attempt's
    /// failure in its text.
    void wait_ready(timeout limit = timeout()) { check(obe_wait_ready(enter(), limit.milliseconds())); }

    /* The commands of the protocol's servers. Each throws what tcmd throws, and OBE_E_REPLY, with the reply in its
     * text, if that is not the command's answer. */

    /// Asks whether the server is there, once.
    void ready(timeout limit = timeout()) { check(obe_ready(enter(), limit.milliseconds())); }

    /// Begins a new run.
    void newrun(timeout limit = timeout()) { check(obe_newrun(enter(), 0, limit.milliseconds())); }

    /// Begins a new run with what the server needs for it: the members of fields, such as
    /// `obe::message("{}").set("lolim", 1.5).set("hilim", 3.5)`.
    void newrun(const message &fields, timeout limit = timeout())
    {
        if (!fields)
            throw error(OBE_E_HANDLE, "newrun: fields was freed, or never was a message");
        check(obe_newrun(enter(), fields.native_handle(), limit.milliseconds()));
    }

    /// The best setting to measure at next, a number for each knob.
    std::vector<double> optset(timeout limit = timeout()) { return list("optset", limit); }

    /// A good setting, drawn by chance: the larger the pickiness, the nearer to the best one. A negative pickiness is
    /// left to the server.
    std::vector<double> goodset(double pickiness = -1, timeout limit = timeout())
    {
        message order = command("goodset");
        if (pickiness >= 0 && pickiness < 9007199254740992.0 && pickiness == std::trunc(pickiness))
            order.set("pickiness", static_cast<std::int64_t>(pickiness)); // as programs in Python and C send it
        else if (pickiness >= 0)
            order.set("pickiness", pickiness);
        return answer<std::vector<double>>("goodset", order, "a list of numbers", limit);
    }

    /// Reports a measurement: the setting x, the values y that were measured there, and their standard deviations s.
    /// Each is a number or a list of them.
    void newdat(const doubles &x, const doubles &y, const doubles &s, timeout limit = timeout())
    {
        check(obe_newdat(enter(), x.data(), static_cast<std::int64_t>(x.size()), y.data(),
                         static_cast<std::int64_t>(y.size()), s.data(), static_cast<std::int64_t>(s.size()),
                         limit.milliseconds()));
    }

    /// The mean of each parameter.
    std::vector<double> getmean(timeout limit = timeout()) { return list("getmean", limit); }

    /// The standard deviation of each parameter.
    std::vector<double> getstd(timeout limit = timeout()) { return list("getstd", limit); }

    /// The covariance matrix of the parameters.
    matrix getcov(timeout limit = timeout()) { return table("getcov", limit); }

    /// The samples of the parameters' distribution: a row for each parameter, a column for each sample.
    matrix getpar(timeout limit = timeout()) { return table("getpar", limit); }

    /// All possible settings: a row for each knob, a column for each setting.
    matrix getset(timeout limit = timeout()) { return table("getset", limit); }

    /// The weight of each sample of getpar.
    std::vector<double> getwgt(timeout limit = timeout()) { return list("getwgt", limit); }

    /// The constants of the model.
    std::vector<double> getcon(timeout limit = timeout()) { return list("getcon", limit); }

    /// Asks the server to end.
    void done(timeout limit = timeout()) { check(obe_done(enter(), limit.milliseconds())); }

private:
    std::vector<double> list(const char *what, timeout limit)
    {
        return answer<std::vector<double>>(what, command(what), "a list of numbers", limit);
    }

    matrix table(const char *what, timeout limit)
    {
        return answer<matrix>(what, command(what), "a list of rows of numbers", limit);
    }

    /* The functions of obe.h for these commands leave a reply that is larger than expected with the client, where
     * another thread's command would drop it. A document has the whole reply at once. */
    template <class Value> Value answer(const char *what, const message &order, const char *wanted, timeout limit)
    {
        const message reply = tcmd(order, limit);
        try {
            return reply.get<Value>("");
        } catch (const error &e) {
            if (e.status() != OBE_E_TYPE && e.status() != OBE_E_RANGE)
                throw;
            throw error(OBE_E_REPLY, std::string(what) + ": the server answered " + shown(reply.json()) +
                                         " instead of " + wanted);
        }
    }

    /* A reply in the text of an error: the whole if it is short, and else how it begins. */
    static std::string shown(std::string reply)
    {
        const std::size_t most = 200, size = reply.size();
        if (size <= most)
            return reply;
        std::size_t end = most;
        while (end > 0 && (static_cast<unsigned char>(reply[end]) & 0xC0) == 0x80)
            end--; // not in the middle of a character
        reply.resize(end);
        return reply + "... (" + std::to_string(size) + " bytes)";
    }
};

namespace detail {

/* What obe_serve hands through C: a handler of any type, and what it threw. */
struct serving {
    std::exception_ptr thrown;
    virtual bool answer(const request &next) = 0; // whether this was the last one

protected:
    serving() {}
    serving(const serving &) = delete;
    serving &operator=(const serving &) = delete;
    ~serving() = default;
};

template <class Handler> struct serving_with final : serving {
    explicit serving_with(Handler &handler) : handler_(handler) {}

    bool answer(const request &next) override
    {
        return call(next, std::is_void<decltype(std::declval<Handler &>()(next))>());
    }

private:
    bool call(const request &next, std::true_type /* void */)
    {
        handler_(next);
        return false;
    }
    bool call(const request &next, std::false_type) { return static_cast<bool>(handler_(next)); }

    Handler &handler_;
};

enum { ended = 1 }; // a status that the library itself does not have

/* No exception leaves it: between here and serve are frames that are not C++. */
extern "C" inline obe_status obe_hpp_answer(obe_message handle, void *user) noexcept
{
    serving &it = *static_cast<serving *>(user);
    request next(adopt_t(), handle);
    obe_status status = ended;
    try {
        if (!it.answer(next))
            status = OBE_OK;
    } catch (...) {
        it.thrown = std::current_exception();
    }
    next.release(); // obe_serve frees it
    return status;
}

} // namespace detail

/// The experiment designer's side: answers any number of clients at once.
class server : public socket {
public:
    /// A server that listens at address and port from now on.
    ///
    /// "" is this machine alone, and "0.0.0.0" or "::" every interface, where strangers can reach it. Port 0 lets the
    /// system choose one, which port() tells. Throws OBE_E_IN_USE, OBE_E_PERMISSION, OBE_E_UNREACHABLE if the address
    /// is not one of this machine, and OBE_E_ARGUMENT.
    explicit server(const name &address = "", int port = OBE_DEFAULT_PORT)
        : socket(detail::make(obe_server_new, address.c_str(), port))
    {
    }

    /// Takes a handle over, and frees it in the end.
    server(adopt_t, obe_socket handle) noexcept : socket(handle) {}

    server(server &&) noexcept = default;
    server &operator=(server &&) noexcept = default;
    ~server() = default;

    /// The port that it listens at.
    int port() const
    {
        std::int32_t result = 0;
        check(obe_port(enter(), &result));
        return result;
    }

    /// Waits for the next message of any client, which is answered by its own reply, when and where that suits.
    request receive_request(timeout limit = timeout()) { return take<request>(limit); }

    /// Receives a message into next if one comes within the limit, and gives whether one did.
    bool try_receive(request &next, timeout limit = timeout(OBE_NO_WAIT)) { return try_take(next, limit); }

    /// Calls handler with each message, as a `const obe::request &`, on this thread, until it returns true; a handler
    /// that returns nothing goes on for ever. It answers with reply; a request that it leaves unanswered is given up.
    /// The request lasts as long as the call: what is to be answered later is received with receive_request. Several
    /// threads may serve one server.
    ///
    /// Gives true if handler ended it, and false after cancel(). What handler throws ends it too, and is thrown from
    /// here: so that no client can end a server, its handler catches what a strange message makes get throw. Throws
    /// OBE_E_CLOSED after close().
    template <class Handler> bool serve(Handler &&handler)
    {
        detail::serving_with<typename std::remove_reference<Handler>::type> serving(handler);
        const obe_status status =
            obe_serve(enter(), &detail::obe_hpp_answer, static_cast<detail::serving *>(&serving));
        if (serving.thrown)
            std::rethrow_exception(serving.thrown);
        if (status == OBE_E_CANCELLED)
            return false;
        if (status != detail::ended)
            check(status);
        return true;
    }
};

} // namespace obe

#undef OBE_HPP_STANDARD

#endif /* OBE_HPP */
