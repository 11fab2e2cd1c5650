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
 * Conventions:
 *
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

namespace obe {

/* ---- Failures ---- */

namespace detail {

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
    {
    }

    /// One of the codes of obe.h, such as OBE_E_TIMEOUT.
    obe_status status() const noexcept { return code().value(); }

    /// The error message: the operation, the peer and the cause.
    const char *what() const noexcept override { return message_.what(); }

private:
    std::runtime_error message_; // a string whose copy constructor does not throw
};

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

inline void check(obe_status status, const void *handle)
{
    if (status != OBE_OK)
        throw error(status, last_error_text(handle));
}

/* Returns the handle that a function of obe.h creates. */
template <class Handle, class Function, class... Arguments> Handle create(Function function, Arguments... arguments)
{
    Handle handle = nullptr;
    refuse_forked();
    check(function(arguments..., &handle), nullptr);
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
 * Parameter types, which convert from every type that a constructor names. A string_ref, cstring_ref, double_span or
 * matrix_view does not own what it refers to: it is for the duration of a call and not to be stored.
 */

/// The time limit of a whole call.
///
/// It converts from any std::chrono duration. Fractions of a millisecond are rounded up, and a negative duration is
/// no_wait. A default-constructed timeout is the default of the client or server, which set_timeout sets.
class timeout {
public:
    constexpr timeout() noexcept : ms_(OBE_DEFAULT_TIMEOUT) {}

    template <class Rep, class Period>
    timeout(const std::chrono::duration<Rep, Period> &limit) noexcept
        : ms_(round_up(std::chrono::duration<double, std::milli>(limit).count()))
    {
    }

    /// From the milliseconds of obe.h, including OBE_FOREVER, OBE_NO_WAIT and OBE_DEFAULT_TIMEOUT.
    explicit constexpr timeout(std::int64_t ms) noexcept : ms_(ms) {}

    /// The timeout in the milliseconds of obe.h.
    constexpr std::int64_t milliseconds() const noexcept { return ms_; }

private:
    static std::int64_t round_up(double ms) noexcept
    {
        return ms >= 9e18 ? OBE_FOREVER : ms > 0 ? static_cast<std::int64_t>(std::ceil(ms)) : OBE_NO_WAIT;
    }

    std::int64_t ms_;
};

constexpr timeout forever(OBE_FOREVER); ///< No limit.
constexpr timeout no_wait(OBE_NO_WAIT); ///< Do not block.

/// A reference to a UTF-8 text: a string literal, a std::string or a std::string_view.
class string_ref {
public:
    string_ref(const char *nul_terminated) noexcept : data_(nul_terminated), length_(-1) {}
    string_ref(const std::string &string) noexcept
        : data_(string.data()), length_(static_cast<std::int64_t>(string.size()))
    {
    }
#if OBE_HPP_STANDARD >= 201703L
    string_ref(std::string_view view) noexcept
        : data_(view.data() ? view.data() : ""), length_(static_cast<std::int64_t>(view.size()))
    {
    }
#endif

    const char *data() const noexcept { return data_; }
    std::int64_t length() const noexcept { return length_; } ///< In bytes; -1 if the text is NUL-terminated.

private:
    const char *data_;
    std::int64_t length_;
};

/// JSON that message::set writes unchanged, where it would turn any other text into a JSON string.
struct json_text : string_ref {
    explicit json_text(const string_ref &json) noexcept : string_ref(json) {}
};

/// A reference to a text without NUL characters: an address, a key, a JSON pointer, or the name of an option.
class cstring_ref {
public:
    cstring_ref(const char *nul_terminated) noexcept : chars_(nul_terminated) {}
    cstring_ref(const std::string &string) : chars_(string.c_str()) { refuse_nul(string); }
#if OBE_HPP_STANDARD >= 201703L
    cstring_ref(std::string_view view) : copy_(view), chars_(copy_.c_str()) { refuse_nul(copy_); }
#endif
    cstring_ref(int) = delete; // rejects a literal 0, which may be meant as a port
    cstring_ref(const cstring_ref &) = delete;
    cstring_ref &operator=(const cstring_ref &) = delete;

    const char *c_str() const noexcept { return chars_; }

private:
    static void refuse_nul(const std::string &string)
    {
        if (string.find('\0') != std::string::npos)
            throw error(OBE_E_ARGUMENT, "a name, key or address contains a NUL character: " + string);
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
    {
    }
    template <std::size_t N> double_span(const std::array<double, N> &array) noexcept : double_span(array.data(), N) {}
    template <std::size_t N> double_span(const double (&array)[N]) noexcept : double_span(array, N) {}
#ifdef __cpp_lib_span
    template <class Double, std::size_t N,
              class = typename std::enable_if<std::is_same<const Double, const double>::value>::type>
    double_span(std::span<Double, N> span) noexcept : double_span(span.data(), span.size())
    {
    }
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
    {
    }

    const double *data() const noexcept { return data_; }
    std::size_t rows() const noexcept { return rows_; }
    std::size_t cols() const noexcept { return cols_; }

private:
    const double *data_;
    std::size_t rows_, cols_;
};

/// A matrix: `m(row, col)`, with indices from 0, is one of its numbers. They are stored row by row.
class matrix {
public:
    matrix() noexcept : rows_(0), cols_(0) {}

    /// A matrix of rows times cols numbers that are all value.
    matrix(std::size_t rows, std::size_t cols, double value = 0.0)
        : values_(rows * cols, value), rows_(rows), cols_(cols)
    {
    }

    /// A matrix of the numbers in values, row by row. Throws OBE_E_ARGUMENT unless there are rows times cols of them.
    matrix(std::size_t rows, std::size_t cols, std::vector<double> values)
        : values_(std::move(values)), rows_(rows), cols_(cols)
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
        matrix moved(std::move(other));
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
    std::string last_error() const
    {
        return *this ? detail::last_error_text(checked_handle()) : std::string();
    }

protected:
    explicit handle_base(Handle handle = nullptr) noexcept : handle_(handle) {}
    handle_base(handle_base &&other) noexcept : handle_(other.release()) {}
    handle_base &operator=(handle_base &&other) noexcept
    {
        if (this != &other) {
            free();
            handle_ = other.release();
        }
        return *this;
    }
    ~handle_base() { free(); }

    /* The handle, for a call into the library; throws in a forked child. */
    Handle checked_handle() const
    {
        detail::refuse_forked();
        return handle_;
    }

    void check(obe_status status) const { detail::check(status, handle_); }

private:
    void free() noexcept
    {
        if (handle_ != nullptr && !detail::forked())
            detail::free_handle(handle_); // a destructor cannot report a failure
    }

    Handle handle_;
};

/* ---- Messages ---- */

/// One JSON value, to be sent or received.
///
/// Values are set as members of the outermost object and read by JSON pointers (RFC 6901): "/x/0" is the first element
/// of the member x, and "" is the whole message. In a pointer, "~1" stands for "/" and "~0" for "~".
class message : public handle_base<obe_message> {
public:
    /// Owns no handle, and is not even an empty object, which is message("{}").
    message() noexcept {}

    /// A message of a JSON text. Throws OBE_E_JSON, with the byte offset of the error, if the text is not valid.
    explicit message(const string_ref &json)
        : handle_base(detail::create<obe_message>(obe_message_new, json.data(), json.length()))
    {
    }

    /// Takes ownership of a handle.
    message(adopt_t, obe_message handle) noexcept : handle_base(handle) {}

    message(message &&) noexcept = default;
    message &operator=(message &&) noexcept = default;
    ~message() = default;

    /// Sets the member key and returns this message, so that calls can be chained. An existing member keeps its place,
    /// and a new one becomes the last. The type of value determines the JSON:
    ///
    ///     bool                              true or false
    ///     an integer                        a number without a decimal point
    ///     double, float                     a number with a decimal point or an exponent
    ///     a text                            a string
    ///     nullptr                           null
    ///     anything double_span refers to    a list of numbers
    ///     matrix, matrix_view               a list of rows
    ///     message, json_text                its JSON, unchanged
    ///
    /// Throws OBE_E_TYPE if this message is not an object, OBE_E_JSON for a text that is not UTF-8 or not JSON, and
    /// OBE_E_RANGE for an integer that std::int64_t cannot hold.
    template <class Value> message &set(const cstring_ref &key, const Value &value) &
    {
        write(key.c_str(), value);
        return *this;
    }
    template <class Value> message set(const cstring_ref &key, const Value &value) &&
    {
        return std::move(set(key, value));
    }
    message &set(const cstring_ref &key, std::initializer_list<double> values) &
    {
        write(key.c_str(), double_span(values));
        return *this;
    }
    message set(const cstring_ref &key, std::initializer_list<double> values) && { return std::move(set(key, values)); }

    /// Returns the value at pointer. Value is one of these types:
    ///
    ///     bool                   true or false
    ///     an integer type        a number without a decimal point and exponent
    ///     double                 any number
    ///     std::string            a string, without quotes and escapes, which json() keeps
    ///     std::vector<double>    a list of numbers
    ///     matrix                 a list of rows of the same length
    ///     message                a copy of any value
    ///
    /// Throws OBE_E_NOT_FOUND if there is no value at pointer, OBE_E_TYPE if it has a different type, OBE_E_RANGE if
    /// Value cannot hold it, and OBE_E_ARGUMENT if pointer is not a JSON pointer.
    template <class Value> Value get(const cstring_ref &pointer) const
    {
        Value value = Value();
        read(pointer, value);
        return value;
    }

    /// The same, but returns default_value if there is no value at pointer.
    template <class Value> Value get(const cstring_ref &pointer, Value default_value) const
    {
        Value value = Value();
        return exists(fetch(pointer.c_str(), value)) ? std::move(value) : std::move(default_value);
    }
    std::string get(const cstring_ref &pointer, const char *default_value) const
    {
        return get<std::string>(pointer, std::string(default_value));
    }

#if OBE_HPP_STANDARD >= 201703L
    /// The same, but returns std::nullopt if there is no value at pointer.
    template <class Value> std::optional<Value> find(const cstring_ref &pointer) const
    {
        Value value = Value();
        return exists(fetch(pointer.c_str(), value)) ? std::optional<Value>(std::move(value)) : std::nullopt;
    }
#endif

    /// Reads the value at pointer into value, and reuses the memory of a vector or matrix. After a failure the content
    /// of value is unspecified.
    template <class Value> void read(const cstring_ref &pointer, Value &value) const
    {
        check(fetch(pointer.c_str(), value));
    }

    /// Reads a list of numbers into values, which has room for capacity of them, and returns their count.
    ///
    /// Throws OBE_E_BUFFER and writes nothing if there are more.
    std::size_t read(const cstring_ref &pointer, double *values, std::size_t capacity) const
    {
        std::int64_t size = 0;
        check(obe_get_doubles(checked_handle(), pointer.c_str(), values, static_cast<std::int64_t>(capacity), &size));
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
        check(obe_get_type(checked_handle(), pointer.c_str(), &result));
        return result;
    }

    /// The number of members of the object, or of elements of the array, at pointer.
    std::size_t count(const cstring_ref &pointer = "") const
    {
        std::int64_t result = 0;
        check(obe_get_count(checked_handle(), pointer.c_str(), &result));
        return static_cast<std::size_t>(result);
    }

    /// The key of a member of the object at pointer; index counts from 0.
    std::string key(const cstring_ref &pointer, std::size_t index) const
    {
        std::string result;
        const auto handle = checked_handle();
        check(detail::read_text(result, [&](char *buffer, std::int64_t capacity, std::int64_t *length) {
            return obe_get_key(handle, pointer.c_str(), static_cast<std::int64_t>(index), buffer, capacity, length);
        }));
        return result;
    }

    /// The JSON text of the value at pointer, byte for byte as received or set; by default that of the whole message.
    std::string json(const cstring_ref &pointer = "") const
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

    friend class client; // reads replies

    enum { initial_capacity = 8 }; // numbers of a first attempt to read: most lists are settings and parameters

    /* Whether a function found a value; throws its other failures. */
    bool exists(obe_status status) const
    {
        if (status != OBE_E_NOT_FOUND)
            check(status);
        return status == OBE_OK;
    }

    template <class Value, only_if<is_bool<Value>::value> = 0> void write(const char *key, Value value)
    {
        check(obe_set_bool(checked_handle(), key, value ? 1 : 0));
    }
    template <class Value, only_if<is_integer<Value>::value> = 0> void write(const char *key, Value value)
    {
        const std::int64_t number = static_cast<std::int64_t>(value);
        if (std::is_unsigned<Value>::value && number < 0)
            throw error(OBE_E_RANGE, "set: " + std::to_string(value) + " does not fit in a std::int64_t");
        check(obe_set_int(checked_handle(), key, number));
    }
    template <class Value, only_if<std::is_floating_point<Value>::value> = 0> void write(const char *key, Value value)
    {
        check(obe_set_double(checked_handle(), key, static_cast<double>(value)));
    }
    /* An enumerator would become a list of one number; the caller converts it explicitly. */
    template <class Value, only_if<std::is_enum<Value>::value> = 0> void write(const char *key, Value value) = delete;
    void write(const char *key, std::nullptr_t) { check(obe_set_null(checked_handle(), key)); }
    void write(const char *key, const string_ref &value)
    {
        check(obe_set_string(checked_handle(), key, value.data(), value.length()));
    }
    void write(const char *key, const json_text &value)
    {
        check(obe_set_json(checked_handle(), key, value.data(), value.length()));
    }
    void write(const char *key, const message &value) { write(key, json_text(value.json())); }
    void write(const char *key, const double_span &values)
    {
        check(obe_set_doubles(checked_handle(), key, values.data(), static_cast<std::int64_t>(values.size())));
    }
    void write(const char *key, const matrix_view &values)
    {
        check(obe_set_matrix(checked_handle(), key, values.data(), static_cast<std::int64_t>(values.rows()),
                             static_cast<std::int64_t>(values.cols())));
    }

    obe_status fetch(const char *pointer, double &value) const
    {
        return obe_get_double(checked_handle(), pointer, &value);
    }
    template <class Value, only_if<is_bool<Value>::value> = 0> obe_status fetch(const char *pointer, Value &value) const
    {
        std::int32_t flag = 0;
        const obe_status status = obe_get_bool(checked_handle(), pointer, &flag);
        value = flag != 0;
        return status;
    }
    template <class Value, only_if<is_integer<Value>::value> = 0>
    obe_status fetch(const char *pointer, Value &value) const
    {
        std::int64_t number = 0;
        const obe_status status = obe_get_int(checked_handle(), pointer, &number);
        value = static_cast<Value>(number);
        if (static_cast<std::int64_t>(value) != number || (std::is_unsigned<Value>::value && number < 0))
            throw error(OBE_E_RANGE, "get \"" + std::string(pointer) + "\": " + std::to_string(number) +
                                         " does not fit in the requested integer type");
        return status;
    }
    obe_status fetch(const char *pointer, std::string &value) const
    {
        const auto handle = checked_handle();
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
        const auto handle = checked_handle();
        return detail::read_text(result, [=](char *buffer, std::int64_t capacity, std::int64_t *length) {
            return obe_get_json(handle, pointer, buffer, capacity, length);
        });
    }
    obe_status fetch(const char *pointer, std::vector<double> &value) const
    {
        const auto handle = checked_handle();
        std::int64_t size = initial_capacity;
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
        const auto handle = checked_handle();
        std::int64_t rows = initial_capacity, cols = 1;
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

/// The message {"command": command_name}; set adds members: `obe::command("scan").set("from", 1.5).set("to", 3.5)`.
inline message command(const cstring_ref &command_name)
{
    return message(adopt_t(), detail::create<obe_message>(obe_command_new, command_name.c_str()));
}

/// The JSON text of a value, for example of the reply [2.5]. The value has any type that message::set accepts.
template <class Value> std::string to_json(const Value &value)
{
    return message("{}").set("value", value).json("/value");
}
inline std::string to_json(std::initializer_list<double> values) { return to_json(double_span(values)); }

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

    /// Sends a JSON text as the reply, at any time and from any thread, also while other requests are unanswered. A
    /// request has one reply.
    ///
    /// Returns whether the reply was sent. It returns false, and throws nothing, if the client has disconnected or does
    /// not read its reply in time, or if this side closed the connection or cancelled the call; last_error has the
    /// details. Throws OBE_E_STATE if the request already has a reply, OBE_E_JSON and OBE_E_TOO_LARGE.
    bool reply(const string_ref &json, timeout limit = timeout()) const
    {
        return delivered(obe_reply(checked_handle(), json.data(), json.length(), limit.milliseconds()));
    }

    /// Sends a message as the reply; see above.
    bool reply(const message &answer, timeout limit = timeout()) const
    {
        return delivered(obe_reply_message(checked_handle(), answer.native_handle(), limit.milliseconds()));
    }

private:
    bool delivered(obe_status status) const
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

/// The base class of clients and servers.
class socket : public handle_base<obe_socket> {
public:
    /// Sends a JSON text. A client opens a new connection for it, unless the option persistent is set. A server replies
    /// to the message that this thread received last, or, if this thread has none to reply to, to the only unanswered
    /// one; see obe_send. Several loops that change threads use receive_request or serve.
    ///
    /// Throws OBE_E_JSON before it connects; OBE_E_REFUSED, OBE_E_UNREACHABLE, OBE_E_TIMEOUT, OBE_E_RESET or
    /// OBE_E_PEER_CLOSED if the peer cannot be reached or has disconnected; OBE_E_STATE if a server has no message to
    /// reply to, or it is ambiguous which one; OBE_E_TOO_LARGE.
    void send(const string_ref &json, timeout limit = timeout())
    {
        check(obe_send(checked_handle(), json.data(), json.length(), limit.milliseconds()));
    }

    /// Sends a message; see above.
    void send(const message &value, timeout limit = timeout())
    {
        check(obe_send_message(checked_handle(), value.native_handle(), limit.milliseconds()));
    }

    /// Waits for the next message and returns its JSON text. A client receives the reply on the connection of its last
    /// send. A server receives the next message of any client, and send on this thread replies to it.
    ///
    /// Throws OBE_E_TIMEOUT or OBE_E_CANCELLED, after which no message is lost. A client also throws OBE_E_STATE if no
    /// connection is open, and OBE_E_PEER_CLOSED, OBE_E_RESET, OBE_E_FRAME, OBE_E_TOO_LARGE or OBE_E_JSON.
    std::string receive(timeout limit = timeout())
    {
        std::string result;
        const auto handle = checked_handle();
        // The library keeps a message that did not fit, so the second call returns it at once, unless another thread
        // was faster.
        check(detail::read_text(result, [&](char *buffer, std::int64_t capacity, std::int64_t *length) {
            return obe_receive(handle, buffer, capacity, length, limit.milliseconds());
        }));
        return result;
    }

    /// Closes the client's connection, or the connection of the server's last message. A server keeps listening.
    /// Blocked calls throw OBE_E_CLOSED.
    void close() { check(obe_close(checked_handle())); }

    /// Wakes the calls in flight, which throw OBE_E_CANCELLED. Later calls are not affected.
    void cancel() { check(obe_cancel(checked_handle())); }

    /// Sets the timeout of calls without a timeout argument. By default it is 60 s for a client, and a server waits
    /// forever.
    void set_timeout(timeout limit) { set_option(OBE_OPT_TIMEOUT_MS, limit.milliseconds()); }

    /// Sets an option, one of the OBE_OPT_ names of obe.h, for calls and connections that begin later.
    ///
    /// Throws OBE_E_ARGUMENT for an unknown option or an invalid value.
    void set_option(const cstring_ref &option, const cstring_ref &value)
    {
        check(obe_set_option(checked_handle(), option.c_str(), value.c_str()));
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
        check(detail::read_text(result, [&](char *buffer, std::int64_t capacity, std::int64_t *length) {
            return obe_get_option(handle, option.c_str(), buffer, capacity, length);
        }));
        return result;
    }

    /// The value of a counter, one of the OBE_STAT_ names of obe.h.
    std::int64_t get_stat(const cstring_ref &counter) const
    {
        std::int64_t value = 0;
        check(obe_get_stat(checked_handle(), counter.c_str(), &value));
        return value;
    }

protected:
    explicit socket(obe_socket handle) noexcept : handle_base(handle) {}
    socket(socket &&) noexcept = default;
    socket &operator=(socket &&) noexcept = default;
    ~socket() = default;

    template <class Message> Message receive_as(timeout limit)
    {
        obe_message received = nullptr;
        check(obe_receive_message(checked_handle(), &received, limit.milliseconds()));
        return Message(adopt_t(), received);
    }

    template <class Message> bool try_receive_as(Message &next, timeout limit)
    {
        obe_message received = nullptr;
        const obe_status status = obe_receive_message(checked_handle(), &received, limit.milliseconds());
        if (status == OBE_E_TIMEOUT)
            return false;
        check(status);
        next = Message(adopt_t(), received);
        return true;
    }
};

/// The instrument's side: sends commands to a server and receives its replies.
class client : public socket {
public:
    /// A client of the server at address and port. It connects when it first sends.
    ///
    /// address is an IPv4 or IPv6 literal or a host name; "" is this machine. Throws OBE_E_ARGUMENT for an invalid
    /// address or port.
    explicit client(const cstring_ref &address = "", int port = OBE_DEFAULT_PORT)
        : socket(detail::create<obe_socket>(obe_client_new, address.c_str(), port))
    {
    }

    /// Takes ownership of a handle.
    client(adopt_t, obe_socket handle) noexcept : socket(handle) {}

    client(client &&) noexcept = default;
    client &operator=(client &&) noexcept = default;
    ~client() = default;

    /// Sends a command and returns its reply, within one timeout; both are JSON texts or messages.
    ///
    /// Several threads may call this on one client, and each receives the reply to its own command. Throws what send
    /// and receive throw. After OBE_E_TIMEOUT it is unknown whether the server executes the command.
    std::string tcmd(const string_ref &json, timeout limit = timeout()) { return tcmd(message(json), limit).json(); }
    message tcmd(const message &cmd, timeout limit = timeout())
    {
        obe_message reply = nullptr;
        check(obe_tcmd_message(checked_handle(), cmd.native_handle(), &reply, limit.milliseconds()));
        return message(adopt_t(), reply);
    }

    /// Receives the reply on the connection of the last send as a message; see receive.
    message receive_message(timeout limit = timeout()) { return receive_as<message>(limit); }

    /// Receives a message into next if one arrives within the limit, and returns whether it did. With the default limit
    /// it polls for a reply, without blocking.
    bool try_receive(message &next, timeout limit = timeout(OBE_NO_WAIT)) { return try_receive_as(next, limit); }

    /// Waits until the server replies, for a server that may be starting. Throws OBE_E_TIMEOUT, whose message includes
    /// the failure of the last attempt.
    void wait_ready(timeout limit = timeout()) { check(obe_wait_ready(checked_handle(), limit.milliseconds())); }

    /* The protocol's commands. Each throws what tcmd throws. If the reply is not valid for the command, it throws
     * OBE_E_REPLY, whose message includes the reply. */

    /// Checks once whether the server replies.
    void ready(timeout limit = timeout()) { check(obe_ready(checked_handle(), limit.milliseconds())); }

    /// Begins a new run.
    void newrun(timeout limit = timeout()) { check(obe_newrun(checked_handle(), nullptr, limit.milliseconds())); }

    /// Begins a new run and sends the members of fields along. Which ones it needs depends on the server, for example
    /// `obe::message("{}").set("lolim", 1.5).set("hilim", 3.5)`.
    void newrun(const message &fields, timeout limit = timeout())
    {
        if (!fields)
            throw error(OBE_E_HANDLE, "newrun: fields: invalid handle: the handle is NULL");
        check(obe_newrun(checked_handle(), fields.native_handle(), limit.milliseconds()));
    }

    /// The best setting for the next measurement: a number for each knob.
    std::vector<double> optset(timeout limit = timeout()) { return query<std::vector<double>>("optset", limit); }

    /// A good setting, drawn at random; a larger pickiness makes settings close to the best one more probable. With a
    /// negative pickiness the server uses its default.
    std::vector<double> goodset(double pickiness = -1, timeout limit = timeout())
    {
        message fields;
        if (pickiness >= 0)
            fields = message("{}").set("pickiness", pickiness);
        return query<std::vector<double>>("goodset", limit, fields);
    }

    /// Reports a measurement: the setting x, the values y measured there, and their standard deviations s. Each is one
    /// number or a list of numbers.
    void newdat(const double_span &x, const double_span &y, const double_span &s, timeout limit = timeout())
    {
        check(obe_newdat(checked_handle(), x.data(), static_cast<std::int64_t>(x.size()), y.data(),
                         static_cast<std::int64_t>(y.size()), s.data(), static_cast<std::int64_t>(s.size()),
                         limit.milliseconds()));
    }

    /// The mean of each parameter.
    std::vector<double> getmean(timeout limit = timeout()) { return query<std::vector<double>>("getmean", limit); }

    /// The standard deviation of each parameter.
    std::vector<double> getstd(timeout limit = timeout()) { return query<std::vector<double>>("getstd", limit); }

    /// The covariance matrix of the parameters.
    matrix getcov(timeout limit = timeout()) { return query<matrix>("getcov", limit); }

    /// Samples of the distribution of the parameters: a row for each parameter, a column for each sample.
    matrix getpar(timeout limit = timeout()) { return query<matrix>("getpar", limit); }

    /// All possible settings: a row for each knob, a column for each setting.
    matrix getset(timeout limit = timeout()) { return query<matrix>("getset", limit); }

    /// The weight of each sample of getpar.
    std::vector<double> getwgt(timeout limit = timeout()) { return query<std::vector<double>>("getwgt", limit); }

    /// The constants of the model.
    std::vector<double> getcon(timeout limit = timeout()) { return query<std::vector<double>>("getcon", limit); }

    /// Asks the server to exit.
    void done(timeout limit = timeout()) { check(obe_done(checked_handle(), limit.milliseconds())); }

private:
    template <class Value>
    Value query(const char *command_name, timeout limit, const message &fields = message())
    {
        obe_message received = nullptr;
        check(obe_query(checked_handle(), command_name, fields.native_handle(), &received, limit.milliseconds()));
        const message reply(adopt_t(), received);
        Value value = Value();
        const obe_status status = reply.fetch("", value);
        if (status == OBE_E_TYPE || status == OBE_E_RANGE) // an array, but not of numbers
            reply.check(obe_check_reply(received, command_name));
        reply.check(status);
        return value;
    }
};

namespace detail {

/* The user argument of obe_serve: a handler of any type, and the exception that it threw. */
struct handler_base {
    std::exception_ptr exception;
    volatile int stop; // ends obe_serve
    virtual bool handle(const request &next) = 0; // returns whether to stop serving

protected:
    handler_base() : stop(0) {}
    handler_base(const handler_base &) = delete;
    handler_base &operator=(const handler_base &) = delete;
    ~handler_base() = default;
};

template <class Handler> struct handler_adapter final : handler_base {
    explicit handler_adapter(Handler &handler) : handler_(handler) {}

    bool handle(const request &next) override
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

/* Calls the handler for obe_serve. No exception may leave it: its callers, up to serve, are not C++. */
extern "C" inline void obe_hpp_handle(obe_message handle, void *user) noexcept
{
    handler_base &handler = *static_cast<handler_base *>(user);
    request next(adopt_t(), handle);
    try {
        if (handler.handle(next))
            handler.stop = 1;
    } catch (...) {
        handler.exception = std::current_exception();
        handler.stop = 1;
    }
    next.release(); // obe_serve frees it
}

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
    {
    }

    /// Takes ownership of a handle.
    server(adopt_t, obe_socket handle) noexcept : socket(handle) {}

    server(server &&) noexcept = default;
    server &operator=(server &&) noexcept = default;
    ~server() = default;

    /// The port that the server listens on.
    int port() const
    {
        std::int32_t result = 0;
        check(obe_port(checked_handle(), &result));
        return result;
    }

    /// Waits for the next message of any client. Its reply may be sent later, and from another thread.
    request receive_request(timeout limit = timeout()) { return receive_as<request>(limit); }

    /// Receives a message into next if one arrives within the limit, and returns whether it did.
    bool try_receive(request &next, timeout limit = timeout(OBE_NO_WAIT)) { return try_receive_as(next, limit); }

    /// Calls handler with each message, as a `const obe::request &`, on this thread, until handler returns true. If
    /// handler returns void, it serves until cancel() or close(). handler calls reply on the request, and a request
    /// without a reply is dropped. The request is valid only during the call. To reply later, use receive_request
    /// instead. Several threads may serve one server.
    ///
    /// Returns true after handler returned true, and false after cancel(). Throws OBE_E_CLOSED after close(). An
    /// exception that handler throws also ends serve, which rethrows it. So a handler catches what get throws for an
    /// unexpected message, or a client could stop the server.
    template <class Handler> bool serve(Handler &&handler)
    {
        detail::handler_adapter<typename std::remove_reference<Handler>::type> adapter(handler);
        detail::handler_base *const user = &adapter; // the type that obe_hpp_handle converts back to
        const obe_status status = obe_serve(checked_handle(), &detail::obe_hpp_handle, user, &adapter.stop);
        if (adapter.exception)
            std::rethrow_exception(adapter.exception);
        if (status == OBE_E_CANCELLED)
            return false;
        check(status);
        return true;
    }
};

} // namespace obe

#undef OBE_HPP_STANDARD

#endif /* OBE_HPP */
