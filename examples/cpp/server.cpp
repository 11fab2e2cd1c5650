/*
 * A complete experiment-design server in C++. It looks for the centre of a dip on a grid of candidates, each with a
 * weight. The next setting is the one where the predictions of the candidates differ most.
 *     c++ -std=c++11 server.cpp -lobe -o server && ./server --port 61981
 * Ctrl-C ends it, and so does the command done.
 */
#include <cmath>
#include <csignal>
#include <iostream>
#include <stdexcept>
#include <string>
#include <valarray>

#include "obe.hpp"

typedef std::valarray<double> values;          // one for each candidate
static const double lolim = 2840, step = 0.15; // the candidates for the centre, in MHz
static const double depth = 0.1, width = 3;    // of the dip, which the server knows
static values centre(401), weight(401);
static bool running = false; // there has been a newrun

// The signal that each candidate predicts at a setting.
static values predict(double setting) { return 1 - depth / (std::pow((setting - centre) * (2 / width), 2.0) + 1.0); }

static double mean(const values &quantity) { return (weight * quantity).sum(); }

static double deviation(const values &quantity) { return std::sqrt(mean(std::pow(quantity - mean(quantity), 2.0))); }

// Before the first measurement all candidates are equally probable.
static void begin_run()
{
    for (std::size_t i = 0; i < centre.size(); i++)
        centre[i] = lolim + step * static_cast<double>(i);
    weight = 1 / static_cast<double>(weight.size());
    running = true;
}

static double best_setting()
{
    double best = centre[0], largest = -1;
    for (double setting : centre) {
        const double spread = deviation(predict(setting));
        if (spread > largest) {
            largest = spread;
            best = setting;
        }
    }
    return best;
}

// Bayes' rule: multiplies each weight by the likelihood of the measurement y +/- s at setting x.
static void learn(double x, double y, double s)
{
    weight *= std::exp(std::pow((y - predict(x)) / s, 2.0) / -2.0) + 1e-300; // so that no sum is 0
    weight /= weight.sum();
}

static volatile std::sig_atomic_t stop = 0; // ends serve

extern "C" void end(int) { stop = 1; } // no function of the library may be called in a signal handler

static void end_on_signals()
{
#ifdef _WIN32
    std::signal(SIGINT, end);
#else
    struct sigaction action = {};
    action.sa_handler = end;
    action.sa_flags = static_cast<int>(SA_ONSTACK | SA_RESETHAND); // Go's runtime in the library needs SA_ONSTACK
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
#endif
}

// Whether a command is about a run, so that there has to be one.
static bool needs_run(const std::string &command)
{
    return command == "optset" || command == "goodset" || command == "newdat" || command == "getmean" ||
           command == "getstd";
}

// The reply to a request.
static obe::json_text answer(const obe::request &request, const std::string &command)
{
    if (command == "newrun") {
        begin_run();
    } else if (needs_run(command) && !running) {
        throw std::invalid_argument("no run has begun: send newrun first");
    } else if (command == "optset" || command == "goodset") {
        return obe::to_json({best_setting()});
    } else if (command == "newdat") {
        learn(request.get<double>("/x/0"), request.get<double>("/y/0"), request.get<double>("/s/0"));
    } else if (command == "getmean") {
        return obe::to_json({mean(centre)});
    } else if (command == "getstd") {
        return obe::to_json({std::hypot(deviation(centre), step / std::sqrt(12))}); // the grid does not resolve less
    } else if (command == "getcon") {
        return obe::to_json({depth, width});
    } else if (command != "ready" && command != "done") {
        throw std::invalid_argument(
            "there is no command " + command +
            "; known are ready, newrun, optset, goodset, newdat, getmean, getstd, getcon and done");
    }
    return obe::to_json("OK");
}

// Replies to one message.
static void handle(const obe::request &request)
{
    try {
        const std::string command = request.get<std::string>("/command");
        request.reply(answer(request, command));
        if (command == "done")
            stop = 1;
    } catch (const std::exception &e) { // an invalid message, which must not stop the server
        std::cerr << "from " << request.peer() << ": " << request << ": " << e.what() << '\n';
        request.reply(obe::message("{}").set("error", e.what()));
    }
}

// A command line that is not valid.
struct usage_error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// The port that the command line names.
static int port_of(int argc, char **argv)
{
    int port = OBE_DEFAULT_PORT;
    for (int i = 1; i < argc; i += 2) {
        const std::string name = argv[i], value = i + 1 < argc ? argv[i + 1] : "";
        if (name != "--port")
            throw usage_error(name + " is not an option; see " + argv[0] + " --help");
        if (value.empty() || value.size() > 5 || value.find_first_not_of("0123456789") != std::string::npos ||
            std::stoi(value) > 65535)
            throw usage_error("--port needs a whole number from 0 to 65535, not \"" + value + '"');
        port = std::stoi(value);
    }
    return port;
}

int main(int argc, char **argv)
{
    if (argc == 2 && std::string(argv[1]) == "--help") {
        std::cout << "usage: " << argv[0] << " [--port PORT] [--help]\n"
                  << "  --port  the port to listen on; 0 lets the system choose (default: 61981)\n";
        return 0;
    }
    try {
        obe::server server("", port_of(argc, argv));
        end_on_signals();
        std::cout << "port " << server.port() << std::endl;
        server.serve(handle, stop);
        return 0;
    } catch (const usage_error &e) {
        std::cerr << argv[0] << ": " << e.what() << '\n';
        return 2;
    } catch (const std::exception &e) {
        std::cerr << argv[0] << ": " << e.what() << '\n';
        return 1;
    }
}
