/* A complete experiment-design server in C++. It looks for the centre of a dip: a grid of candidates, each with its
 * weight, and as the next setting the one where the candidates' predictions differ most.
 *     c++ -std=c++11 server.cpp -lobe -o server && ./server 61981 */
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <valarray>

#include "obe.hpp"

typedef std::valarray<double> values; // one for each candidate
static const double lolim = 2840, cell = 0.15, depth = 0.1, width = 3;
static values centre(401), weight(401);

static values signal(double f) { return 1 - depth / (std::pow((f - centre) * (2 / width), 2.0) + 1.0); }
static double mean(const values &q) { return (weight * q).sum(); }
static double deviation(const values &q) { return std::sqrt(mean(std::pow(q - mean(q), 2.0))); }

static std::string answer(const obe::request &request, const std::string &command)
{
    if (command == "newrun") {
        for (std::size_t i = 0; i < centre.size(); i++)
            centre[i] = lolim + cell * static_cast<double>(i);
        weight = 1 / static_cast<double>(weight.size());
    } else if (command == "optset" || command == "goodset") {
        double setting = centre[0];
        for (double f : centre)
            setting = deviation(signal(f)) > deviation(signal(setting)) ? f : setting;
        return obe::to_json({setting});
    } else if (command == "newdat") {
        const double x = request.get<double>("/x/0"), y = request.get<double>("/y/0"), s = request.get<double>("/s/0");
        weight *= std::exp(std::pow((y - signal(x)) / s, 2.0) / -2.0) + 1e-300;
        weight /= weight.sum();
    } else if (command == "getmean" || command == "getstd") {
        return obe::to_json({command == "getmean" ? mean(centre) : std::hypot(deviation(centre), cell / std::sqrt(12))});
    } else if (command == "getcon") {
        return obe::to_json({depth, width});
    } else if (command != "ready" && command != "done") {
        return obe::message("{}").set("error", "there is no command " + command).json();
    }
    return obe::to_json("OK");
}

int main(int argc, char **argv) try {
    obe::server server("", argc > 1 ? std::atoi(argv[1]) : OBE_DEFAULT_PORT);
    std::cout << "port " << server.port() << std::endl;
    server.serve([](const obe::request &request) {
        std::string command;
        try { // what a client sends must not end the server
            command = request.get<std::string>("/command");
            request.reply(answer(request, command));
        } catch (const obe::error &e) {
            request.reply(obe::message("{}").set("error", e.what()));
        }
        return command == "done";
    });
} catch (const std::exception &e) {
    std::cerr << "server: " << e.what() << '\n';
    return 1;
}
