// check.hpp - the checks of the C++ tests, and a hook of the library that is built for tests. A program prints a line
// for each of its tests and exits with 0. At the first check that fails it prints "file:line: reason" and exits with 1.
#ifndef CHECK_HPP
#define CHECK_HPP

#include "obe.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <string>

extern "C" std::int64_t obe_test_live(void); // the number of handles in use

const std::chrono::seconds test_timeout(20); // for what has to happen

inline void fail_at(const char *file, int line, const std::string &why)
{
    std::cout << std::flush;
    std::cerr << file << ':' << line << ": " << why << '\n';
    std::exit(1);
}

#define CHECK(condition) \
    do { \
        if (!(condition)) \
            fail_at(__FILE__, __LINE__, #condition); \
    } while (0)

template <class Wanted, class Got>
void check_equal(const char *file, int line, const char *what, const Wanted &wanted, const Got &got)
{
    if (!(wanted == got)) {
        std::ostringstream why;
        why << what << " is " << got << ", wanted " << wanted;
        fail_at(file, line, why.str());
    }
}

#define CHECK_EQUAL(wanted, got) check_equal(__FILE__, __LINE__, #got, (wanted), (got))

template <class Call>
void check_throws(const char *file, int line, const char *what, obe_status wanted, const std::string &part, Call call)
{
    try {
        call();
    } catch (const obe::error &e) {
        if (e.status() != wanted)
            fail_at(file, line,
                    std::string(what) + " threw " + std::to_string(e.status()) + " (" + e.what() + "), wanted " +
                        std::to_string(wanted));
        if (std::string(e.what()).find(part) == std::string::npos)
            fail_at(file, line, std::string(what) + " threw \"" + e.what() + "\", which lacks \"" + part + "\"");
        return;
    }
    fail_at(file, line, std::string(what) + " threw nothing");
}

// The statement throws an obe::error with this status, whose message contains part.
#define CHECK_THROWS(status, part, ...) \
    check_throws(__FILE__, __LINE__, #__VA_ARGS__, (status), (part), [&] { __VA_ARGS__; })

#define RUN(test) run(#test, test)

inline void run(const char *name, void (*test)())
{
    const auto begin = std::chrono::steady_clock::now();
    std::cout << name << " ... " << std::flush;
    test();
    const auto took = std::chrono::steady_clock::now() - begin;
    std::cout << "ok, " << std::chrono::duration_cast<std::chrono::milliseconds>(took).count() << " ms" << std::endl;
}

#endif
