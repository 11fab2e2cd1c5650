// The names that a fragment of C++ in the documents may use.
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <iostream>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "obe.hpp"

extern obe::client client;
extern obe::server server;
extern obe::request request;
extern obe::message message, reply;
extern std::vector<double> setting, values, mean, frequencies;
extern std::string text;
extern double value;
extern volatile std::sig_atomic_t stop;

extern double measure(double setting);
extern std::vector<double> design(const obe::request &request);
extern void plot(const std::vector<double> &values);
extern void handle(const obe::request &request);
extern int fragment();
