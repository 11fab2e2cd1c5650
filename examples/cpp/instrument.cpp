/*
 * An instrument that lets an experiment-design server choose its measurements. The instrument is simulated: its range
 * contains a Lorentzian dip, and each measurement is noisy. The exit status is 3 if the dip was not found.
 *     c++ -std=c++11 instrument.cpp -lobe -o instrument && ./instrument 61981
 */
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <random>

#include "obe.hpp"

static const double lolim = 2840, hilim = 2900; // the range of the dip's centre, in MHz
static const double noise = 0.015;              // standard deviation of one measurement

int main(int argc, char **argv)
{
    std::mt19937 random(argc > 2 ? static_cast<unsigned>(std::atoi(argv[2])) : std::random_device()());
    std::normal_distribution<double> gauss(0, noise);
    const double true_centre = std::uniform_real_distribution<double>(lolim + 3, hilim - 3)(random);

    try {
        obe::client server("", argc > 1 ? std::atoi(argv[1]) : OBE_DEFAULT_PORT);
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
    } catch (const std::exception &e) {
        std::cerr << "instrument: " << e.what() << '\n';
        return 1;
    }
}
