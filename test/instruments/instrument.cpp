// instrument.c in C++.
#include <iomanip>
#include <iostream>
#include <string>
#include <vector>

#include "obe.hpp"

static void print(const std::vector<double> &values)
{
    for (std::size_t i = 0; i < values.size(); i++)
        std::cout << (i > 0 ? " " : "") << std::setprecision(17) << values[i];
    std::cout << std::endl;
}

static std::vector<double> read(std::size_t n)
{
    std::vector<double> values(n);
    for (double &value : values)
        std::cin >> value;
    return values;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    std::cin.exceptions(std::ios::failbit | std::ios::badbit);
    try {
        obe::client server("", std::stoi(argv[1]));
        server.wait_ready(std::chrono::seconds(60));
        server.newrun();
        for (int round = std::stoi(argv[2]); round > 0; round--) {
            const std::vector<double> setting = server.goodset();
            print(setting);
            std::size_t channels = 0;
            std::cin >> channels;
            const std::vector<double> values = read(channels), deviations = read(channels);
            server.newdat(setting, values, deviations);
        }
        print(server.getmean());
        print(server.getstd());
        server.done();
    } catch (const std::exception &e) {
        std::cerr << "instrument: " << e.what() << std::endl;
        return 1;
    }
    return 0;
}
