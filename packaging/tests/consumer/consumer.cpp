// The same as consumer.c, in C++.
#include <iostream>
#include <obe.hpp>

int main()
{
    try {
        const obe::time_limit limit = std::chrono::seconds(30);
        obe::server server("", 0);
        obe::client client("", server.port());
        client.send("optset", limit);
        server.receive(limit);
        server.send({2.87}, limit);
        std::cout << client.receive(limit) << " " << obe_version() << "\n";
    } catch (const obe::error &error) {
        std::cout << error.what() << "\n";
        return 1;
    }
}
