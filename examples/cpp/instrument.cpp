/*
 * An instrument that lets an experiment-design server choose its measurements. The instrument is simulated: its range
 * contains a Lorentzian dip, and each measurement is noisy. The exit status is 3 if the dip was not found.
 *     c++ -std=c++11 instrument.cpp -lobe -o instrument && ./instrument --port 61981
 */
#include <cmath>
#include <iostream>
#include <random>
#include <stdexcept>
#include <string>

#include "obe.hpp"

static const double lolim = 2840, hilim = 2900; // the range of the dip's centre, in MHz
static const double noise = 0.015;              // standard deviation of one measurement

// A command line that is not valid.
struct usage_error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

struct options {
    int port = OBE_DEFAULT_PORT;
    unsigned seed = std::random_device()();
};

static options read_options(int argc, char **argv)
{
    options read;
    for (int i = 1; i < argc; i += 2) {
        const std::string name = argv[i], value = i + 1 < argc ? argv[i + 1] : "";
        const int largest = name == "--port" ? 65535 : 99999;
        if (name != "--port" && name != "--seed")
            throw usage_error(name + " is not an option; see " + argv[0] + " --help");
        if (value.empty() || value.size() > 5 || value.find_first_not_of("0123456789") != std::string::npos ||
            std::stoi(value) > largest)
            throw usage_error(name + " needs a whole number from 0 to " + std::to_string(largest) + ", not \"" + value +
                              '"');
        if (name == "--port")
            read.port = std::stoi(value);
        else
            read.seed = static_cast<unsigned>(std::stoi(value));
    }
    return read;
}

static int measure(const options &chosen)
{
    std::mt19937 random(chosen.seed);
    std::normal_distribution<double> gauss(0, noise);
    const double true_centre = std::uniform_real_distribution<double>(lolim + 3, hilim - 3)(random);

    obe::client server("", chosen.port);
    server.set_timeout(std::chrono::seconds(10));
    server.wait_ready(std::chrono::seconds(30));
    server.newrun(obe::message("{}").set("lolim", lolim).set("hilim", hilim));
    const std::vector<double> dip = server.getcon(); // depth and width, which the simulated sample shares

    for (int round = 0; round < 200; round++) {
        server.send(obe::command("goodset").set("pickiness", 4)); // server.goodset(4) waits for the reply
        obe::message reply;
        while (!server.try_receive(reply, std::chrono::milliseconds(500)))
            std::cerr << "The server is still computing.\n"; // or watch the instrument meanwhile
        const std::vector<double> setting = reply.get<std::vector<double>>("");
        const double distance = (setting.at(0) - true_centre) * 2 / dip.at(1);
        const double signal = 1 - dip.at(0) / (distance * distance + 1) + gauss(random);
        server.newdat(setting, signal, noise);
    }
    const double mean = server.getmean().at(0), std = server.getstd().at(0);
    std::cout << "estimate    " << mean << " +/- " << std << " MHz\ntrue centre " << true_centre << " MHz\n";
    server.done();
    return std::fabs(mean - true_centre) <= 4 * std && std < 1 ? 0 : 3;
}

int main(int argc, char **argv)
{
    if (argc == 2 && std::string(argv[1]) == "--help") {
        std::cout << "usage: " << argv[0] << " [--port PORT] [--seed N] [--help]\n"
                  << "  --port  the port of the server on this machine (default: 61981)\n"
                  << "  --seed  makes every draw repeatable\n";
        return 0;
    }
    try {
        return measure(read_options(argc, argv));
    } catch (const usage_error &e) {
        std::cerr << argv[0] << ": " << e.what() << '\n';
        return 2;
    } catch (const std::exception &e) {
        std::cerr << argv[0] << ": " << e.what() << '\n';
        return 1;
    }
}
